"""Encodings are read as they came, or refused with the place of what is wrong."""

import base64
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.blocking import WHOLE_DATASET, dump_blocks, load_blocks
from linkage.encoding_sets import gather, popcounts, sort_encodings
from linkage.encodings import check_size, decode, join_encodings, read_binary, read_json
from linkage.errors import InvalidRequest, UploadRejected


def b64(raw):
    return base64.b64encode(raw).decode()


@given(records=st.lists(st.binary(min_size=8, max_size=8), min_size=1))
def test_base64_and_back(records):
    assert join_encodings([b64(record) for record in records]) == (b"".join(records), 8)


def test_line_breaks_in_base64_are_skipped():
    assert decode("AAAA\nAAAA\r\n", 0) == bytes(6)


@pytest.mark.parametrize("wrong", ["A", "AAAAA", "é", None, 7, ["AAAA"], {}])
def test_what_is_no_base64_is_refused_by_its_position_and_never_shown(wrong):
    with pytest.raises(UploadRejected, match="encoding 3 is not") as refusal:
        decode(wrong, 3)
    assert repr(wrong) not in str(refusal.value)


def test_ragged_encodings_are_refused():
    with pytest.raises(InvalidRequest, match="encoding 2 has 9 bytes, encoding 0 has 8"):
        join_encodings([b64(bytes(8)), b64(bytes(8)), b64(bytes(9))])


@pytest.mark.parametrize("nothing", [[], [""]])
def test_no_encodings_are_refused(nothing):
    with pytest.raises(InvalidRequest):
        join_encodings(nothing)


@pytest.mark.parametrize("size", [1, 4, 20, 4096, 0])
def test_sizes_that_no_project_can_have_are_refused(size):
    with pytest.raises(UploadRejected):
        check_size(size, smallest=8, largest=1024)


@pytest.mark.parametrize("size", [8, 64, 128, 1024])
def test_allowed_sizes_pass(size):
    check_size(size, smallest=8, largest=1024)


def as_file(clks, **members):
    return io.BytesIO(json.dumps(members | {"clks": clks}).encode())


def test_short_json_records_are_filled_up_long_ones_cut_and_surplus_ignored():
    file = as_file(["ssssssss", b64(bytes(range(12))), b64(b"x" * 8)], meta={"clks": [1]})

    assert list(read_json(file, 2, 8)) == [base64.b64decode("ssssssss") + bytes(2), bytes(range(8))]


def test_a_json_file_with_fewer_records_is_refused():
    with pytest.raises(UploadRejected, match="3 encodings were announced, the file has 2"):
        list(read_json(as_file([b64(bytes(8))] * 2), 3, 8))


@pytest.mark.parametrize("text", [b"", b"[", b"nonsense", b'{"clks": ["AAAA"', b"\xff\xfe", b'{"clks": "AAAA"}', b"{}"])
def test_a_file_that_is_no_such_json_is_refused(text):
    with pytest.raises(UploadRejected):
        list(read_json(io.BytesIO(text), 1, 8))


@given(text=st.binary(max_size=200))
def test_no_bytes_whatever_make_the_json_reader_fail_otherwise(text):
    try:
        encodings = list(read_json(io.BytesIO(text), 1, 8))
    except UploadRejected:
        return
    assert len(encodings) == 1


def test_surplus_bytes_are_ignored_and_missing_ones_refused():
    assert list(read_binary(io.BytesIO(b"a" * 8 + b"b" * 8 + b"c"), 2, 8)) == [b"a" * 8, b"b" * 8]
    with pytest.raises(UploadRejected, match="3 encodings were announced, the file has 2"):
        list(read_binary(io.BytesIO(b"a" * 23), 3, 8))


class Drip(io.BytesIO):
    """A stream that gives a byte or two at a time, as a network may."""

    def read(self, size=-1):
        return super().read(min(size, 2))


def test_a_stream_that_gives_little_at_a_time_is_read_whole():
    assert list(read_binary(Drip(bytes(range(16))), 2, 8)) == [bytes(range(8)), bytes(range(8, 16))]


@given(records=st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=30))
def test_an_encoding_set_is_sorted_by_popcount_and_knows_its_records(records):
    encodings = gather(iter(records), len(records), 16)
    sorted_set = sort_encodings(encodings)
    counts = popcounts(sorted_set.encodings)

    assert (np.diff(counts) >= 0).all()
    assert (encodings[sorted_set.rows] == sorted_set.encodings).all()
    assert sorted(sorted_set.rows) == list(range(len(records)))
    (block,) = load_blocks(dump_blocks(sorted_set.blocks))
    assert (block.key, block.first_row, block.row_count) == (WHOLE_DATASET, 0, len(records))
    assert (block.smallest_popcount, block.largest_popcount) == (counts[0], counts[-1])
