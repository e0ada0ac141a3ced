"""A planned run's sample is read with few requests, compared by either engine, and counted right."""

from dataclasses import replace

import numpy as np
import pytest

from linkage import estimating
from linkage.encodings.encoding_sets import Memberships, sort_encodings
from linkage.estimating import SampledRun, count_once, find_in_sample
from linkage.plans.sampling import estimate
from linkage.store.encoding_sets import EncodingSetStore
from linkage.testing.world import in_memory_world

RECORDS, SIZE = 400, 16


class CountingObjects:
    """Objects that count the reads of ranges."""

    def __init__(self, objects):
        self._objects = objects
        self.reads = 0

    def __getattr__(self, name):
        return getattr(self._objects, name)

    def get_cached_range(self, *where):
        self.reads += 1
        return self._objects.get_cached_range(*where)


@pytest.fixture
def people():
    """Three data sets of the same people, some of whom are alike; a few bits differ."""
    generator = np.random.default_rng(3)
    alike = generator.integers(0, 256, (40, SIZE), dtype=np.uint8)
    return [
        alike[np.arange(RECORDS) % 40] ^ np.packbits(generator.random((RECORDS, 8 * SIZE)) < 0.05, axis=1)
        for _ in range(3)
    ]


def store(datasets, blocks_of, world):
    """Store encoding sets; ``blocks_of`` gives the blocks of a record."""
    sets = []
    for number, encodings in enumerate(datasets):
        held = [(record, block) for record in range(len(encodings)) for block in blocks_of(record)]
        keys = np.array([b"%016d" % block for _, block in held], dtype="S16")
        memberships = Memberships(keys, np.array([record for record, _ in held], dtype=np.uint32))
        each = sort_encodings(encodings, memberships)
        sets.append(each)
        EncodingSetStore(f"{number}/", world).write(each)
    prefixes = [f"{number}/" for number in range(len(datasets))]
    return SampledRun("a run", 0.75, SIZE, prefixes, [each.blocks for each in sets])


def count_candidates(datasets, blocks_of, threshold=0.75):
    """Count the candidate pairs that share a block, by the definition: each once for each block, and each once."""
    shared = np.array([[len(set(blocks_of(a)) & set(blocks_of(b))) for b in range(RECORDS)] for a in range(RECORDS)])
    repeated = once = 0
    bits = [np.unpackbits(each, axis=1).astype(int) for each in datasets]
    for left, right in ((0, 1), (0, 2), (1, 2))[: 1 if len(datasets) == 2 else 3]:
        totals = np.add.outer(bits[left].sum(axis=1), bits[right].sum(axis=1))
        similar = 2 * (bits[left] @ bits[right].T) / totals >= threshold
        repeated += int((similar * shared).sum())
        once += int((similar & (shared > 0)).sum())
    return repeated, once


def several_blocks(record):
    return [record // 50, 100 + record // 100, 200 + record % 2]


@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("engine", ["native", "anonlink"])
def test_both_numbers_of_candidate_pairs_are_estimated(people, parties, engine):
    """In blocks that are small enough to be read whole, only the number of draws of each is random."""
    world = in_memory_world(engine=engine)
    sampled = store(people[:parties], several_blocks, world)
    comparisons = int(np.square(sampled.datasets[0]["row_count"].astype(int)).sum()) * (parties * (parties - 1) // 2)

    repeated = find_in_sample(sampled, world)
    once = count_once(repeated, sampled, world)

    told = [estimate(pairs, comparisons).candidates for pairs in (repeated, once)]
    assert told == [pytest.approx(count, rel=0.1) for count in count_candidates(people[:parties], several_blocks)]


def test_very_many_pairs_are_thinned_and_count_as_many(people, monkeypatch):
    world = in_memory_world()
    sampled = store(people[:2], several_blocks, world)
    pairs = find_in_sample(sampled, world)
    whole = estimate(count_once(pairs, sampled, world), 10**9)

    monkeypatch.setattr(estimating, "MOST_MEMBERSHIPS", 3_000)
    thinned = estimate(count_once(pairs, sampled, world), 10**9)

    assert len(thinned.scores) < len(whole.scores) / 3
    assert thinned.candidates == pytest.approx(whole.candidates, rel=0.1)


def test_many_tiny_blocks_are_read_with_few_requests(people):
    world = in_memory_world()
    counting = CountingObjects(world.objects)
    sampled = store(people[:2], lambda record: [record // 2], world)

    find_in_sample(sampled, replace(world, objects=counting))

    assert counting.reads == 2
