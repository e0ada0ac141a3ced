"""Candidate pairs keep their order, and survive being stored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.candidate_files import HEADER_BYTES, PAIR_BYTES, count_stored, dump_header, load_count
from linkage.candidates import PAIR, dump_pairs, join_pairs, load_pairs, scores, sort_pairs

pair_lists = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda p: (*p, (p[0] * p[1]) % 5 + 1, 10 + (p[0] + p[1]) % 3)),
    max_size=40,
)


@given(pairs=pair_lists, seed=st.randoms())
def test_the_order_does_not_depend_on_who_found_a_pair_first(pairs, seed):
    shuffled = list(pairs)
    seed.shuffle(shuffled)

    once, again = (sort_pairs(np.array(listed, dtype=PAIR)) for listed in (pairs, shuffled + pairs))

    assert once.tobytes() == again.tobytes()
    keys = list(zip(-scores(once), once["left"], once["right"], strict=True))
    assert keys == sorted(set(keys))


@given(pairs=pair_lists)
def test_pairs_survive_being_stored(pairs):
    array = np.array(pairs, dtype=PAIR)
    raw = dump_pairs(array)

    assert load_pairs(raw).tolist() == array.tolist()
    assert count_stored(len(raw)) == load_count(raw) == len(pairs)
    assert PAIR.itemsize == PAIR_BYTES


def test_nothing_joined_is_nothing():
    assert len(join_pairs([])) == 0
    assert len(sort_pairs(join_pairs([]))) == 0


@pytest.mark.parametrize("raw", [dump_header(3), dump_pairs(np.zeros(2, PAIR))[:-PAIR_BYTES]])
def test_a_file_that_is_cut_short_is_refused(raw):
    with pytest.raises(ValueError, match="cut short"):
        load_pairs(raw)


def test_a_foreign_file_is_refused():
    with pytest.raises(ValueError, match="not a file of candidate pairs"):
        load_count(b"x" * HEADER_BYTES)
