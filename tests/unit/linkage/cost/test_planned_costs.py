"""One model gives the cost of planned and of completed runs: from the plan and the candidate pairs."""

import json
from dataclasses import replace

import numpy as np
import pytest

from linkage.cli import bounds_of
from linkage.comparing import compare_chunk
from linkage.cost.model import CostModel
from linkage.cost.planned_runs import measure_run
from linkage.cost.report import report_json, report_text
from linkage.cost.run_sizes import DatasetSize
from linkage.cost.workloads import Blocking, Workload, expect_run
from linkage.encodings.rectangles import load_rectangles
from linkage.messages import CompareChunk
from linkage.store.encoding_sets import EncodingSetStore
from linkage.store.runs import RunStore
from linkage.testing.world import in_memory_world
from tests.prepared import PROJECT, RUN, plan_of

COUNTS = 400, 300, 500


@pytest.fixture
def world():
    return in_memory_world(chunk_min_comparisons=20_000, chunk_max_comparisons=30_000, max_upload_bytes=10**9)


def planned(world, datasets, blocks=None):
    """Plan a run of the data sets, in ``blocks`` equal blocks each."""
    named = [[record * blocks // len(each) for record in range(len(each))] for each in datasets] if blocks else None
    return plan_of(world, datasets, 0.8, named)


def measured(world, plan, candidates=None):
    bucket = world.settings.store_bucket
    sets = [EncodingSetStore(prefix, world) for prefix in plan.datasets]
    tables = [each.read_blocks() for each in sets]
    datasets = [
        DatasetSize(each.count_records(), int(table["row_count"].sum()), len(table))
        for each, table in zip(sets, tables, strict=True)
    ]
    return measure_run(plan, load_rectangles(world.objects.get(bucket, plan.rectangles_key)), datasets, candidates)


def all_alike(*counts):
    return [np.full((count, 8), 255, dtype=np.uint8) for count in counts]


def scenario(run, world, workers=3):
    return CostModel(run, bounds_of(world.settings)).scenario(workers)


@pytest.mark.parametrize("parties", [2, 3])
def test_without_blocks_a_plan_costs_what_was_expected_to_the_last_digit(world, parties):
    plan = planned(world, all_alike(*COUNTS[:parties]))

    expected = expect_run(Workload(COUNTS[:parties], 0.8, 8), bounds_of(world.settings))

    assert len(plan.chunks) > parties
    assert measured(world, plan).chunks == expected.chunks
    assert scenario(measured(world, plan), world) == scenario(expected, world)


@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("blocks", [3, 100])
def test_with_blocks_a_plan_costs_what_was_expected_but_for_their_order(world, blocks, parties):
    """Blocks lie in the order of their hashes: chunks come in another order, and small ones end elsewhere."""
    plan = planned(world, all_alike(*COUNTS[:parties]), blocks)

    bounds = bounds_of(world.settings)
    run, expected = measured(world, plan), expect_run(Workload(COUNTS[:parties], 0.8, 8, Blocking(1, blocks)), bounds)

    assert run.datasets == expected.datasets
    assert (run.comparisons, run.candidates, run.matches) == (
        expected.comparisons,
        expected.candidates,
        expected.matches,
    )
    if blocks == 3:
        assert sorted(map(repr, run.chunks)) == sorted(map(repr, expected.chunks))
    assert scenario(run, world).run_s == pytest.approx(scenario(expected, world).run_s, rel=0.15)
    assert scenario(run, world).total_dollars == pytest.approx(scenario(expected, world).total_dollars, rel=0.05)


def test_a_run_that_was_compared_costs_by_the_candidate_pairs_of_each_chunk(world):
    generator = np.random.default_rng(5)
    datasets = [generator.integers(256, size=(count, 8), dtype=np.uint8) for count in COUNTS[:2]]
    datasets[1][:40] = datasets[0][:40]
    plan = planned(world, datasets)
    for chunk in range(len(plan.chunks)):
        compare_chunk(CompareChunk(project_id=PROJECT, run_id=RUN, chunk=chunk), world)
    stored = {count.chunk: count.candidates for count in RunStore(PROJECT, RUN, world).list_chunks(plan)}
    candidates = [stored[chunk] for chunk in range(len(plan.chunks))]

    run = measured(world, plan, candidates)

    assert run.compared
    assert run.candidates == sum(candidates) >= 40
    assert [chunk.candidates for chunk in run.chunks] == candidates
    share = run.candidates / run.comparisons
    expected = expect_run(Workload(COUNTS[:2], 0.8, 8, candidate_share=share), bounds_of(world.settings))
    assert scenario(run, world).total_dollars == pytest.approx(scenario(expected, world).total_dollars)


def test_candidate_pairs_in_one_chunk_take_as_many_seconds_but_longer_than_spread_out(world):
    run = measured(world, planned(world, all_alike(*COUNTS[:2])))
    million, rest = 10**6, [replace(chunk, candidates=0) for chunk in run.chunks[1:]]
    lopsided = replace(run, chunks=[replace(run.chunks[0], candidates=million * len(run.chunks)), *rest])
    level = replace(run, chunks=[replace(chunk, candidates=million) for chunk in run.chunks])

    one, other = scenario(lopsided, world), scenario(level, world)

    assert one.uses["compare"].seconds == pytest.approx(other.uses["compare"].seconds)
    assert one.run_s > other.run_s + 0.5


def test_comparisons_that_cannot_reach_the_threshold_cost_nothing(world):
    few = np.zeros((300, 8), dtype=np.uint8)
    few[:, 0] = 1
    same, other = [0] * 300, [1] * 300
    plan = plan_of(world, [np.concatenate([few, few]), np.concatenate([few, few | 0xFF])], 0.8, [same + other] * 2)

    assert plan.total_comparisons == sum(chunk.comparisons for chunk in plan.chunks) == 2 * 300**2
    assert measured(world, plan).comparisons == 300**2


def test_sizes_that_are_not_the_plans_are_refused(world):
    plan = planned(world, all_alike(*COUNTS[:2]))

    with pytest.raises(ValueError, match="2 data sets, not 1"):
        measure_run(plan, np.empty((0, 4), dtype=np.int64), [DatasetSize(1, 1, 1)])
    with pytest.raises(ValueError, match="shorter"):
        measured(world, plan, [1])


def test_reports_tell_of_a_plan_what_is_known_and_what_is_assumed(world):
    plan = planned(world, all_alike(*COUNTS[:2]))
    models = [
        CostModel(measured(world, plan, candidates), bounds_of(world.settings))
        for candidates in (None, [7] * len(plan.chunks))
    ]
    before, after = (report_text(model, [model.scenario(1)], 1) for model in models)

    assert f"{models[0].candidates:,} candidate pairs expected" in before
    assert f"{7 * len(plan.chunks)} candidate pairs found" in after
    for text in (before, after):
        assert "400 x 300 records of 8 bytes" in text
        assert "- Chunks are those of the run's plan." in text
        assert "equally large" not in text
    assert "- Candidate pairs are those that were found." in after
    told = json.loads(json.dumps(report_json(models[1], [models[1].scenario(1)])))
    assert told["workload"] | {"chunks": told["chunks"]} == {
        "record_counts": [400, 300],
        "threshold": 0.8,
        "encoding_size": 8,
        "run_id": RUN,
        "engine": "native",
        "chunks": len(plan.chunks),
    }
