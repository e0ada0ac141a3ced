"""Results have the clients' formats: the same JSON whole or in pieces, the same file that anonlink reads."""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.candidates.pairs import CANDIDATE
from linkage.engines.choice import engine
from linkage.result_types import texts as result_texts
from tests.oracle import anonlink

rows = st.lists(st.tuples(st.integers(1, 50), st.integers(100, 120), st.just(0), *[st.integers(0, 2**32 - 1)] * 2))


def joined(pieces):
    return json.loads(b"".join(pieces))


@given(sizes=st.lists(st.integers(2, 5), max_size=9))
def test_groups(sizes):
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    datasets = np.concatenate([np.arange(size) for size in [*sizes, 0]]).astype(np.uint32)
    records = np.arange(len(datasets), dtype=np.uint32)

    groups = joined(result_texts.groups_text(datasets, records, offsets))["groups"]

    assert [len(group) for group in groups] == sizes
    assert [record for group in groups for record in group] == [
        list(pair) for pair in zip(datasets.tolist(), records.tolist(), strict=True)
    ]


@pytest.mark.parametrize("name", ["native", "anonlink"])
@given(batches=st.lists(rows.filter(bool), max_size=4))
def test_scores_as_text_and_as_a_file(name, batches):
    arrays = [np.array(batch, dtype=CANDIDATE) for batch in batches]
    expected = [(2 * c / t, left, right) for batch in batches for c, t, _, left, right in batch]

    rows = b",".join(b"".join(result_texts.scores_text(array, engine(name).format_scores)) for array in arrays)
    text = result_texts.SCORES_OPEN + rows + result_texts.SCORES_CLOSE
    file = result_texts.SCORE_FILE_HEADER + b"".join(map(result_texts.score_rows, arrays))

    listed = json.loads(text)["similarity_scores"]
    assert listed == [[[0, left], [1, right], score] for score, left, right in expected]
    if expected:
        similarities, datasets, records = anonlink.serialization.load_candidate_pairs(io.BytesIO(file))
        assert list(zip(similarities, *records, strict=True)) == expected
        assert [set(index) for index in datasets] == [{0}, {1}]
    else:
        assert file == b"\1\x08\4\4"


def test_mask_and_permutation():
    assert joined(result_texts.mask_text(np.array([0, 1], dtype=np.uint8))) == {"mask": [0, 1]}
    assert joined(result_texts.permutation_text(np.array([1, 0], dtype=np.uint32), 2)) == {
        "permutation": [1, 0],
        "rows": 2,
    }


def test_many_groups_and_many_scores_are_made_in_pieces_that_join(monkeypatch):
    monkeypatch.setattr(result_texts, "_PIECE", 1_000)
    count = 2_501
    offsets = np.arange(count + 1, dtype=np.int64) * 2
    datasets, records = np.tile([0, 1], count).astype(np.uint32), np.arange(2 * count, dtype=np.uint32)
    groups = joined(result_texts.groups_text(datasets, records, offsets))["groups"]
    assert groups[-1] == [[0, 2 * count - 2], [1, 2 * count - 1]]
    assert len(groups) == count

    batch = np.zeros(count, dtype=CANDIDATE)
    batch["left"], batch["common"], batch["total"] = np.arange(count), 3, 8
    pieces = list(result_texts.scores_text(batch, engine("native").format_scores))
    assert len(pieces) == 5
    assert json.loads(b"[" + b"".join(pieces) + b"]") == [[[0, left], [1, 0], 0.75] for left in range(count)]


def test_a_long_list_is_made_in_pieces_that_join():
    numbers = np.arange(250_001, dtype=np.uint32)

    pieces = list(result_texts.permutation_text(numbers, 5))

    assert len(pieces) == 5
    assert joined(pieces) == {"permutation": numbers.tolist(), "rows": 5}
