"""A sample tells about how many candidate pairs a run has, and the same each time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.chunking import Chunk, count_pairs
from linkage.sampling import SIDE, Estimate, bound_chunk_size, count_compared, draw_parts


@st.composite
def chunks(draw):
    starts = st.integers(0, 10**6)
    sides = st.integers(1, 3000)
    return [
        Chunk(0, 1, np.array([(a, a + m, b, b + n) for a, m, b, n in rows], dtype=np.int64))
        for rows in draw(
            st.lists(st.lists(st.tuples(starts, sides, starts, sides), min_size=1), min_size=1, max_size=5)
        )
    ]


@given(chunks=chunks(), seed=st.text("0123456789abcdef", min_size=1))
def test_parts_lie_inside_of_the_chunks_and_are_the_same_each_time(chunks, seed):
    parts = draw_parts(chunks, seed)

    assert [part.tolist() for _, part in parts] == [part.tolist() for _, part in draw_parts(chunks, seed)]
    for chunk, part in parts:
        left_start, left_stop, right_start, right_stop = part[0].tolist()
        assert 0 < left_stop - left_start <= SIDE
        assert 0 < right_stop - right_start <= SIDE
        assert any(
            a <= left_start and left_stop <= b and c <= right_start and right_stop <= d
            for a, b, c, d in chunk.rectangles.tolist()
        )
    assert count_compared(parts) == sum(count_pairs(part) for _, part in parts)


def test_another_seed_draws_other_parts():
    large = [Chunk(0, 1, np.array([[0, 10**6, 0, 10**6]], dtype=np.int64))]

    assert [p.tolist() for _, p in draw_parts(large, "a")] != [p.tolist() for _, p in draw_parts(large, "b")]


def test_the_estimate_is_the_share_of_the_sample():
    estimate = Estimate(np.full(50, 0.9), compared=1_000, comparisons=1_000_000)

    assert estimate.candidates == 50_000
    assert bound_chunk_size(estimate, max_candidates=100) == 2_000


def test_the_threshold_that_fits_leaves_no_more_than_the_limit():
    sampled = np.sort(np.random.default_rng(1).uniform(0.5, 1, 2_000))[::-1]
    estimate = Estimate(sampled, compared=10_000, comparisons=1_000_000)

    fitting = estimate.fitting_threshold(50_000)

    assert (sampled >= fitting).sum() * 100 <= 50_000 < (sampled >= fitting - 0.02).sum() * 100


@pytest.mark.parametrize(("score", "limit"), [(1.0, 10), (0.9, 10**9)])
def test_there_may_be_no_threshold_that_fits_or_none_needed(score, limit):
    assert Estimate(np.full(50, score), compared=100, comparisons=10_000).fitting_threshold(limit) is None
