"""Run a function in an execution environment, one invocation at a time.

A process that timed out, crashed or grew beyond its memory size is ended, and the next
invocation starts another in the same environment with the same /tmp, as on AWS.
"""

import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from infra.local.localstack_plugin.functions import reports
from infra.local.localstack_plugin.functions.limits import error_payload
from infra.local.localstack_plugin.functions.output import FunctionOutput
from infra.local.localstack_plugin.functions.process import Function, RuntimeProcess
from infra.local.localstack_plugin.functions.runtime_api import (
    InitFailed,
    Invocation,
    Outcome,
    RuntimeApi,
)

# Seconds between two checks of a running invocation. Its answer does not wait for them.
_CHECK_EVERY_S = 0.1


class ExecutionEnvironment:
    """Runs a function in a process of its own."""

    def __init__(self, function: Function, variables: Mapping[str, str]) -> None:
        self._function = function
        self._home = Path(tempfile.mkdtemp(prefix=f"{function.name}-"))
        self._variables = {**variables, "TMPDIR": str(self._home)}
        self._output = FunctionOutput(function.log_file)
        self._init_ms: float | None = None
        self._api: RuntimeApi | None = None
        self._process: RuntimeProcess | None = None

    def start(self) -> None:
        """Start the process and wait until it has loaded the handler's module.

        Raises
        ------
        InitFailed
            If it could not be loaded, or not in time.
        """
        began = time.monotonic()
        self._end_process()
        self._api = RuntimeApi()
        address = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_port}"}
        variables = {**self._variables, **address}
        self._process = RuntimeProcess(self._function, variables, self._output)
        self._await_init(self._api, self._process, began)
        self._init_ms = (time.monotonic() - began) * 1000

    def invoke(self, request_id: str, payload: bytes, headers: Mapping[str, str]) -> tuple[Outcome, str]:
        """Run the handler once; return its outcome and the lines that Lambda would log."""
        start = f"START RequestId: {request_id} Version: $LATEST\n"
        self._output.write(start)
        began = time.monotonic()
        outcome = self._run(request_id, payload, headers)
        end = self._report(request_id, (time.monotonic() - began) * 1000)
        log = start + self._output.take() + end
        self._output.write(end)
        return outcome, log

    def stop(self) -> None:
        """Stop the process, and delete the files of the environment."""
        self._end_process()
        self._output.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def output(self) -> str:
        """Return the output since the last report."""
        return self._output.take()

    def _await_init(self, api: RuntimeApi, process: RuntimeProcess, began: float) -> None:
        while not _done(api.ready):
            if (status := process.exit_status()) is not None:
                api.fail_init(reports.exited("init", status))
            elif time.monotonic() - began > self._function.init_timeout_s:
                process.kill()
                limit = f"Init took longer than {self._function.init_timeout_s} s"
                api.fail_init(error_payload("Sandbox.Timedout", limit))
        api.ready.result()

    def _run(self, request_id: str, payload: bytes, headers: Mapping[str, str]) -> Outcome:
        if self._process is None or self._process.exit_status() is not None:
            try:
                self.start()
            except InitFailed as error:
                return Outcome(error.payload, is_error=True)
        assert self._api is not None
        assert self._process is not None
        deadline = time.time() + self._function.timeout_s
        invocation = _invocation(request_id, payload, headers, deadline)
        self._api.submit(invocation)
        return self._await_outcome(invocation, self._process, deadline)

    def _await_outcome(self, invocation: Invocation, process: RuntimeProcess, deadline: float) -> Outcome:
        failure: bytes | None = None
        while failure is None and not _done(invocation.outcome):
            failure = self._failure(invocation.request_id, process, deadline)
        # A process that outgrew its memory between two checks would have been killed on AWS.
        failure = failure or self._overgrown(invocation.request_id, process)
        if failure is None:
            return invocation.outcome.result()
        process.kill()
        return Outcome(failure, is_error=True)

    def _failure(self, request_id: str, process: RuntimeProcess, deadline: float) -> bytes | None:
        if (status := process.exit_status()) is not None:
            return reports.exited(request_id, status)
        if time.time() >= deadline:
            return reports.timed_out(request_id, self._function.timeout_s)
        return self._overgrown(request_id, process)

    def _overgrown(self, request_id: str, process: RuntimeProcess) -> bytes | None:
        if process.peak_memory_mb() <= self._function.memory_size_mb:
            return None
        return reports.exited(request_id, -signal.SIGKILL)

    def _report(self, request_id: str, duration_ms: float) -> str:
        peak_mb = self._process.peak_memory_mb() if self._process else 0
        figures = reports.Figures(duration_ms, self._function.memory_size_mb, peak_mb, self._init_ms)
        self._init_ms = None  # reported once, by the invocation that waited for it
        return f"END RequestId: {request_id}\n" + reports.report(request_id, figures)

    def _end_process(self) -> None:
        if self._process:
            self._process.kill()
        if self._api:
            self._api.close()
        self._process = self._api = None


def _invocation(request_id: str, payload: bytes, headers: Mapping[str, str], deadline: float) -> Invocation:
    runtime_headers = {
        **headers,
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": request_id,
        "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
    }
    return Invocation(request_id, runtime_headers, payload, Future())


def _done(future: "Future[Any]") -> bool:
    """Wait briefly, and tell whether the future is done."""
    try:
        future.exception(timeout=_CHECK_EVERY_S)
    except TimeoutError:
        return False
    return True
