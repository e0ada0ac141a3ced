"""Encodings are read as they came, or refused with the place of the error."""

import base64
import io
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.encodings.block_files import read_block_file
from linkage.encodings.json_files import MOST_TOKEN_BYTES
from linkage.encodings.wire import check_size, decode, join_encodings, read_binary, read_json
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


def read(reader, file, count, size):
    """The bytes that a reader puts into a buffer."""
    buffer = bytearray(count * size)
    reader(file, memoryview(buffer), size)
    return bytes(buffer)


def test_short_json_records_are_filled_up_long_ones_cut_and_surplus_ignored():
    file = as_file(["ssssssss", b64(bytes(range(12))), b64(b"x" * 8)], meta={"clks": [1]})

    assert read(read_json, file, 2, 8) == base64.b64decode("ssssssss") + bytes(2) + bytes(range(8))


def test_a_json_file_with_fewer_records_is_refused():
    with pytest.raises(UploadRejected, match="3 encodings were announced, the file has 2"):
        read(read_json, as_file([b64(bytes(8))] * 2), 3, 8)


NO_JSON = [
    b"",
    b"[",
    b"nonsense",
    b'{"clks": ["AAAA"',
    b"\xff\xfe",
    b'{"clks": "AAAA"}',
    b"{}",
    b'{"clks": ["\xff"]}',
    b'{"clks": [["AAAA"]]}',
    b'{"clks": {"0": "AAAA"}}',
    b'{"clks": [' + b"9" * 5000 + b"]}",
    b'{"clks": [1e99999999999999999999]}',
    b'{"clks": ' + b"[" * 100_000,
    b'{"clks": [' * 50_000,
]


@pytest.mark.parametrize("text", NO_JSON, ids=range(len(NO_JSON)))
def test_a_file_that_is_no_such_json_is_refused(text):
    with pytest.raises(UploadRejected):
        read(read_json, io.BytesIO(text), 1, 8)


def test_a_file_that_is_one_endless_text_is_refused_before_it_fills_the_memory():
    class Endless:
        given = 0

        def read(self, size):
            piece = b"A" * size if self.given else b'{"clks": ["'[:size]
            self.given += len(piece)
            return piece

    endless = Endless()
    with pytest.raises(UploadRejected, match=r"the file holds something of more than \d+ bytes"):
        read(read_json, endless, 1, 8)
    assert endless.given < 2 * MOST_TOKEN_BYTES


@given(text=st.binary(max_size=200))
def test_no_bytes_whatever_make_the_json_reader_fail_otherwise(text):
    with suppress(UploadRejected):
        read(read_json, io.BytesIO(text), 1, 8)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["clks", "blocks", "0", "1"]), inner),
    max_leaves=20,
)


@given(value=JSON_VALUES, member=st.sampled_from(["clks", "blocks", "other"]), count=st.integers(1, 3))
def test_no_json_whatever_makes_the_readers_fail_otherwise(value, member, count):
    text = json.dumps({member: value}).encode()
    with suppress(UploadRejected):
        read(read_json, io.BytesIO(text), count, 8)
    with suppress(UploadRejected):
        read_block_file(io.BytesIO(text), count, most_rows=100)


@given(text=st.binary(max_size=100), count=st.integers(1, 20))
def test_raw_bytes_are_read_whole_or_refused(text, count):
    if len(text) < count * 8:
        with pytest.raises(UploadRejected, match=f"{count} encodings were announced, the file has {len(text) // 8}"):
            read(read_binary, io.BytesIO(text), count, 8)
    else:
        assert read(read_binary, io.BytesIO(text), count, 8) == text[: count * 8]


class Drip(io.BytesIO):
    """A stream that gives a byte or two at a time, as a network may."""

    def read(self, size=-1):
        return super().read(min(size, 2))


def test_a_stream_that_gives_little_at_a_time_is_read_whole():
    assert read(read_binary, Drip(bytes(range(16))), 2, 8) == bytes(range(16))
    records = [b"12345678", b"abcdefgh"]
    assert read(read_json, Drip(as_file([b64(record) for record in records]).read()), 2, 8) == b"".join(records)
