"""A sample tells about how many candidate pairs a run has, whatever its blocks, and the same each time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.blocking import BLOCK
from linkage.candidates import scores
from linkage.engines import engine
from linkage.sampling import DRAWS, SPAN_ROWS, Draw, Estimate, draw_rows, estimate


def table(counts, popcounts=(5, 5)):
    """A block table of blocks of so many rows, with keys in the order given."""
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rows = [
        (b"%08d" % key, start, count, *popcounts) for key, (start, count) in enumerate(zip(first, counts, strict=True))
    ]
    return np.array(rows, dtype=BLOCK)


@st.composite
def tables(draw):
    blocks = draw(st.integers(1, 8))
    counts = st.lists(st.integers(1, 30_000), min_size=blocks, max_size=blocks)
    return [table(draw(counts)) for _ in range(draw(st.integers(2, 3)))]


@given(datasets=tables(), seed=st.text("0123456789abcdef", min_size=1))
def test_rows_are_drawn_from_shared_blocks_and_are_the_same_each_time(datasets, seed):
    draws = draw_rows(datasets, 0.5, seed)

    assert draws == draw_rows(datasets, 0.5, seed)
    assert sum(draw.times for draw in draws) == DRAWS
    for draw in draws:
        (one,) = blocks_of(datasets[draw.left], draw.left_spans)
        (other,) = blocks_of(datasets[draw.right], draw.right_spans)
        assert one == other
        assert draw.comparisons > 0


def blocks_of(blocks, spans):
    """The keys of the blocks that hold the spans, which do not overlap."""
    flat = [row for span in spans for row in span]
    assert flat == sorted(flat)
    stops = blocks["first_row"] + blocks["row_count"]
    keys = set()
    for start, stop in spans:
        assert stop - start > 0
        (index,) = np.flatnonzero((blocks["first_row"] <= start) & (stop <= stops))
        keys.add(blocks["key"][index])
    return keys


def test_another_seed_draws_other_rows():
    large = [table([10**6])] * 2

    assert draw_rows(large, 0.5, "a") != draw_rows(large, 0.5, "b")


def test_blocks_that_cannot_reach_the_threshold_are_not_drawn():
    assert draw_rows([table([10], (1, 1)), table([10], (9, 9))], 0.5, "a") == []


def compare(left, right, datasets, seed):
    """The estimate for two data sets at threshold 1, by really comparing what is drawn."""
    found = []
    for draw in draw_rows(datasets, 1.0, seed):
        rows = [
            np.concatenate([side[start:stop] for start, stop in spans])
            for side, spans in ((left, draw.left_spans), (right, draw.right_spans))
        ]
        whole = np.array([[0, len(rows[0]), 0, len(rows[1])]])
        batches = engine("native").find_candidates(*rows, whole, 1.0, threads=1, max_pairs=10**6)
        found.append((draw, np.concatenate([np.empty(0), *map(scores, batches)])))
    total = sum(int(a) * int(b) for a, b in zip(datasets[0]["row_count"], datasets[1]["row_count"], strict=True))
    return estimate(found, total).candidates


@pytest.mark.parametrize("seed", ["1", "2", "3", "4"])
def test_records_that_lie_together_are_neither_missed_nor_overrated(seed):
    """One in twenty records is the same on both sides, such as those without a name."""
    generator = np.random.default_rng(7)
    sides = []
    for _ in range(2):
        side = generator.integers(0, 256, (100_000, 16), dtype=np.uint8)
        side[40_000:45_000] = 1
        sides.append(side)
    datasets = [table([100_000])] * 2

    assert 0.4 < compare(*sides, datasets, seed) / 5_000**2 < 2


@pytest.mark.parametrize("seed", ["1", "2", "3", "4"])
def test_tiny_blocks_weigh_what_they_should_beside_a_large_one(seed):
    """Half of the comparisons are in a block without a candidate pair, half in tiny ones of which all pairs are."""
    tiny, large = 4_000, 2_000
    counts = [large, *[32] * (tiny)]
    rows = sum(counts)
    generator = np.random.default_rng(7)
    sides = [generator.integers(0, 256, (rows, 16), dtype=np.uint8) for _ in range(2)]
    for side in sides:
        side[large:] = 1
    datasets = [table(counts)] * 2

    assert compare(*sides, datasets, seed) == pytest.approx(32 * 32 * tiny, rel=0.3)


def test_the_threshold_that_fits_leaves_no_more_than_the_limit():
    sampled = np.sort(np.random.default_rng(1).uniform(0.5, 1, 2_000))[::-1]
    told = Estimate(sampled, np.full(2_000, 1e-4), 1_000_000)

    fitting = told.fitting_threshold(50_000)

    assert told.candidates == 200_000
    assert (sampled >= fitting).sum() * 100 <= 50_000 < (sampled >= fitting - 0.02).sum() * 100


@pytest.mark.parametrize("score", [0.29, 0.57, 0.58, 0.8, 0.99])
def test_the_threshold_that_fits_is_above_the_score_that_does_not(score):
    fitting = Estimate(np.full(50, score), np.full(50, 0.01), 10_000).fitting_threshold(10)

    assert score < fitting <= score + 0.011


@pytest.mark.parametrize(("score", "limit"), [(1.0, 10), (0.9, 10**9)])
def test_there_may_be_no_threshold_that_fits_or_none_needed(score, limit):
    assert Estimate(np.full(50, score), np.full(50, 0.01), 10_000).fitting_threshold(limit) is None


def test_a_run_is_refused_only_if_the_sample_leaves_no_doubt():
    told = Estimate(np.full(1, 0.9), np.full(1, 1.0), 1_000)

    assert told.exceeds(499)
    assert not told.exceeds(500)
    assert not told.exceeds(1_000)


def test_chunks_have_about_as_many_candidate_pairs_as_wanted():
    assert Estimate(np.full(1, 0.9), np.full(1, 0.05), 10_000).bound_chunk_size(100) == 2_000
    assert Estimate(np.empty(0), np.empty(0), 10_000).bound_chunk_size(100) is None


def test_a_draw_counts_all_its_pairs_of_rows():
    assert Draw(0, 1, [(0, SPAN_ROWS), (100, 110)], [(5, 10)], 3).comparisons == (SPAN_ROWS + 10) * 5
