"""Each promise is tested in memory and, with the marker `servers`, on real servers."""

from collections.abc import Callable, Sequence

import pytest

from linkage.ports import World
from tests.worlds import Worlds
from tests.worlds.memory import WorldsInMemory


@pytest.fixture(params=["memory", pytest.param("servers", marks=pytest.mark.servers)])
def worlds(request: pytest.FixtureRequest) -> Worlds:
    if request.param == "memory":
        return WorldsInMemory()
    on_servers: Worlds = request.getfixturevalue("worlds_on_servers")
    return on_servers


@pytest.fixture
def make_world(worlds: Worlds) -> Callable[..., World]:
    """A function from settings to a fresh world."""
    return worlds.make


@pytest.fixture
def flush_redis(worlds: Worlds) -> Callable[[], None]:
    return worlds.flush_redis


@pytest.fixture
def rows_of(worlds: Worlds) -> Callable[[str], Sequence[str]]:
    """A function from a project's id to the tables that still have rows of it."""
    return worlds.rows_of


@pytest.fixture
def audit_of(worlds: Worlds) -> Callable[[str], Sequence[str]]:
    """A function from a project's id to its events in the audit trail."""
    return worlds.audit_of
