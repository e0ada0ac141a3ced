"""Merged files give each pair once, in the total order, whatever the windows."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.candidates.merging import SortedFile, merge_files
from linkage.candidates.pairs import CANDIDATE, PAIR, drop_duplicates, scores, with_datasets
from linkage.engines.choice import engine

ENGINE = engine("anonlink")


@st.composite
def stored_files(draw):
    """Files of up to three pairs of data sets, with many equal scores and pairs that several files hold."""
    pair = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(
        lambda p: (*p, (p[0] * p[1]) % 3 + 1, 10 + (p[0] + p[1]) % 2)
    )
    files = []
    for _ in range(draw(st.integers(0, 6))):
        pairs = np.array(draw(st.lists(pair, max_size=30)), dtype=PAIR)
        files.append((draw(st.integers(0, 2)), drop_duplicates(ENGINE.sort_pairs(pairs))))
    return files


def merge(files, window_pairs):
    def fetch(pieces):
        return [files[piece.file][1][piece.start : piece.stop] for piece in pieces]

    described = [SortedFile(len(pairs), datasets) for datasets, pairs in files]
    return list(merge_files(described, fetch, ENGINE.sort_candidates, window_pairs=window_pairs))


@given(files=stored_files(), window_pairs=st.integers(1, 60))
def test_every_pair_comes_out_once_and_in_order(files, window_pairs):
    batches = merge(files, window_pairs)

    merged = np.concatenate([np.empty(0, dtype=CANDIDATE), *batches])
    keys = list(zip((-scores(merged)).tolist(), merged["datasets"], merged["left"], merged["right"], strict=True))
    wanted = {candidate.tobytes() for datasets, pairs in files for candidate in with_datasets(pairs, datasets)}
    assert keys == sorted(set(keys))
    assert {candidate.tobytes() for candidate in merged} == wanted


@given(files=stored_files(), window_pairs=st.integers(6, 60))
def test_no_more_is_held_than_allowed(files, window_pairs):
    assert all(0 < len(batch) <= window_pairs for batch in merge(files, window_pairs))


def test_each_file_is_read_once_from_start_to_end():
    generator = np.random.default_rng(5)
    files = []
    for datasets in range(3):
        pairs = np.zeros(1000, dtype=PAIR)
        pairs["left"], pairs["common"], pairs["total"] = np.arange(1000), generator.integers(1, 9, 1000), 20
        files.append((datasets, ENGINE.sort_pairs(pairs)))
    read = {number: [] for number in range(3)}

    def fetch(pieces):
        for piece in pieces:
            read[piece.file].append((piece.start, piece.stop))
        return [files[piece.file][1][piece.start : piece.stop] for piece in pieces]

    described = [SortedFile(1000, datasets) for datasets, _ in files]
    assert sum(map(len, merge_files(described, fetch, ENGINE.sort_candidates, window_pairs=300))) == 3000
    for pieces in read.values():
        assert [start for start, _ in pieces] == [0, *[stop for _, stop in pieces[:-1]]]
        assert len(pieces) < 30


@pytest.mark.parametrize("parties", [2, 3, 5])
def test_data_sets_are_numbered_as_their_combinations(parties):
    from linkage.plans.plan import Plan, PlannedChunk  # noqa: PLC0415

    plan = Plan(
        run_id="run",
        threshold=0.8,
        encoding_size=8,
        datasets=("",) * parties,
        record_counts=(1,) * parties,
        total_comparisons=0,
        rectangles_key="",
        chunks=(),
    )
    numbers = [plan.dataset_pair(PlannedChunk(*pair, 0, 0, 0)) for pair in combinations(range(parties), 2)]
    assert numbers == list(range(len(numbers)))
