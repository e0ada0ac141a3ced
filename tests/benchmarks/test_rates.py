"""The cost model's constants of comparing: comparisons a second by threshold, and the cost of a row.

On the AVX2 path, which every x86 processor of Lambda has; others are shown beside it. CPU time of one thread.
"""

import statistics
import time

import numpy as np
import pytest

from linkage.cost.assumptions import RATES, ROW_SECONDS
from linkage.encodings.encoding_sets import popcounts
from linkage.engines.choice import engine
from linkage.engines.kernel import KernelPath, paths
from linkage.engines.native import NativeEngine
from tests.benchmarks.comparing import THRESHOLD, load
from tests.benchmarks.people import make_people

pytestmark = pytest.mark.benchmark
ROUNDS = 3
PATHS = [path for path in (KernelPath.AVX2, KernelPath.AVX512, KernelPath.NEON) if path in paths()]


@pytest.fixture(scope="module")
def people():
    """Two data sets in the order in which intake stores them."""
    return [encodings[np.argsort(popcounts(encodings), kind="stable")] for encodings in make_people(30_000)]


def seconds_of(compares, left, right, rectangles, threshold):
    """Return the CPU time, a median, and the number of pairs."""
    taken = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        pieces = compares.find_candidates(left, right, rectangles, threshold, threads=1, max_pairs=4_000_000)
        count = sum(map(len, pieces))
        taken.append(time.thread_time() - began)
    return statistics.median(taken), count


@pytest.mark.parametrize("threshold", [threshold for threshold, _ in RATES["native"]])
def test_rate_of_the_native_engine(people, threshold):
    everybody = np.array([[0, len(people[0]), 0, len(people[1])]])

    measured = {path: seconds_of(NativeEngine(path), *people, everybody, threshold) for path in PATHS}

    assert len({count for _, count in measured.values()}) == 1
    pairs = len(people[0]) * len(people[1])
    rates = ", ".join(f"{path.name} {pairs / seconds / 1e6:,.0f}" for path, (seconds, _) in measured.items())
    given = dict(RATES["native"])[threshold]
    share = next(iter(measured.values()))[1] / pairs
    print(f"\n  {threshold}: {rates} million a second, model {given:,}; {share:.2e} are candidates; {load()}")


def test_rate_of_the_anonlink_engine(people):
    few = [np.ascontiguousarray(encodings[::6]) for encodings in people]

    seconds, count = seconds_of(engine("anonlink"), *few, np.array([[0, 5000, 0, 5000]]), THRESHOLD)

    assert count
    print(f"\n  anonlink: {25 / seconds:,.0f} million a second, model {RATES['anonlink'][0][1]}; {load()}")


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("side", [1, 10, 100])
def test_time_of_a_row_in_small_blocks(people, name, side):
    starts = np.arange(min(len(people[0]) // side, 1_000 if name == "anonlink" else 10**9)) * side
    blocks = np.stack([starts, starts + side, starts, starts + side], axis=1)

    seconds, _ = seconds_of(engine(name), *people, blocks, THRESHOLD)

    row = seconds / (2 * side * len(blocks))
    print(f"\n  {name}, {side} x {side}: {row * 1e9:,.0f} ns a row, model {ROW_SECONDS[name] * 1e9:,.0f}; {load()}")
