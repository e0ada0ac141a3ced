"""LocalStack's CloudFormation without its waits, which are most of a deployment's time.

The engine looks through the whole call stack for each reference that it resolves, in aid of a log line, and sleeps for
five seconds between two looks at a resource that is not ready yet. Neither changes what is deployed.
"""

from localstack.services.cloudformation.engine import template_deployer
from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor

_LOOK_EVERY_S = 0.05


def install() -> None:
    """Take out both."""
    for name in ("resolve_refs_recursively", "_resolve_refs_recursively"):
        traced = getattr(template_deployer, name)
        setattr(template_deployer, name, getattr(traced, "__wrapped__", traced))
    deploy_loop = ResourceProviderExecutor.deploy_loop
    most_loops, _ = deploy_loop.__defaults__
    deploy_loop.__defaults__ = (most_loops, _LOOK_EVERY_S)
