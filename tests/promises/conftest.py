"""Each promise is tested in memory and, with the marker `servers`, on real servers."""

import pytest

from tests.worlds.memory import WorldsInMemory


@pytest.fixture(params=["memory", pytest.param("servers", marks=pytest.mark.servers)])
def worlds(request):
    return WorldsInMemory() if request.param == "memory" else request.getfixturevalue("worlds_on_servers")


@pytest.fixture
def make_world(worlds):
    """A function from settings to a fresh world."""
    return worlds.make


@pytest.fixture
def flush_redis(worlds):
    return worlds.flush_redis


@pytest.fixture
def rows_of(worlds):
    """A function from a project's id to the tables that still have rows of it."""
    return worlds.rows_of


@pytest.fixture
def audit_of(worlds):
    """A function from a project's id to what the audit trail says of it."""
    return worlds.audit_of
