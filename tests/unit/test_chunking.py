"""Chunks cover every comparison exactly once and never exceed their bound."""

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.blocking import BLOCK
from linkage.chunking import choose_chunk_size, count_comparisons, split_comparisons


@st.composite
def block_tables(draw):
    """Block tables of two to four data sets over the same few keys."""
    tables = []
    for _ in range(draw(st.integers(2, 4))):
        keys = draw(st.sets(st.sampled_from("abcdef")))
        table, row = [], 0
        for key in sorted(keys):
            count = draw(st.integers(0, 20))
            table.append((key, row, count, 0, 0))
            row += count
        tables.append(np.array(table, dtype=BLOCK))
    return tables


def rows_of(block):
    return range(block["first_row"], block["first_row"] + block["row_count"])


@given(datasets=block_tables(), bound=st.integers(1, 200))
def test_every_comparison_is_made_exactly_once(datasets, bound):
    chunks = list(split_comparisons(datasets, max_comparisons=bound))

    made = Counter(
        (chunk.left, chunk.right, left, right)
        for chunk in chunks
        for r in chunk.rectangles
        for left, right in product(range(r.left_start, r.left_stop), range(r.right_start, r.right_stop))
    )
    wanted = Counter(
        (i, j, left, right)
        for i, j in combinations(range(len(datasets)), 2)
        for one, other in product(datasets[i], datasets[j])
        if one["key"] == other["key"]
        for left, right in product(
            rows_of(one),
            rows_of(other),
        )
    )
    assert made == wanted
    assert count_comparisons(datasets) == wanted.total() == sum(chunk.comparisons for chunk in chunks)
    assert all(0 < chunk.comparisons <= bound for chunk in chunks)


@given(datasets=block_tables(), bound=st.integers(1, 200))
def test_the_same_tables_give_the_same_chunks(datasets, bound):
    once, again = (list(split_comparisons(datasets, max_comparisons=bound)) for _ in range(2))

    assert once == again


def test_small_blocks_share_a_chunk():
    table = np.array([(f"{key:02}", key, 1, 0, 0) for key in range(100)], dtype=BLOCK)

    assert len(list(split_comparisons([table, table], max_comparisons=50))) == 2


@pytest.mark.parametrize("bound", [0, -1])
def test_a_bound_below_one_is_refused(bound):
    with pytest.raises(ValueError, match="at least 1"):
        next(split_comparisons([], max_comparisons=bound))


@given(total=st.integers(0, 10**15))
def test_the_chunk_size_stays_within_its_bounds(total):
    assert 1_000 <= choose_chunk_size(total, smallest=1_000, largest=1_000_000) <= 1_000_000
