"""The native kernel against anonlink, and against the limit of its method on this machine.

Real encodings (see encode_names.py). What contenders find is compared first; times are processor time of one thread,
in turns, medians; anonlink's is that of every twentieth row on the left, as it takes rows one by one.
"""

import os
import resource
import subprocess
import time

import numpy as np
import pytest

from infra.local.environments import python
from infra.packaging import ROOT
from infra.packaging.kernel import zig
from linkage.candidates.pairs import PAIR
from linkage.encodings.encoding_sets import popcounts
from linkage.engines.anonlink import dice_coefficient_accelerated
from linkage.engines.kernel import Comparison, KernelPath, Scan, Tuning, paths
from linkage.engines.native import NativeEngine, split_tasks
from tests.benchmarks.measuring import in_turns, say

pytestmark = pytest.mark.benchmark

RECORDS = 100_000
SHARE = 20
VECTOR_PATHS = [path for path in paths() if path is not KernelPath.PORTABLE]
# Vector operations for 1,024 bits of a pair: 8 for each 3 nibbles, 2 rows and as many lanes as a vector has bytes; and
# how many of them a processor of today does at a time (Intel: 3 of 32 bytes, 2 of 64; AMD and ARM 4).
OPERATIONS_A_PAIR = {KernelPath.AVX2: 256 / 3 * 8 / 64, KernelPath.AVX512: 256 / 3 * 8 / 128}
AT_A_TIME = {KernelPath.AVX2: 3, KernelPath.AVX512: 2}


@pytest.fixture(scope="module")
def names():
    """Both data sets, each sorted by popcount as intake does it."""
    folder = ROOT / "build" / "benchmarks" / f"names-{RECORDS}"
    if not (folder / "right.bin").exists():
        folder.mkdir(parents=True, exist_ok=True)
        script = ROOT / "tests" / "benchmarks" / "encode_names.py"
        subprocess.run([python("client"), "-W", "ignore", script, str(RECORDS), folder], check=True)
    sides = [np.fromfile(folder / f"{name}.bin", np.uint8).reshape(-1, 128) for name in ("left", "right")]
    return [np.ascontiguousarray(side[np.argsort(popcounts(side), kind="stable")]) for side in sides]


def whole(left, right):
    return np.array([[0, len(left), 0, len(right)]], dtype=np.int64)


def find(path, left, right, threshold, rectangles=None, threads=1):
    rectangles = whole(left, right) if rectangles is None else rectangles
    batches = NativeEngine(path).find_candidates(left, right, rectangles, threshold, threads=threads, max_pairs=10**6)
    return np.concatenate([np.empty(0, PAIR), *batches])


def as_bytes(encodings):
    return list(map(bytes, encodings))


@pytest.mark.parametrize("threshold", [0.7, 0.8, 0.9])
def test_against_anonlink(benchmark, names, threshold):
    left, right = names
    some, all_right = as_bytes(left[::SHARE]), as_bytes(right)
    _, (rows, columns) = dice_coefficient_accelerated((some, all_right), threshold, k=None)
    theirs = set(zip((np.asarray(rows) * SHARE).tolist(), np.asarray(columns).tolist(), strict=True))
    contenders = {"anonlink": lambda: dice_coefficient_accelerated((some, all_right), threshold, k=None)}
    for path in VECTOR_PATHS:
        pairs = find(path, left, right, threshold)
        mine = pairs[pairs["left"] % SHARE == 0]
        lost = set(zip(mine["left"].tolist(), mine["right"].tolist(), strict=True)) ^ theirs
        scores = 2.0 * mine["common"] / mine["total"]
        assert len(lost) <= (scores == threshold).sum()  # anonlink loses some that are on the threshold
        contenders[path.name] = lambda path=path: find(path, left, right, threshold)

    seconds = in_turns(contenders)

    rates = {name: RECORDS**2 / taken / 1e6 for name, taken in seconds.items()}
    rates["anonlink"] /= SHARE
    figures = {f"{name} M/s": round(rate) for name, rate in rates.items()}
    figures |= {f"{path.name} over anonlink": round(rates[path.name] / rates["anonlink"], 1) for path in VECTOR_PATHS}
    say(benchmark, threshold=threshold, pairs=len(pairs), **figures)


def shuffle_into_blocks(side):
    """Put the rows into blocks of a hundred at random, each sorted by popcount, as intake does it."""
    blocks = np.sort(np.random.default_rng(1).permutation(len(side)).reshape(-1, 100), axis=1)
    return side[blocks.reshape(-1)]


def test_blocks_of_100_by_100_against_anonlink(benchmark, names):
    left, right = map(shuffle_into_blocks, names)
    bounds = np.arange(0, RECORDS + 1, 100)
    rectangles = np.stack([bounds[:-1], bounds[1:], bounds[:-1], bounds[1:]], axis=1)
    pieces = [(as_bytes(left[a:b]), as_bytes(right[a:b])) for a, b, _, _ in rectangles.tolist()]
    contenders = {"anonlink": lambda: [dice_coefficient_accelerated(piece, 0.8, k=None) for piece in pieces]}
    for path in VECTOR_PATHS:
        contenders[path.name] = lambda path=path: find(path, left, right, 0.8, rectangles)
    theirs = sum(len(rows) for _, (rows, _) in contenders["anonlink"]())
    assert all(len(contenders[path.name]()) == theirs for path in VECTOR_PATHS)

    seconds = in_turns(contenders)

    figures = {f"{name} M/s": round(100 * RECORDS / taken / 1e6) for name, taken in seconds.items()}
    over = {f"{path.name} over anonlink": round(seconds["anonlink"] / seconds[path.name], 1) for path in VECTOR_PATHS}
    say(benchmark, **figures, **over)


def test_tiny_blocks(benchmark, names):
    """A median block of one record, as P-Sig makes them: 300,000 blocks."""
    generator = np.random.default_rng(1)
    sizes = [np.minimum(generator.zipf(1.8, 300_000), 1000) for _ in range(2)]
    ends = [np.cumsum(each) for each in sizes]
    rectangles = np.stack([ends[0] - sizes[0], ends[0], ends[1] - sizes[1], ends[1]], axis=1)
    left, right = (side[generator.integers(0, RECORDS, end[-1])] for side, end in zip(names, ends, strict=True))

    seconds = in_turns({"native": lambda: find(KernelPath.BEST, left, right, 0.8, rectangles)})

    comparisons = int((sizes[0] * sizes[1]).sum())
    say(benchmark, blocks=len(rectangles), median=np.median(sizes), comparisons=comparisons, **rounded(seconds))


@pytest.mark.parametrize("path", VECTOR_PATHS, ids=lambda path: path.name)
def test_share_of_the_limit(benchmark, names, path):
    """All 1,024 bits of every pair: nothing is given up early."""
    if path not in OPERATIONS_A_PAIR:
        pytest.skip("the limit of this machine's vectors is not known here")
    left, right = (side[:20_000] for side in names)
    tasks = list(split_tasks(whole(left, right)))
    comparison = Comparison(
        left, right, 0.8, sample=np.empty((0, 2), np.int64), tuning=Tuning(filter_bits=1024, path=path)
    )
    buffer = np.empty(10**6, PAIR)

    def run():
        for task in tasks:
            scan = Scan(comparison, task)
            while not scan.done:
                scan.next_pairs(buffer)

    hertz, seconds = measure_clock(), in_turns({path.name: run})
    limit = hertz / (OPERATIONS_A_PAIR[path] / AT_A_TIME[path])
    rate = len(left) * len(right) / seconds[path.name]
    say(
        benchmark,
        GHz=round(hertz / 1e9, 2),
        limit=round(limit / 1e6),
        rate=round(rate / 1e6),
        share=round(rate / limit, 2),
    )


CLOCK = """
#include <stdint.h>
#include <stdio.h>
#include <time.h>
int main() {
    uint64_t best = UINT64_MAX, value = 1;
    for (int round = 0; round < 20; round++) {
        timespec from, to;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
        for (long turn = 0; turn < 2000000; turn++)
            __asm__ volatile("imul %0, %0\\nimul %0, %0\\nimul %0, %0\\nimul %0, %0\\nimul %0, %0\\n" : "+r"(value));
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
        uint64_t taken = (to.tv_sec - from.tv_sec) * 1000000000ull + to.tv_nsec - from.tv_nsec;
        if (taken < best) best = taken;
    }
    printf("%f", 3e7 / (best * 1e-9));
}
"""


def measure_clock():
    """Return the cycles a second: dependent multiplications take three cycles each."""
    folder = ROOT / "build" / "benchmarks"
    (folder / "clock.cpp").write_text(CLOCK)
    zig("x86_64-linux-gnu.2.17", ["-O2", "clock.cpp", "-o", "clock"], cwd=folder)
    return float(subprocess.run([folder / "clock"], check=True, capture_output=True).stdout)


@pytest.mark.parametrize("threshold", [0.7, 0.8])
def test_threads(benchmark, names, threshold):
    left, right = (side[:: RECORDS // 50_000] for side in names)
    left, right = map(np.ascontiguousarray, (left, right))
    figures = {}
    for threads in (1, 2, 1, 2):
        began, used = time.perf_counter(), sum(os.times()[:2])
        find(KernelPath.BEST, left, right, threshold, threads=threads)
        figures[f"{threads} threads"] = (
            f"{time.perf_counter() - began:.2f} s, {sum(os.times()[:2]) - used:.2f} s of processors"
        )
    say(benchmark, threshold=threshold, load=os.getloadavg()[0], **figures)


def test_growth(benchmark, names):
    """Cost of a comparison by the size of the problem."""
    figures = {}
    for records in (10_000, 30_000, RECORDS):
        left, right = (np.ascontiguousarray(side[np.linspace(0, RECORDS - 1, records).astype(int)]) for side in names)
        seconds = in_turns({"native": lambda left=left, right=right: find(KernelPath.BEST, left, right, 0.8)})
        figures[f"{records} ps"] = round(seconds["native"] / records**2 * 1e12)
    say(benchmark, peak=f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB", **figures)


def rounded(seconds):
    return {f"{name} s": round(taken, 3) for name, taken in seconds.items()}
