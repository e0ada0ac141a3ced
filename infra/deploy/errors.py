"""What a deployment says when it cannot go on."""

from __future__ import annotations


class DeploymentFailed(Exception):
    """The stack is not as it should be; the message says why."""
