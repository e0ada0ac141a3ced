"""Solving from files: sorted files of candidate pairs, merged in windows and grouped, of 100 and 300 million pairs.

The files are on disk, as they would be in the store bucket: what is measured is the memory that solving needs, and how
its processor time grows. Each size runs in a process of its own, so that its peak memory is its own.
"""

import json
import subprocess
import sys

import pytest

from infra.packaging import ROOT
from tests.benchmarks.measuring import say

pytestmark = pytest.mark.benchmark

SOLVE = """
import json, resource, sys, time
from dataclasses import replace
from pathlib import Path
import numpy as np
from linkage.candidates.files import HEADER
from linkage.candidates.pairs import PAIR, drop_duplicates
from linkage.engines.choice import engine
from linkage.store.gathering import CandidateFile, gather_candidates
from linkage.testing.world import in_memory_world

folder, count, files, records = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), 1_000_000

class OnDisk:
    def get_range(self, bucket, key, start, stop):
        with (folder / key).open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

native, generator, stored = engine("native"), np.random.default_rng(1), []
for number in range(files):
    pairs = np.empty(count // files, dtype=PAIR)
    pairs["left"], pairs["right"] = generator.integers(0, records, (2, len(pairs)))
    mixed = pairs["left"].astype(np.uint64) * np.uint64(2654435761) ^ pairs["right"] * np.uint64(40503)
    share = (mixed >> np.uint64(8)).astype(np.uint32) / 2**32  # a pair has one score, in whichever files it is
    pairs["total"] = 700 + mixed % np.uint64(200)
    pairs["common"] = (0.7 + np.minimum(-0.02 * np.log1p(-share), 0.3)) * pairs["total"] / 2
    pairs = drop_duplicates(native.sort_pairs(pairs))
    (folder / str(number)).write_bytes(HEADER + pairs.tobytes())
    stored.append(CandidateFile(str(number), len(pairs)))
del pairs
before = resource.getrusage(resource.RUSAGE_SELF)
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
world = replace(in_memory_world(), objects=OnDisk())
solver = native.new_solver([records, records], max_pending=0)
for batch in gather_candidates(stored, world):
    solver.feed(batch)
groups = len(solver.groups()[2]) - 1
after = resource.getrusage(resource.RUSAGE_SELF)
peak_kb = next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(json.dumps({"groups": groups, "cpu_s": round(cpu_s, 1), "peak_mb": peak_kb // 1024}))
"""


@pytest.mark.parametrize(("count", "files"), [(100_000_000, 25), (300_000_000, 75)])
def test_memory_grows_with_the_records_not_with_the_candidate_pairs(benchmark, tmp_path, count, files):
    command = [sys.executable, "-c", SOLVE, str(tmp_path), str(count), str(files)]
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'layers/linkage/python'}:{ROOT / 'build/kernel'}"}
    done = subprocess.run(command, capture_output=True, text=True, env=paths, check=False)

    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["groups"] > 500_000
    say(benchmark, candidates=f"{count:,}", **figures)
