"""Worlds for this tier's own tests."""

import pytest


@pytest.fixture
def make_world(worlds_on_servers):
    """A function from settings to a fresh world on real servers."""
    return worlds_on_servers.make
