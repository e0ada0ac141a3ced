"""A million records by a million, everybody with everybody: planned whole, one in fifty chunks really compared.

From these the cost model tells time and dollars.
"""

import pytest

from linkage.cli import bounds_of
from linkage.cost.model import CostModel
from linkage.cost.workloads import Workload, expect_run
from tests.benchmarks.comparing import THRESHOLD, cpu_seconds, load, planned_world
from tests.benchmarks.people import make_people

pytestmark = pytest.mark.benchmark
RECORDS = 1_000_000
ONE_IN = 50


def test_a_million_by_a_million():
    world, plan = planned_world(make_people(RECORDS))
    chunks = range(ONE_IN // 2, len(plan.chunks), ONE_IN)

    seconds, pairs = cpu_seconds(world, chunks)

    compared = sum(plan.chunks[chunk].comparisons for chunk in chunks)
    assert plan.total_comparisons == RECORDS**2
    assert pairs > 0.2 * RECORDS * compared / RECORDS**2
    workload = Workload((RECORDS, RECORDS), THRESHOLD, candidate_share=pairs / compared)
    bounds = bounds_of(world.settings)
    model = CostModel(expect_run(workload, bounds), bounds, rate=compared / seconds)
    assert len(model.chunks) == len(plan.chunks)
    print(
        f"\n  {len(plan.chunks)} chunks; {len(chunks)} of them: {compared:,} comparisons in {seconds:.1f} s CPU,"
        f" {model.rate / 1e6:,.0f} million a second; {pairs:,} candidate pairs, {model.candidates:,} in all; {load()}"
    )
    for workers in (1, 100, 1000):
        told = model.scenario(workers)
        print(
            f"  {workers:,} workers: {told.run_s:,.0f} s, ${told.total_dollars:.3f}, of which comparing"
            f" {told.uses['compare'].gb_seconds:,.0f} GB-seconds, ${told.dollars['Lambda, compare']:.3f}"
        )
