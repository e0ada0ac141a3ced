"""Check an account before a stack is created in it, because a creation that fails takes long."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.deploy.errors import DeploymentFailed

if TYPE_CHECKING:
    from infra.deploy.clouds import Cloud
    from infra.deploy.stages import Stage

_LEFT_TO_OTHERS = 100
"""Functions at a time that Lambda wants to remain unreserved."""
_ENGINE = "aurora-postgresql"


def check_account(cloud: Cloud, stage: Stage, packages: Path, progress: Callable[[str], None]) -> None:
    """Ask AWS whether the account can have what the stage wants; a LocalStack is not asked.

    Raises
    ------
    DeploymentFailed
        With every obstacle, and what to do about each.
    """
    if not cloud.is_aws:
        return
    declared = json.loads((packages / "template.json").read_bytes())["Parameters"]
    defaults = {name: str(parameter.get("Default", "")) for name, parameter in declared.items()}
    parameters = defaults | stage.parameters
    checks = [_concurrency]
    if parameters["Managed"] == "true":
        checks += [_zones, _database]
    obstacles: list[str] = []
    for check in checks:
        try:
            obstacles += check(cloud, parameters)
        except ClientError as error:  # credentials that may deploy need not be allowed to ask
            progress(f"not checked: {error}")
    if obstacles:
        raise DeploymentFailed("\n  ".join(["nothing was made, because it would fail:", *obstacles]))


def _concurrency(cloud: Cloud, parameters: dict[str, str]) -> Iterator[str]:
    count = int(parameters["ApiConcurrency"])
    free = cloud.functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    if count and free - count < _LEFT_TO_OTHERS:
        yield (
            f"ApiConcurrency: {count} functions at a time cannot be reserved, because {free} are left in this account"
            f" and {_LEFT_TO_OTHERS} must remain. Set it to 0, or have AWS raise the quota 'Concurrent executions'"
        )


def _zones(cloud: Cloud, parameters: dict[str, str]) -> Iterator[str]:
    zones = cloud.ec2.describe_availability_zones(Filters=[{"Name": "state", "Values": ["available"]}])
    letters = sorted(zone["ZoneName"].removeprefix(cloud.region) for zone in zones["AvailabilityZones"])
    for name in ("FirstZone", "SecondZone"):
        if parameters[name] not in letters:
            yield f"{name}: {cloud.region} has no zone {parameters[name]!r} for this account, but {', '.join(letters)}"


def _database(cloud: Cloud, parameters: dict[str, str]) -> Iterator[str]:
    version = parameters["DatabaseVersion"]
    pages = cloud.rds.get_paginator("describe_db_engine_versions").paginate(Engine=_ENGINE)
    offered = [each["EngineVersion"] for page in pages for each in page["DBEngineVersions"]]
    if version not in offered:
        major = version.split(".")[0]
        others = [other for other in offered if other.split(".")[0] == major]
        yield f"DatabaseVersion: AWS makes no {_ENGINE} {version} any more; of {major} there are {', '.join(others)}"
