"""Candidate pairs survive being stored, and a file's size gives its number of pairs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linkage.candidates.files import HEADER, OVERFLOW, PAIR_BYTES, byte_range, count_stored, is_overflow
from linkage.candidates.pairs import PAIR, drop_duplicates, load_pairs, with_datasets

pair_lists = st.lists(st.tuples(*[st.integers(0, 9)] * 4), max_size=40)


@given(pairs=pair_lists, bounds=st.tuples(st.integers(0, 40), st.integers(0, 40)))
def test_any_part_of_a_file_is_read_back(pairs, bounds):
    start, stop = sorted(min(bound, len(pairs)) for bound in bounds)
    raw = HEADER + np.array(pairs, dtype=PAIR).tobytes()

    assert load_pairs(raw[slice(*byte_range(start, stop))]).tolist() == pairs[start:stop]
    assert count_stored(len(raw)) == len(pairs)
    assert not is_overflow(len(raw))


def test_a_file_of_too_many_pairs_is_told_by_its_size():
    assert is_overflow(len(OVERFLOW))
    assert count_stored(len(OVERFLOW)) == 0
    assert PAIR.itemsize == PAIR_BYTES


@given(pairs=pair_lists)
def test_duplicates_beside_each_other_are_dropped(pairs):
    ordered = np.array(sorted(pairs), dtype=PAIR)

    assert drop_duplicates(ordered).tolist() == sorted(set(pairs))


@given(pairs=pair_lists)
def test_a_pair_keeps_its_numbers_with_its_data_sets(pairs):
    candidates = with_datasets(np.array(pairs, dtype=PAIR), 7)

    assert candidates[["left", "right", "common", "total"]].tolist() == pairs
    assert set(candidates["datasets"].tolist()) <= {7}
