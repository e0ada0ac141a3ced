"""The cost model cuts runs as the planner does, knows the deployed functions, adds up; docs/cost.md says the same."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.packaging import ROOT
from linkage.cli import bounds_of
from linkage.cost.assumptions import COMPARE_CONCURRENCY, FUNCTIONS, RATES
from linkage.cost.model import CostModel
from linkage.cost.prices import DATE, PRICES, REGION
from linkage.cost.report import assumptions_text, duration_text
from linkage.cost.workloads import RANDOM_PAIRS, Blocking, Workload, WorkloadRefused, count_blocks, expect_run
from linkage.settings import Settings
from linkage.testing.world import in_memory_world
from tests.prepared import plan_of

TEXT = (ROOT / "docs" / "cost.md").read_text()
README = (ROOT / "README.md").read_text()
RUNS = {
    "10k x 10k": ((10_000,) * 2, 0.8),
    "100k x 100k": ((100_000,) * 2, 0.8),
    "1M x 1M": ((1_000_000,) * 2, 0.8),
    "6 x 1M": ((1_000_000,) * 6, 0.8),
    "10M x 10M": ((10_000_000,) * 2, 0.85),
}


def model(*counts, threshold=0.8, engine="native", **more):
    bounds = bounds_of(Settings(uploads_bucket="", store_bucket=""))
    return CostModel(expect_run(Workload(counts, threshold, **more), bounds), bounds, engine=engine)


# -- what it takes from the service -------------------------------------------------------------------------------


def test_functions_are_those_of_the_template(template):
    for name, function in FUNCTIONS.items():
        resource = "APIHandler" if name == "api" else name.capitalize()
        properties = template["Resources"][resource]["Properties"]
        timeout = properties["Timeout"]
        if isinstance(timeout, dict):
            timeout = template["Mappings"]["Workers"][resource]["TimeoutSeconds"]
        assert (properties["MemorySize"], timeout) == (function.memory_mb, function.timeout_s), name
    assert template["Parameters"]["CompareConcurrency"]["Default"] == COMPARE_CONCURRENCY


@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("blocks", [None, 3, 100])
def test_chunks_are_those_of_the_plan(blocks, parties):
    bound = {"chunk_min_comparisons": 20_000, "chunk_max_comparisons": 30_000, "max_upload_bytes": 10**9}
    world = in_memory_world(**bound)
    datasets = [np.full((count, 8), 255, dtype=np.uint8) for count in (400, 300, 500)[:parties]]
    named = [[record * blocks // len(each) for record in range(len(each))] for each in datasets] if blocks else None

    plan = plan_of(world, datasets, 0.8, named)
    blocking = Blocking(1, blocks) if blocks else None
    told = expect_run(Workload(tuple(map(len, datasets)), 0.8, 8, blocking), bounds_of(world.settings))

    assert told.comparisons == plan.total_comparisons
    if blocks == 100:  # packed in the order of their hashes, so that chunks end elsewhere
        assert len(told.chunks) == pytest.approx(len(plan.chunks), abs=parties)
    else:
        assert sorted(chunk.comparisons for chunk in told.chunks) == sorted(chunk.comparisons for chunk in plan.chunks)


def test_chunks_of_many_candidate_pairs_are_smaller():
    many = model(200_000, 200_000, candidate_share=0.05)

    bound = Settings(uploads_bucket="", store_bucket="").chunk_max_candidates
    assert max(chunk.comparisons for chunk in many.chunks) * 0.05 <= bound + 1
    assert len(many.chunks) > len(model(200_000, 200_000).chunks)


def test_data_sets_may_have_fewer_rows_than_there_are_blocks():
    assert model(3, 10, blocking=Blocking(1, 5)).comparisons == 6


def test_what_intake_has_no_memory_for_is_refused():
    with pytest.raises(WorkloadRefused, match=r"21,000,000 records needs 3\.1 GiB"):
        model(1_000, 21_000_000)


# -- what it answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 100, 1000])
def test_a_million_by_a_million_costs_less_than_half_a_dollar(workers):
    assert model(1_000_000, 1_000_000).scenario(workers).total_dollars < 0.50


@given(
    st.lists(st.integers(1, 300_000), min_size=2, max_size=4),
    st.sampled_from([0.7, 0.8, 0.9]),
    st.sampled_from([1, 3, 50]),
)
def test_more_workers_take_no_longer_and_no_fewer_than_all_the_seconds(counts, threshold, workers):
    told = model(*counts, threshold=threshold)

    few, more = told.scenario(workers), told.scenario(workers * 2)

    assert more.run_s <= few.run_s
    assert few.run_s * workers >= sum(told.chunk_seconds(chunk) for chunk in told.chunks)
    assert few.total_dollars == pytest.approx(sum(few.dollars.values()))
    assert all(dollars >= 0 for dollars in few.dollars.values())


@pytest.mark.parametrize("engine", RATES)
def test_comparing_costs_in_proportion_to_the_comparisons(engine):
    one, four = (model(n, n, engine=engine) for n in (10**6, 2 * 10**6))

    seconds, more = (sum(told.chunk_seconds(chunk) for chunk in told.chunks) for told in (one, four))
    assert more == pytest.approx(4 * seconds, rel=0.05)
    # A cold start for each of the 100 workers, however many chunks each of them compares.
    assert one.scenario(100).uses["compare"].seconds == pytest.approx(seconds + 100 * one.assumptions.cold_start_s)


def test_larger_encodings_take_longer_and_higher_thresholds_do_not():
    assert model(10, 10, encoding_size=256).rate == model(10, 10).rate / 2
    rates = [model(10, 10, threshold=step / 100).rate for step in range(50, 101)]
    assert rates == sorted(rates)


def test_blocks_cost_less_than_none_and_tiny_ones_more_for_each_comparison():
    blocked = model(100_000, 100_000, blocking=count_blocks((100_000, 100_000), 5, 500_000))

    assert blocked.comparisons == pytest.approx(500_000, rel=0.01)
    assert blocked.scenario(100).dollars["Lambda, compare"] < model(100_000, 100_000).scenario(100).total_dollars
    seconds = sum(blocked.chunk_seconds(chunk) for chunk in blocked.chunks)
    assert seconds > 10 * blocked.comparisons / blocked.rate


def test_limits_are_told_before_they_are_met():
    assert model(1_000_000, 1_000_000).limits() == []
    (refused,) = model(1_000_000, 1_000_000, threshold=0.7).limits()[:1]
    assert "candidate pairs are expected, more than the 1,000,000,000" in refused


@given(st.floats(0.01, 1))
def test_a_higher_threshold_leaves_no_more_candidates(threshold):
    workload = Workload((1000, 1000), threshold)

    higher = replace(workload, threshold=min(1.0, threshold + 0.05))

    assert higher.candidates(10**6) <= workload.candidates(10**6) <= 10**6
    assert workload.matches == 500


def test_expected_shares_are_those_that_were_measured():
    for threshold, share in RANDOM_PAIRS:
        assert Workload((2, 2), threshold).candidates(10**12) == pytest.approx(share * 10**12, rel=1e-6, abs=2)


def test_the_readme_says_the_same_of_an_idle_service():
    (told,) = re.findall(r"\*\*Idle it costs about \$(\d+) a month\*\*(.*?)The\s+calculation", README, re.DOTALL)
    items = [float(price) for price in re.findall(r"\$(\d+\.\d\d)", told[1])]
    (total,) = re.findall(r"\*\*\$(\d+\.\d\d)\*\*", TEXT)

    assert sum(items) == pytest.approx(float(total))
    assert round(float(total)) == int(told[0])


# -- docs/cost.md -------------------------------------------------------------------------------------------------


def test_every_price_is_documented_with_its_date():
    assert f"of {REGION}, as published in {DATE}" in re.sub(r"\s+", " ", TEXT)
    for item, price in PRICES.items():
        assert f"| {item} | {price} |" in TEXT


def test_the_idle_cost_is_what_the_prices_make_it():
    idle = {
        "interface endpoints": PRICES["endpoint"].of(2 * 730),
        "cache": PRICES["cache"].of(0.1 * 730),
        "alarms": PRICES["alarm"].of(32),
        "messages": PRICES["SQS"].of(3.945e6),
        "KMS key": PRICES["key"].of(1),
        "database: storage": PRICES["database, storage"].of(10),
        "database: awake": PRICES["database, awake"].of(3),
        "secret": PRICES["secret"].of(1),
        "logs, dashboards": 0.10,
    }
    lines = TEXT.split("## A run")[0].splitlines()

    for item, dollars in idle.items():
        (line,) = [line for line in lines if line.startswith(f"| {item}")]
        assert f" ${dollars:.2f} |" in line
    assert f"| **${sum(round(dollars, 2) for dollars in idle.values()):.2f}** |" in TEXT


@pytest.mark.parametrize("name", RUNS)
def test_the_table_of_runs_is_what_the_model_says(name):
    assert line_of(name) in TEXT


def test_every_assumption_is_documented():
    text = re.sub(r"\s+", " ", TEXT)

    for engine in RATES:
        for sentence in assumptions_text(model(10, 10, engine=engine)):
            assert sentence in text


def line_of(name):
    """A run's line of the table: sizes, GB-seconds, time with 1, 100 and 1,000 workers, dollars, and anonlink's."""
    counts, threshold = RUNS[name]
    told = model(*counts, threshold=threshold)
    assert told.limits() == []
    one, hundred, thousand = (told.scenario(workers) for workers in (1, 100, 1000))
    gb_seconds = sum(use.gb_seconds for use in hundred.uses.values())
    times = " | ".join(duration_text(scenario.run_s) for scenario in (one, hundred, thousand))
    anonlink = model(*counts, threshold=threshold, engine="anonlink").scenario(100)
    return (
        f"| {name} | {threshold} | {told.comparisons:.1e} | {len(told.chunks):,} | {gb_seconds:,.0f} | {times} |"
        f" ${hundred.total_dollars:.2f} | ${anonlink.total_dollars:.2f} |"
    )
