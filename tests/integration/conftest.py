"""All of this tier needs servers."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.servers)


@pytest.fixture
def make_world(worlds_on_servers):
    """A function from settings to a fresh world on real servers."""
    return worlds_on_servers.make
