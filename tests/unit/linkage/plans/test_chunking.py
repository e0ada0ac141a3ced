"""Chunks cover every comparison that can matter exactly once, and never exceed their bound."""

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.encodings.block_tables import BLOCK
from linkage.plans.chunking import Work, choose_chunk_size, count_comparisons, split_comparisons

works = st.builds(Work, st.integers(1, 200), st.integers(0, 5), st.none() | st.integers(1, 200))


def table(blocks):
    """Return the block table of (key, rows, smallest popcount, largest popcount), sorted by key."""
    rows, first = [], 0
    for key, count, smallest, largest in sorted(blocks):
        rows.append((key, first, count, smallest, largest))
        first += count
    return np.array(rows, dtype=BLOCK)


@st.composite
def block_tables(draw):
    """Block tables of two to four data sets over the same few keys."""
    tables = []
    for _ in range(draw(st.integers(2, 4))):
        keys = draw(st.sets(st.sampled_from([b"a", b"b", b"c", b"d", b"e", b"f"])))
        popcounts = [sorted(draw(st.tuples(st.integers(0, 64), st.integers(0, 64)))) for _ in keys]
        tables.append(
            table([(key, draw(st.integers(1, 20)), *bounds) for key, bounds in zip(keys, popcounts, strict=True)])
        )
    return tables


def pairs_in(chunks):
    return Counter(
        (chunk.left, chunk.right, left, right)
        for chunk in chunks
        for left_start, left_stop, right_start, right_stop in chunk.rectangles.tolist()
        for left, right in product(range(left_start, left_stop), range(right_start, right_stop))
    )


def pairs_wanted(datasets, threshold):
    """All pairs of rows of shared blocks, without pairs of blocks whose popcounts cannot reach the threshold."""
    return Counter(
        (i, j, left, right)
        for i, j in combinations(range(len(datasets)), 2)
        for one, other in product(datasets[i], datasets[j])
        if one["key"] == other["key"] and reaches(one, other, threshold)
        for left, right in product(
            range(one["first_row"], one["first_row"] + one["row_count"]),
            range(other["first_row"], other["first_row"] + other["row_count"]),
        )
    )


def reaches(one, other, threshold):
    return any(
        2 * min(a, b) / (a + b) >= threshold
        for a in range(one["smallest_popcount"], one["largest_popcount"] + 1)
        for b in range(other["smallest_popcount"], other["largest_popcount"] + 1)
        if min(a, b)
    )


@given(datasets=block_tables(), work=works, threshold=st.sampled_from([0.01, 0.5, 0.75, 1.0]))
def test_every_comparison_that_can_matter_is_made_exactly_once(datasets, work, threshold):
    chunks = list(split_comparisons(datasets, threshold, work))

    assert pairs_in(chunks) == pairs_wanted(datasets, threshold)
    assert all(0 < chunk.comparisons <= work.max_comparisons for chunk in chunks)
    assert count_comparisons(datasets) >= sum(chunk.comparisons for chunk in chunks)


@given(datasets=block_tables(), work=works)
def test_the_same_tables_give_the_same_chunks(datasets, work):
    once, again = ([chunk.rectangles.tolist() for chunk in split_comparisons(datasets, 0.5, work)] for _ in range(2))

    assert once == again


def test_small_blocks_share_a_chunk_of_contiguous_rows():
    blocks = table([(b"%03d" % key, 1, 5, 5) for key in range(100)])

    chunks = list(split_comparisons([blocks, blocks], 0.5, Work(50)))

    assert [chunk.rectangles[:, 0].tolist() for chunk in chunks] == [list(range(50)), list(range(50, 100))]


def test_rows_that_are_read_in_between_count_as_work():
    near = table([(b"a", 1, 5, 5), (b"c", 1, 5, 5)])
    far = table([(b"a", 1, 5, 5), (b"b", 1000, 5, 5), (b"c", 1, 5, 5)])

    assert len(list(split_comparisons([near, near], 0.5, Work(1000, row_cost=10)))) == 1
    assert len(list(split_comparisons([far, near], 0.5, Work(1000, row_cost=10)))) == 2


def test_rows_that_are_read_do_not_count_as_candidate_pairs():
    tiny = table([(b"%03d" % key, 2, 5, 5) for key in range(100)])

    unbounded = list(split_comparisons([tiny, tiny], 0.5, Work(2_000, row_cost=10)))
    bounded = list(split_comparisons([tiny, tiny], 0.5, Work(2_000, row_cost=10, candidate_bound=200)))
    finely_bounded = list(split_comparisons([tiny, tiny], 0.5, Work(2_000, row_cost=10, candidate_bound=40)))

    assert len(unbounded) == len(bounded) == 3
    assert [chunk.comparisons for chunk in finely_bounded] == [40] * 10


def test_blocks_of_two_billion_comparisons_are_counted_right():
    huge = table([(b"a", 3_000_000_000, 5, 5)])

    assert count_comparisons([huge, huge]) == 9 * 10**18


@pytest.mark.parametrize("bounds", [{"max_cost": 0}, {"max_cost": -1}, {"max_cost": 5, "candidate_bound": 0}])
def test_a_bound_below_one_is_refused(bounds):
    with pytest.raises(ValueError, match="at least 1"):
        Work(**bounds)


@given(total=st.integers(0, 10**15))
def test_the_chunk_size_stays_within_its_bounds(total):
    assert 1_000 <= choose_chunk_size(total, smallest=1_000, largest=1_000_000) <= 1_000_000
