"""Read a stage (where and how the service is deployed) from its file in infra/stages/."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from infra.deploy.errors import DeploymentFailed
from infra.packaging.runtimes import ARCHITECTURES, DEFAULT, NAMES

FOLDER = Path(__file__).resolve().parents[1] / "stages"
LONGEST_STACK_NAME = 22
"""Buckets, the cache and its users are named after the stack, and this is what their names leave."""
_STACK_NAME = re.compile(rf"(?=.{{1,{LONGEST_STACK_NAME}}}$)[a-z][a-z0-9]*(-[a-z0-9]+)*")  # RDS takes no two hyphens


@dataclass(frozen=True)
class Stage:
    """A stage, as its file describes it. `parameters` are those of infra/template.yaml."""

    name: str
    stack_name: str
    region: str
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    protected: bool = False
    last_snapshot: bool = True
    """Whether a database that is deleted leaves a snapshot."""
    runtime: str = DEFAULT.name
    architecture: str = DEFAULT.architecture


def read_stage(name: str, folder: Path = FOLDER) -> Stage:
    """Read a stage's file.

    Raises
    ------
    DeploymentFailed
        If there is no such stage, or its file is not valid.
    """
    file = folder / f"{name}.yaml"
    if not file.exists():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.yaml")))
        raise DeploymentFailed(f"there is no stage {name!r}; there are: {known} (a new one is a file in infra/stages/)")
    try:
        document = yaml.safe_load(file.read_text())
        return _stage(name, document)
    except (yaml.YAMLError, TypeError, ValueError, AttributeError) as error:
        raise DeploymentFailed(f"{file}: {error}") from error


def _stage(name: str, document: dict[str, Any]) -> Stage:
    parameters = {key: _text(key, value) for key, value in (document.pop("parameters", None) or {}).items()}
    tags = {key: str(value) for key, value in (document.pop("tags", None) or {}).items()}
    stage = Stage(name, parameters=parameters, tags=tags, **document)
    for key, value, choices in (
        ("runtime", stage.runtime, NAMES),
        ("architecture", stage.architecture, ARCHITECTURES),
    ):
        if value not in choices:
            raise ValueError(f"{key}: one of {', '.join(choices)}, not {value!r}")
    if not _STACK_NAME.fullmatch(stage.stack_name):
        allowed = f"at most {LONGEST_STACK_NAME} lower-case letters, digits and single hyphens"
        raise ValueError(f"stack_name: {allowed}, not {stage.stack_name!r}")
    return stage


def _text(name: str, value: object) -> str:
    """Return a parameter's value as the text that CloudFormation takes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value))
    if value is None or isinstance(value, dict):
        raise ValueError(f"{name} has no value")
    return str(value)
