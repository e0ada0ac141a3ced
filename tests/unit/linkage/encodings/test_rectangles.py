"""Rectangles are counted right, cut into tiles that cover each pair once, and read back as they were stored."""

from collections import Counter
from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linkage.encodings.rectangles import (
    RECTANGLE_BYTES,
    areas,
    count_pairs,
    count_rows,
    cut_evenly,
    dump_rectangles,
    load_rectangles,
    span,
    tile,
)

sides = st.tuples(st.integers(0, 30), st.integers(1, 30)).map(lambda side: (side[0], side[0] + side[1]))
rectangles = st.lists(st.tuples(sides, sides), min_size=1, max_size=8).map(
    lambda pairs: np.array(pairs, dtype=np.int64).reshape(-1, 4)
)


def pairs_in(some):
    return Counter(
        pair
        for left_start, left_stop, right_start, right_stop in some.tolist()
        for pair in product(range(left_start, left_stop), range(right_start, right_stop))
    )


@given(rectangles)
def test_pairs_rows_and_spans_are_those_of_all_rectangles(some):
    assert areas(some).tolist() == [pairs_in(some[place : place + 1]).total() for place in range(len(some))]
    assert count_pairs(some) == pairs_in(some).total()
    assert count_rows(some) == sum(len(range(*each[:2])) + len(range(*each[2:])) for each in some.tolist())
    for side in (0, 1):
        rows = {pair[side] for pair in pairs_in(some)}
        assert span(some, side) == (min(rows), max(rows) + 1)


@given(rectangles, st.integers(1, 12), st.integers(1, 12))
def test_tiles_cover_each_pair_once_and_are_no_larger_than_allowed(some, height, width):
    tiles = tile(some[0], height, width)

    assert pairs_in(tiles) == pairs_in(some[:1])
    heights, widths = tiles[:, 1] - tiles[:, 0], tiles[:, 3] - tiles[:, 2]
    assert 0 < heights.min() <= heights.max() <= height
    assert 0 < widths.min() <= widths.max() <= width
    assert np.ptp(heights) <= 1
    assert np.ptp(widths) <= 1


@given(st.integers(0, 2**32), st.integers(1, 2**32), st.integers(1, 50))
def test_a_range_is_cut_into_as_few_parts_as_there_can_be(start, rows, parts):
    most = -(-rows // parts)

    cuts = cut_evenly(start, start + rows, most)

    assert (cuts[0], cuts[-1], len(cuts) - 1) == (start, start + rows, -(-rows // most))
    assert 0 < np.diff(cuts).min() <= np.diff(cuts).max() <= most


@given(st.lists(rectangles, max_size=3))
def test_stored_rectangles_are_read_back_as_they_were(parts):
    raw = dump_rectangles(parts)

    assert len(raw) == RECTANGLE_BYTES * sum(map(len, parts))
    assert load_rectangles(raw).tolist() == [row for part in parts for row in part.tolist()]


def test_the_stored_format_is_four_little_endian_numbers():
    assert dump_rectangles([np.array([[1, 2, 3, 2**32 - 1]])]) == bytes.fromhex("01000000 02000000 03000000 ffffffff")
