"""Sorting and grouping of candidate pairs against anonlink, and of a hundred million of them."""

import json
import subprocess
import sys
import time
from itertools import combinations

import numpy as np
import pytest

from infra.packaging import ROOT
from linkage.candidates.pairs import CANDIDATE, scores
from linkage.engines.anonlink import greedy_solve
from linkage.engines.choice import engine
from tests.benchmarks.measuring import in_turns, say

pytestmark = pytest.mark.benchmark

CANDIDATES = 10_000_000
SEED = 20_250_101


def made_up(generator, count, parties, records):
    """Distinct candidates, in their order: most are near the threshold, and one in twenty is a true match."""
    candidates = np.zeros(count, CANDIDATE)
    candidates["datasets"] = generator.integers(0, parties * (parties - 1) // 2, count)
    candidates["left"], candidates["right"] = generator.integers(0, records, (2, count))
    matches = count // 20
    candidates["left"][:matches] = candidates["right"][:matches]
    candidates["total"] = generator.integers(700, 900, count)
    score = 0.7 + np.minimum(generator.exponential(0.02, count), 0.3)
    score[:matches] = generator.uniform(0.8, 1.0, matches)
    candidates["common"] = score * candidates["total"] / 2
    keys = candidates["datasets"].astype(np.uint64) << 60 | candidates["left"].astype(np.uint64) << 30
    _, first = np.unique(keys | candidates["right"], return_index=True)
    return candidates[generator.permutation(first)]


@pytest.mark.parametrize("parties", [2, 5])
def test_solver_against_anonlink(benchmark, parties):
    records = CANDIDATES // 50
    native = engine("native")
    candidates = made_up(np.random.default_rng(SEED), CANDIDATES, parties, records)
    ordered = native.sort_candidates(candidates)
    datasets = np.array(list(combinations(range(parties), 2)), dtype=np.uint32)[ordered["datasets"]]
    sides = [(datasets[:, at].copy(), ordered[field].copy()) for at, field in enumerate(("left", "right"))]
    arrays = (scores(ordered), *zip(*sides, strict=True))

    def solve():
        solver = native.new_solver([records] * parties, max_pending=2**31)
        solver.feed(ordered)
        return solver.groups()

    began = time.thread_time()
    groups = greedy_solve(arrays)
    seconds = {"anonlink": time.thread_time() - began}  # once: it takes a minute or more
    theirs = sorted(sorted(map(tuple, group)) for group in groups)
    dataset_numbers, members, offsets = solve()
    mine = list(zip(dataset_numbers.tolist(), members.tolist(), strict=True))
    assert mine == [member for group in theirs for member in group]
    assert np.diff(offsets).tolist() == list(map(len, theirs))

    seconds |= in_turns({"native": solve, "sort": lambda: native.sort_candidates(candidates)})

    report = {f"{name} s": round(taken, 3) for name, taken in seconds.items()}
    ratio = round(seconds["anonlink"] / seconds["native"])
    say(benchmark, parties=parties, candidates=len(ordered), groups=len(theirs), **report, ratio=ratio)


def test_a_hundred_million_candidates(benchmark):
    """In rounds of ten million, from the highest scores down, as a run is solved; in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", ROUNDS_OF_CANDIDATES],
        env={"PYTHONPATH": ":".join(map(str, (ROOT, ROOT / "layers/linkage/python", ROOT / "build/kernel")))},
        check=True,
        capture_output=True,
    )
    say(benchmark, **json.loads(done.stdout))


ROUNDS_OF_CANDIDATES = """
import json, resource, time
import numpy as np
from linkage.candidates.pairs import CANDIDATE
from linkage.engines.choice import engine
native, generator, records = engine("native"), np.random.default_rng(1), 2_000_000
solver = native.new_solver([records, records], max_pending=0)
sorting = solving = fed = 0
for turn in range(10):
    batch = np.zeros(10_000_000, CANDIDATE)
    batch["left"], batch["right"] = generator.integers(0, records, (2, len(batch)), dtype=np.uint32)
    batch["total"] = generator.integers(700, 900, len(batch), dtype=np.uint16)
    score = 1 - 0.03 * (turn + generator.random(len(batch), dtype=np.float32) * 0.9)
    batch["common"] = np.minimum(score * batch["total"] / 2, batch["total"] // 2)
    exact = 2.0 * batch["common"] / batch["total"]
    batch = batch[(exact <= 1 - 0.03 * turn) & (exact > 1 - 0.03 * (turn + 1))]
    began = time.thread_time()
    batch = native.sort_candidates(batch)
    sorting += time.thread_time() - began
    same = (batch["left"][1:] == batch["left"][:-1]) & (
        batch["right"][1:] == batch["right"][:-1])
    batch = batch[np.concatenate([[True], ~same])]
    began = time.thread_time()
    solver.feed(batch)
    solving += time.thread_time() - began
    fed += len(batch)
began = time.thread_time()
groups = len(solver.groups()[2]) - 1
solving += time.thread_time() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(json.dumps({"candidates": fed, "groups": groups, "sort s": round(sorting, 2), "solve s": round(solving, 2),
                  "peak GB": round(peak, 2)}))
"""
