"""Worlds for this tier's own tests."""

from collections.abc import Callable

import pytest

from linkage.ports import World
from tests.worlds.servers import WorldsOnServers


@pytest.fixture
def make_world(worlds_on_servers: WorldsOnServers) -> Callable[..., World]:
    """A function from settings to a fresh world on real servers."""
    return worlds_on_servers.make
