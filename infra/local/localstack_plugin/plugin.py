"""The entry points by which LocalStack finds this package.

They are read on every start, so what they need is imported only when it is used.
"""

import os
from functools import cached_property
from typing import Any

from localstack.aws.components import AwsComponents
from localstack.runtime import hooks
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """The executor, chosen by `LAMBDA_RUNTIME_EXECUTOR=process`."""

    name = "process"

    def load(self, *_arguments: Any, **_options: Any) -> type:
        """Return the executor's class."""
        from infra.local.localstack_plugin.functions.executor import ProcessExecutor

        return ProcessExecutor


class LoopbackComponents(AwsComponents):
    """The server, chosen by `RUNTIME_COMPONENTS=loopback`."""

    name = "loopback"

    @cached_property
    def runtime_server(self) -> Any:
        """Return the server that listens on loopback alone."""
        from infra.local.localstack_plugin.api_gateway.routing import LoopbackServer

        return LoopbackServer()


@hooks.on_infra_start()
def behave_like_lambda() -> None:
    """Make LocalStack behave as AWS does."""
    from infra.local.localstack_plugin import fidelity
    from infra.local.localstack_plugin.api_gateway import gateway_responses, updates

    fidelity.install()
    gateway_responses.install()
    updates.install()


@hooks.on_infra_start()
def enforce_permissions() -> None:
    """Enforce the permissions of S3."""
    from infra.local.localstack_plugin.s3_permissions import enforcement

    enforcement.install()


@hooks.on_infra_start()
def deploy_without_waiting() -> None:
    """Remove the waits from deployments."""
    from infra.local.localstack_plugin import cloudformation

    cloudformation.install()


@hooks.on_infra_shutdown(priority=1000)
def stop_at_once() -> None:
    """Exit without LocalStack's ten seconds of waiting for open long polls.

    It keeps nothing from one start to the next, so there is nothing to put in order.
    """
    from infra.local.localstack_plugin.functions.executor import stop_all

    stop_all()
    os._exit(0)
