"""Permutations line up the matches and nothing else, and no position tells of a record."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linkage.result_types.permutations import draw_permutations, dump_permutations, load_permutations


@st.composite
def matchings(draw):
    counts = draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
    matches = draw(st.integers(0, min(counts)))
    sides = [np.array(draw(st.permutations(range(count)))[:matches], dtype=np.uint32) for count in counts]
    return sides, counts


@given(matching=matchings())
def test_masked_positions_hold_the_matches_and_no_others(matching):
    (left, right), counts = matching

    drawn = draw_permutations(left, right, counts)

    assert sorted(drawn.left) == list(range(counts[0]))
    assert sorted(drawn.right) == list(range(counts[1]))
    assert len(drawn.mask) == min(counts)
    at = [{int(position): record for record, position in enumerate(side)} for side in (drawn.left, drawn.right)]
    lined_up = {(at[0][place], at[1][place]) for place in np.flatnonzero(drawn.mask)}
    assert lined_up == set(zip(left.tolist(), right.tolist(), strict=True))


@given(matching=matchings())
def test_what_was_drawn_survives_being_stored(matching):
    (left, right), counts = matching
    drawn = draw_permutations(left, right, counts)

    again = load_permutations(dump_permutations(drawn))

    for name in ("left", "right", "mask"):
        assert getattr(again, name).tolist() == getattr(drawn, name).tolist()


def test_every_arrangement_is_as_likely_as_any_other():
    match = np.array([0], dtype=np.uint32)

    drawn = Counter(tuple(draw_permutations(match, match, (3, 3)).left.tolist()) for _ in range(6000))

    # Each of the 6 arrangements is expected 1,000 times with a standard deviation of 29: 200 away is 7 of these.
    assert len(drawn) == 6
    assert all(800 < count < 1200 for count in drawn.values())
