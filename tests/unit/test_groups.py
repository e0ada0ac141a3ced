"""Groups are those of the definition, and of anonlink."""

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.candidates import sort_pairs
from linkage.groups import dump_groups, solve_groups
from linkage.similarity import find_candidates
from tests.oracle import groups_by_definition, groups_of_anonlink, groups_of_result


def noisy_copies(seed, parties, records, size=8):
    """Data sets that share entities, with some bits flipped, and with duplicates and ties."""
    generator = np.random.default_rng(seed)
    entities = generator.integers(0, 256, (records, size), dtype=np.uint8)
    datasets = []
    for _ in range(parties):
        chosen = entities[generator.integers(0, records, records)]
        noise = np.packbits(generator.random((records, size * 8)) < 0.03, axis=1)
        datasets.append(chosen ^ noise)
    return datasets


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), parties=st.integers(2, 5), records=st.integers(1, 12))
def test_groups_are_those_of_the_definition_and_of_anonlink(seed, parties, records):
    datasets = noisy_copies(seed, parties, records)
    pairs = {
        (left, right): sort_pairs(find_candidates(datasets[left], datasets[right], 0.8))
        for left, right in combinations(range(parties), 2)
    }

    groups = groups_of_result(dump_groups(solve_groups(pairs)))

    assert groups == groups_by_definition(datasets, 0.8)
    assert groups == groups_of_anonlink(datasets, 0.8)
    assert all(len({dataset for dataset, _ in group}) == len(group) for group in groups)


def test_no_pairs_make_no_groups():
    assert dump_groups(solve_groups({})) == b'{"groups":[]}'
    assert solve_groups({(0, 1): sort_pairs(find_candidates(*noisy_copies(1, 2, 1), 1.0))}) in ([], [[(0, 0), (1, 0)]])
