"""What an account must have before a stack is made in it: asked first, because a creation that fails takes long."""

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
    """Ask AWS whether it can make what the stage says; a LocalStack is not asked.

    Raises
    ------
    DeploymentFailed
        With all that is in the way, and what to do about each.
    """
    if not cloud.is_aws:
        return
    known = json.loads((packages / "template.json").read_bytes())["Parameters"]
    parameters = {name: str(said.get("Default", "")) for name, said in known.items()} | stage.parameters
    checks = [_concurrency]
    if parameters["Managed"] == "true":
        checks += [_zones, _database]
    found: list[str] = []
    for check in checks:
        try:
            found += check(cloud, parameters)
        except ClientError as error:  # who may deploy need not be one who may ask
            progress(f"not checked: {error}")
    if found:
        raise DeploymentFailed("\n  ".join(["nothing was made, because it would fail:", *found]))


def _concurrency(cloud: Cloud, parameters: dict[str, str]) -> Iterator[str]:
    wanted = int(parameters["ApiConcurrency"])
    free = cloud.functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    if wanted and free - wanted < _LEFT_TO_OTHERS:
        yield (
            f"ApiConcurrency: {wanted} functions at a time cannot be reserved, because {free} are left in this account"
            f" and {_LEFT_TO_OTHERS} must remain. Set it to 0, or have AWS raise the quota 'Concurrent executions'"
        )


def _zones(cloud: Cloud, parameters: dict[str, str]) -> Iterator[str]:
    zones = cloud.ec2.describe_availability_zones(Filters=[{"Name": "state", "Values": ["available"]}])
    letters = sorted(zone["ZoneName"].removeprefix(cloud.region) for zone in zones["AvailabilityZones"])
    for name in ("FirstZone", "SecondZone"):
        if parameters[name] not in letters:
            yield f"{name}: {cloud.region} has no zone {parameters[name]!r} for this account, but {', '.join(letters)}"


def _database(cloud: Cloud, parameters: dict[str, str]) -> Iterator[str]:
    wanted = parameters["DatabaseVersion"]
    pages = cloud.rds.get_paginator("describe_db_engine_versions").paginate(Engine=_ENGINE)
    versions = [found["EngineVersion"] for page in pages for found in page["DBEngineVersions"]]
    if wanted not in versions:
        major = wanted.split(".")[0]
        others = [version for version in versions if version.split(".")[0] == major]
        yield f"DatabaseVersion: AWS makes no {_ENGINE} {wanted} any more; of {major} there are {', '.join(others)}"
