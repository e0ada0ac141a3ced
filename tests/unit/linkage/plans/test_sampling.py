"""A sample estimates a run's number of candidate pairs, whatever its blocks, and the same each time."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.candidates.pairs import PAIR, join_pairs
from linkage.encodings.block_tables import BLOCK
from linkage.engines.choice import engine
from linkage.plans.sampling import (
    FEWEST_DRAWS,
    MOST_DRAWS,
    SPAN_ROWS,
    Draw,
    DrawnPairs,
    Estimate,
    draw_rows,
    estimate,
    join_spans,
)


def table(counts, popcounts=(5, 5)):
    """A block table of blocks with these numbers of rows, with keys in the order given."""
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
    assert FEWEST_DRAWS <= sum(draw.times for draw in draws) <= MOST_DRAWS
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
    """The estimate for two data sets at threshold 1, by really comparing the drawn rows."""
    drawn_pairs = []
    for draw in draw_rows(datasets, 1.0, seed):
        rows = [
            np.concatenate([side[start:stop] for start, stop in spans])
            for side, (_, spans) in zip((left, right), draw.sides, strict=True)
        ]
        whole = np.array([[0, len(rows[0]), 0, len(rows[1])]])
        pairs = join_pairs(list(engine("native").find_candidates(*rows, whole, 1.0, threads=1, max_pairs=10**6)))
        drawn_pairs.append(DrawnPairs(draw, pairs, np.ones(len(pairs))))
    total = sum(int(a) * int(b) for a, b in zip(datasets[0]["row_count"], datasets[1]["row_count"], strict=True))
    return estimate(drawn_pairs, total).candidates


def test_every_comparison_is_as_likely_to_be_made_as_any_other():
    """The weight of a comparison, summed over many seeds, is the same for all: near the ends of blocks too."""
    datasets = [table([300, 7, 100, 1]), table([90, 150, 60, 2])]
    seeds = 2_000
    counted = np.zeros([int(side["row_count"].sum()) for side in datasets])
    for seed in range(seeds):
        draws = draw_rows(datasets, 0.5, str(seed))
        for draw in draws:
            left, right = (np.concatenate([np.arange(*span) for span in spans]) for _, spans in draw.sides)
            counted[np.ix_(left, right)] += draw.times / sum(d.times for d in draws) / draw.comparisons / seeds

    comparisons = 300 * 90 + 7 * 150 + 100 * 60 + 1 * 2
    assert counted.sum() == pytest.approx(1)
    for first, stop, other_first, other_stop in ((0, 300, 0, 90), (300, 307, 90, 240), (307, 407, 240, 300)):
        block = counted[first:stop, other_first:other_stop] * comparisons
        assert block.mean() == pytest.approx(1, rel=0.05)
        assert block.mean(axis=0) == pytest.approx(1, rel=0.15)
        assert block.mean(axis=1) == pytest.approx(1, rel=0.15)


@cache
def all_pairs(left, right):
    """Every pair of n left and m right rows, as a draw finds them in which all match."""
    pairs = np.zeros(left * right, dtype=PAIR)
    pairs["left"], pairs["right"] = np.repeat(np.arange(left), right), np.tile(np.arange(right), left)
    pairs["common"], pairs["total"] = 1, 2
    pairs.flags.writeable = False
    return pairs


@cache
def datasets_of(counts):
    """Two data sets with these blocks."""
    return [table(counts)] * 2


@cache
def draws_of(counts, seed):
    """The draws from two data sets with these blocks, and the number of each draw's block."""
    datasets = datasets_of(counts)
    draws = draw_rows(datasets, 0.5, str(seed))
    first_rows = [draw.left_spans[0][0] for draw in draws]
    blocks = np.searchsorted(datasets[0]["first_row"], first_rows, side="right") - 1
    return draws, [all_pairs(*draw.rows) for draw in draws], blocks


def estimates_where_blocks_match_wholly(counts, share, seeds):
    """Yield estimates of a run in which this share of the blocks match wholly, the others not; and the truth."""
    sizes = np.square(np.array(counts, dtype=np.int64))
    generator = np.random.default_rng(7)
    for seed in range(seeds):
        match = generator.random(len(counts)) < share
        draws, pairs, blocks = draws_of(counts, seed)
        matching = zip(draws, pairs, match[blocks].tolist(), strict=True)
        drawn_pairs = [
            DrawnPairs(draw, each[: matches * len(each)], ONES[: matches * len(each)])
            for draw, each, matches in matching
        ]
        yield estimate(drawn_pairs, int(sizes.sum())), int(sizes[match].sum())


ONES = np.ones(1_000**2)
TINY = (8,) * 20_000
MIXED = (*((5,) * 3_000), *((40,) * 300), *((250,) * 20), 1_000)
SIXTY = (60,) * 2_000


@pytest.mark.parametrize(
    ("counts", "share"), [(TINY, 0.01), (TINY, 0.2), (TINY, 0.98), (MIXED, 0.05), (MIXED, 0.5), (SIXTY, 0.1)]
)
def test_a_run_that_fits_is_not_refused_where_matches_lie_in_few_blocks(counts, share):
    """Not even one with exactly the allowed number; by calculation one in twenty thousand such runs is."""
    for told, truth in estimates_where_blocks_match_wholly(counts, share, 60):
        assert not told.exceeds(truth)


@pytest.mark.parametrize(("counts", "share", "times"), [(TINY, 0.05, 5), (MIXED, 0.5, 10), (SIXTY, 0.2, 5)])
def test_a_run_with_far_too_many_candidate_pairs_is_told(counts, share, times):
    told = list(estimates_where_blocks_match_wholly(counts, share, 30))

    assert sum(each.exceeds(truth // times) for each, truth in told) >= 0.9 * len(told)


def test_tiny_blocks_that_match_wholly_and_seldom_are_estimated_within_a_factor_of_two():
    ratios = [told.candidates / truth for told, truth in estimates_where_blocks_match_wholly(TINY, 0.02, 60)]

    assert max(ratios) < 2
    assert np.mean(ratios) == pytest.approx(1, abs=0.1)


def test_many_draws_of_tiny_blocks_are_near_each_other():
    """Few requests then read them, for data sets of any size."""
    draws = draw_rows([table([8] * 100_000)] * 2, 0.5, "a")

    assert sum(draw.times for draw in draws) == MOST_DRAWS
    assert len(join_spans([span for draw in draws for span in draw.left_spans], 512)) <= 17


@given(
    spans=st.lists(st.tuples(st.integers(0, 100), st.integers(1, 20)), min_size=1).map(
        lambda rows: [(start, start + count) for start, count in rows]
    ),
    gap=st.integers(0, 30),
)
def test_joined_spans_hold_all_of_them_and_no_large_gap(spans, gap):
    joined = join_spans(spans, gap)

    wanted = {row for span in spans for row in range(*span)}
    assert all(any(start <= first and last <= stop for start, stop in joined) for first, last in spans)
    assert all(stop + gap < start for (_, stop), (start, _) in pairwise(joined))
    between = sorted(row for span in joined for row in range(*span) if row not in wanted)
    assert all(any(row + step in wanted for step in range(1, gap + 1)) for row in between)


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
    agreed, scattered = (Estimate(np.full(1, 0.9), np.full(1, 1.0), 1_000, error) for error in (0.0, 0.1))

    assert agreed.exceeds(799)
    assert not agreed.exceeds(800)
    assert scattered.exceeds(599)
    assert not scattered.exceeds(600)


def test_one_large_block_is_unsure_where_its_candidate_pairs_lie_together():
    """Rows all over the block match, or the first eighth alone, on either side."""
    draw = Draw(0, 1, [(0, 4096)], [(0, 4096)], 256)
    together = all_pairs(512, 512)
    spread = together.copy()
    for name in ("left", "right"):
        spread[name] *= 8

    errors = [estimate([DrawnPairs(draw, pairs, np.ones(len(pairs)))], 4096**2).error for pairs in (together, spread)]

    assert errors[0] > 0.3 * 512**2 / 4096**2
    assert errors[1] == 0


def test_chunks_have_about_as_many_candidate_pairs_as_wanted():
    assert Estimate(np.full(1, 0.9), np.full(1, 0.05), 10_000).bound_chunk_size(100) == 2_000
    assert Estimate(np.empty(0), np.empty(0), 10_000).bound_chunk_size(100) is None


def test_a_draw_counts_all_its_pairs_of_rows():
    assert Draw(0, 1, [(0, SPAN_ROWS), (100, 110)], [(5, 10)], 3).comparisons == (SPAN_ROWS + 10) * 5
