"""The world in memory, for what must hold in every world; and the packages that are deployed."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from infra.packaging import ROOT, build
from linkage.testing.world import in_memory_world
from tests.rendering import ALL_OPTIONS, Template, rendered


@pytest.fixture
def make_world():
    worlds = []

    def make(**settings):
        worlds.append(in_memory_world(**settings))
        return worlds[-1]

    make.worlds = worlds
    return make


@pytest.fixture
def flush_redis():
    return lambda world: world.progress.runs.clear()


@pytest.fixture
def rows_of(make_world):
    """A function from a project's id to the tables that still have rows of it."""

    def rows(project_id):
        tables = make_world.worlds[0].projects.tables
        return [field.name for field in fields(tables) if project_id in repr(getattr(tables, field.name))]

    return rows


@pytest.fixture
def audit_of(make_world):
    """A function from a project's id to what the audit trail says of it."""

    def audit(project_id):
        tables = make_world.worlds[0].projects.tables
        return [event for event, project, _ in tables.audit if project == project_id]

    return audit


@pytest.fixture(scope="session")
def packages() -> Path:
    return build(ROOT / "build" / "packages")


@pytest.fixture(scope="session")
def source(packages: Path) -> Template:
    return json.loads((packages / "template.json").read_text())


@pytest.fixture(scope="session")
def template(source: Template) -> Template:
    """What is made on AWS, with every option that there is."""
    return rendered(source, **ALL_OPTIONS)
