"""The engine finds exactly the pairs that the definition says, those on the threshold too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from linkage.candidates import scores
from linkage.similarity import find_candidates
from tests.oracle import pairs_by_definition

sizes = st.sampled_from([8, 16])


@st.composite
def two_sides(draw):
    size = draw(sizes)
    few_values = st.sampled_from([0, 1, 3, 7, 255, 254])
    return [draw(hnp.arrays(np.uint8, (draw(st.integers(0, 8)), size), elements=few_values)) for _ in range(2)]


def as_dict(pairs):
    return dict(zip(zip(pairs["left"].tolist(), pairs["right"].tolist(), strict=True), scores(pairs), strict=True))


@settings(deadline=None)
@given(sides=two_sides(), threshold=st.sampled_from([0.1, 0.55, 0.65, 0.75, 0.8, 0.9, 0.95, 1.0]))
def test_the_pairs_are_those_of_the_definition(sides, threshold):
    left, right = sides

    assert as_dict(find_candidates(left, right, threshold)) == pairs_by_definition(left, right, threshold)


def filled(bits, size=128):
    """An encoding whose first bits are set."""
    row = np.zeros(size * 8, dtype=np.uint8)
    row[:bits] = 1
    return np.packbits(row)[np.newaxis]


@pytest.mark.parametrize(("threshold", "few", "many"), [(0.75, 3, 5), (0.65, 13, 27), (0.55, 33, 87), (0.95, 19, 21)])
def test_pairs_on_the_threshold_that_anonlink_loses_are_found(threshold, few, many):
    one, other = filled(few), filled(many)

    assert as_dict(find_candidates(one, other, threshold)) == {(0, 0): threshold}
    assert as_dict(find_candidates(other, one, threshold)) == {(0, 0): threshold}


def test_every_threshold_is_inclusive_and_no_wider():
    """For each k/1000 that is the exact score of two nested encodings: found at it, not found just above it."""
    for thousandth in range(100, 1000, 2):
        threshold, few = thousandth / 1000, thousandth // 2
        one, other = filled(few), filled(1000 - few)
        assert len(find_candidates(one, other, threshold)) == 1
        assert len(find_candidates(one, other, np.nextafter(threshold, 2))) == 0


def test_tiles_do_not_change_the_answer(monkeypatch):
    generator = np.random.default_rng(1)
    left, right = (generator.integers(0, 256, (50, 8), dtype=np.uint8) for _ in range(2))
    whole = as_dict(find_candidates(left, right, 0.5))
    monkeypatch.setattr("linkage.similarity._TILE_ROWS", 7)

    assert as_dict(find_candidates(left, right, 0.5)) == whole
    assert whole


def test_all_partners_of_a_record_are_found():
    one, five = filled(100), np.repeat(filled(100), 5, axis=0)

    assert len(find_candidates(one, five, 0.9)) == 5


@pytest.mark.parametrize("threshold", [0, -0.1, 1.01, float("nan")])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(ValueError, match="threshold"):
        find_candidates(filled(1), filled(1), threshold)


def test_sides_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="differ in size"):
        find_candidates(filled(1, 8), filled(1, 16), 0.5)
