"""Growth of the cost of comparing with the records: CPU time of the compare worker, everybody with everybody.

Sizes take turns, round by round, so that a busy machine slows all of them. Writes docs/growth.png.
"""

import json
import statistics
import subprocess
from datetime import UTC, datetime

import pytest

from infra.local.environments import ROOT, make_environments, python
from tests.benchmarks.comparing import cpu_seconds, load, planned_world
from tests.benchmarks.people import make_people

pytestmark = pytest.mark.benchmark
SIZES = (10_000, 30_000, 100_000, 300_000)
ROUNDS = 3
MOST_COMPARISONS = 12e9
"""A larger run is sampled: every n-th chunk is compared."""


def test_growth(tmp_path):
    runs = {size: planned_world(make_people(size)) for size in SIZES}
    seconds = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size, (world, plan) in runs.items():
            seconds[size].append(_whole_seconds(world, plan, size))

    medians = {size: statistics.median(taken) for size, taken in seconds.items()}
    per_comparison = [medians[size] / size**2 * 1e9 for size in SIZES]
    print()
    for size, each in zip(SIZES, per_comparison, strict=True):
        print(f"  {size:,} x {size:,}: {medians[size]:.2f} s CPU, {each:.3f} ns a comparison, rounds {seconds[size]}")
    spread = max(per_comparison[1:]) / min(per_comparison[1:]) - 1
    print(f"  from {SIZES[1]:,} up: {spread:.0%} between the least and the most; {load()}")
    _draw(medians, tmp_path)


def _whole_seconds(world, plan, size):
    """CPU time of the whole run; of its sample, in proportion."""
    step = max(1, round(size**2 / MOST_COMPARISONS))
    chunks = range(step // 2, len(plan.chunks), step)
    taken, pairs = cpu_seconds(world, chunks)
    compared = sum(plan.chunks[chunk].comparisons for chunk in chunks)
    assert plan.total_comparisons == size**2
    assert pairs > 0.2 * size * compared / size**2  # half of the records are in both, most of them alike
    return taken * size**2 / compared


def _draw(medians, folder):
    make_environments(["plots"])
    today = datetime.now(tz=UTC).date()
    title = f"native engine, 128-byte encodings, threshold 0.8, one thread; {today}, {load()}"
    figures = folder / "growth.json"
    figures.write_text(json.dumps({"records": list(medians), "cpu_s": list(medians.values()), "title": title}))
    drawing = ROOT / "tests" / "benchmarks" / "draw_growth.py"
    subprocess.run([python("plots"), drawing, figures, ROOT / "docs" / "growth.png"], check=True)
