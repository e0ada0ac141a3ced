"""Remove the waits of LocalStack's CloudFormation, which are most of a deployment's time.

The engine looks through the whole call stack for each reference that it resolves, for a log line, and sleeps for
five seconds between two checks of a resource that is not ready yet. Neither changes what is deployed.
"""

from localstack.services.cloudformation.engine import template_deployer
from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor

_CHECK_EVERY_S = 0.05


def install() -> None:
    """Remove the search of the call stack, and shorten the sleep."""
    for name in ("resolve_refs_recursively", "_resolve_refs_recursively"):
        traced = getattr(template_deployer, name)
        setattr(template_deployer, name, getattr(traced, "__wrapped__", traced))
    deploy_loop = ResourceProviderExecutor.deploy_loop
    most_loops, _ = deploy_loop.__defaults__
    deploy_loop.__defaults__ = (most_loops, _CHECK_EVERY_S)
