"""The error of a deployment that cannot go on."""

from __future__ import annotations


class DeploymentFailed(Exception):
    """The deployment failed; the message says why."""
