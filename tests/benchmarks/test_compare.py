"""How many 1,024-bit encodings one worker compares in a second, and how many candidate pairs it groups."""

import numpy as np
import pytest

from linkage.candidates import PAIR, sort_pairs
from linkage.groups import solve_groups
from linkage.similarity import find_candidates

SEED = 20_250_101


@pytest.mark.benchmark
@pytest.mark.parametrize("threshold", [0.7, 0.8, 0.9])
def test_find_candidates(benchmark, threshold):
    generator = np.random.default_rng(SEED)
    left, right = (np.packbits(generator.random((4000, 1024)) < 0.4, axis=1) for _ in range(2))
    right[:100] = left[:100]

    pairs = benchmark.pedantic(find_candidates, (left, right, threshold), rounds=3)

    assert len(pairs) == 100
    benchmark.extra_info["comparisons_per_second"] = round(4000**2 / benchmark.stats.stats.median)


@pytest.mark.benchmark
def test_solve_groups(benchmark):
    generator = np.random.default_rng(SEED)
    pairs = np.zeros(200_000, dtype=PAIR)
    pairs["left"], pairs["right"] = generator.integers(0, 100_000, (2, len(pairs)))
    pairs["common"], pairs["total"] = generator.integers(400, 500, len(pairs)), 1000
    pairs = sort_pairs(pairs)

    groups = benchmark.pedantic(solve_groups, ({(0, 1): pairs},), rounds=3)

    assert groups
    benchmark.extra_info["candidates_per_second"] = round(len(pairs) / benchmark.stats.stats.median)
