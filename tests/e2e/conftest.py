"""All of it runs with both object stores; OBJECT_STORE chooses one."""

import pytest


@pytest.fixture(scope="session")
def stack(each_stack):
    """The service, deployed to a local stack, with each object store in turn."""
    return each_stack
