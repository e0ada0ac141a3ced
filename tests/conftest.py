"""What every tier uses: data to link, and the deployed local stack."""

import os

import numpy as np
import pytest

from infra.local.stack import LOCALSTACK, remove_data, running_stack
from linkage.testing import in_memory_world
from tests.driving import driver


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """The service, deployed to a local stack of the tests' own, on free ports; it ends with the tests.

    Its object store is what OBJECT_STORE says.
    """
    state = tmp_path_factory.mktemp("stack")
    with running_stack(state, object_store=os.environ.get("OBJECT_STORE") or LOCALSTACK, progress=print) as stack:
        yield stack
    remove_data(state)


@pytest.fixture(scope="session")
def datasets():
    """Three data sets of 50 records that share entities, with a few bits of noise."""
    generator = np.random.default_rng(7)
    entities = generator.integers(0, 256, (60, 16), dtype=np.uint8)
    noise = [np.packbits(generator.random((50, 128)) < 0.02, axis=1) for _ in range(3)]
    return [entities[generator.permutation(60)[:50]] ^ flips for flips in noise]


@pytest.fixture(scope="session")
def expected(datasets):
    """The result of linking them, undisturbed: bytes."""
    return driver(in_memory_world()).link(datasets)
