"""The executor by which LocalStack runs functions in execution environments."""

import os
import weakref
from pathlib import Path
from typing import Any

from localstack import config
from localstack.services.lambda_.invocation.executor_endpoint import (
    StatusErrorException,
)
from localstack.services.lambda_.invocation.lambda_models import (
    FunctionVersion,
    InvocationResult,
)
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from infra.local.localstack_plugin.functions.environment import ExecutionEnvironment
from infra.local.localstack_plugin.functions.process import Function
from infra.local.localstack_plugin.functions.runtime_api import InitFailed
from infra.local.localstack_plugin.s3_permissions import enforcement
from infra.local.minio.settings import with_object_store

INTERPRETER = "LINKAGE_LAMBDA_PYTHON"
LOG_FOLDER = "LINKAGE_LAMBDA_LOGS"
OBJECT_STORE = "LINKAGE_OBJECT_STORE"
RUNTIME = "python3.13"

_executors: "weakref.WeakSet[ProcessExecutor]" = weakref.WeakSet()

# LocalStack's own, which no function on AWS has.
_FOREIGN = ("LOCALSTACK_", "EDGE_PORT")


class ProcessExecutor(RuntimeExecutor):
    """Runs a function version in an execution environment of its own."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002
        super().__init__(id, function_version)
        self._environment: ExecutionEnvironment | None = None
        self._variables: dict[str, str] = {}
        self._told: dict[str, str] = {}
        _executors.add(self)

    def start(self, env_vars: dict[str, Any]) -> None:
        """Start the environment; raise an error for LocalStack's answer if it cannot be started."""
        self._variables = {name: str(value) for name, value in env_vars.items() if not name.startswith(_FOREIGN)}
        self._variables["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{RUNTIME}"
        enforcement.keep_alive(self._variables["AWS_ACCESS_KEY_ID"])
        self._start()

    def _start(self) -> None:
        self._told = self._variables_now()
        self._environment = ExecutionEnvironment(_function(self.function_version), self._told)
        try:
            self._environment.start()
        except InitFailed as error:
            message = "the handler could not be loaded"
            raise StatusErrorException(message, payload=error.payload) from error

    def _variables_now(self) -> dict[str, str]:
        settings = os.environ.get(OBJECT_STORE)
        if not settings:
            return self._variables
        return with_object_store(self._variables, Path(settings), self.function_version.config.role)

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run the handler once."""
        if self._told != self._variables_now():
            # It was started before its role had a user in the object store.
            self.stop()
            self._start()
        assert self._environment is not None, "LocalStack starts before it invokes"
        headers = {
            "Lambda-Runtime-Invoked-Function-Arn": payload["invoked-function-arn"],
            "Lambda-Runtime-Trace-Id": payload.get("trace-id", ""),
        }
        request_id = payload["invoke-id"]
        body = payload["payload"].encode()
        outcome, logs = self._environment.invoke(request_id, body, headers)
        return InvocationResult(request_id, outcome.payload, is_error=outcome.is_error, logs=logs)

    def stop(self) -> None:
        """Stop the environment and its process."""
        if self._environment:
            self._environment.stop()

    def get_logs(self) -> str:
        """Return the output since the last invocation's report."""
        return self._environment.output() if self._environment else ""

    def get_address(self) -> str:
        """Return the address of the environment, as LocalStack sees it."""
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        """Return the address of LocalStack, as the environment sees it."""
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        """Return nothing: the environment has a Runtime API of its own."""
        return ""

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack the function's code and layers."""
        settings = function_version.config
        if settings.runtime != RUNTIME:
            raise ValueError(f"only {RUNTIME} is run here, not {settings.runtime}")
        settings.code.prepare_for_execution()
        for layer in settings.layers:
            layer.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Keep the unpacked code: other versions may share it."""


def stop_all() -> None:
    """Stop every environment."""
    for executor in list(_executors):
        executor.stop()


def _function(version: FunctionVersion) -> Function:
    settings = version.config
    name = version.id.function_name
    return Function(
        name=name,
        handler=settings.handler,
        interpreter=Path(os.environ[INTERPRETER]),
        code=settings.code.get_unzipped_code_location(),
        layers=_layer_folders(settings.layers),
        timeout_s=settings.timeout,
        memory_size_mb=settings.memory_size,
        # LocalStack's own limit is the last resort: it could not say what happened.
        init_timeout_s=config.LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT - 5,
        log_file=Path(os.environ[LOG_FOLDER], f"{name}.log"),
    )


def _layer_folders(layers: list[Any]) -> list[Path]:
    """Return the folders of the layers' Python code, in the order of the path.

    AWS unpacks all layers into /opt, a later one over an earlier one. Here each has a
    folder of its own, so a later one comes earlier on the path.
    """
    unpacked = [layer.code.get_unzipped_code_location() for layer in reversed(layers)]
    places = ("python", f"python/lib/{RUNTIME}/site-packages")
    return [folder / place for folder in unpacked for place in places]
