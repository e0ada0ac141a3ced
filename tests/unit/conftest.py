"""The world in memory, for what must hold in every world."""

from dataclasses import fields

import pytest

from linkage.testing import in_memory_world


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
