"""For any uploads the result equals the definition: through the real routes and handlers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.testing.world import in_memory_world
from tests.driving import driver
from tests.oracle import groups_by_definition, groups_of_result


@st.composite
def linkage_problems(draw):
    """Data sets with any overlap, duplicates, ties, and parties of one record."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    entities = generator.integers(0, 256, (draw(st.integers(1, 10)), 8), dtype=np.uint8)
    datasets = []
    for _ in range(draw(st.integers(2, 4))):
        chosen = entities[generator.integers(0, len(entities), draw(st.integers(1, 8)))]
        flips = np.packbits(generator.random((len(chosen), 64)) < draw(st.sampled_from([0, 0.02, 0.2])), axis=1)
        datasets.append(chosen ^ flips)
    return datasets


@settings(deadline=None, max_examples=40)
@given(
    datasets=linkage_problems(), threshold=st.sampled_from([0.5, 0.75, 0.8, 1.0]), chunk=st.sampled_from([1, 7, 1000])
)
def test_the_result_is_that_of_the_definition_whatever_the_chunking(datasets, threshold, chunk):
    service = driver(in_memory_world(chunk_min_comparisons=1, chunk_max_comparisons=chunk))

    result = service.link(datasets, threshold)

    assert groups_of_result(result) == groups_by_definition(datasets, threshold)


@pytest.fixture
def datasets():
    generator = np.random.default_rng(7)
    entities = generator.integers(0, 256, (60, 16), dtype=np.uint8)
    return [entities[generator.permutation(60)[:50]] for _ in range(3)]


def test_the_bytes_of_a_result_do_not_depend_on_the_chunking(datasets):
    results = {
        driver(in_memory_world(chunk_min_comparisons=1, chunk_max_comparisons=size)).link(datasets)
        for size in (10, 333, 10**9)
    }

    assert len(results) == 1


def test_messages_may_come_in_any_order(datasets):
    service = driver(in_memory_world(chunk_min_comparisons=1, chunk_max_comparisons=100))
    project = service.create_project(3)
    run_id = service.post_run(project)
    for party in (2, 0, 1):
        service.upload(project, party, datasets[party])
    service.deliver_all(("intake", "plan"))
    chunks = service.waiting("compare")
    service.queues.sent.reverse()
    for body in reversed(chunks):
        assert service.deliver("compare", body) == []
    service.deliver_all()

    expected = driver(in_memory_world()).link(datasets)
    service.use(service.world)
    assert service.get_run(project, run_id, "result").body == expected
