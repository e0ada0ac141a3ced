"""Encodings are read as they came, or refused with the place of the error."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.encodings.wire import Announcement, check_size, decode, join_encodings
from linkage.errors import UploadRejected


def b64(raw):
    return base64.b64encode(raw).decode()


def joined(texts, announced=None):
    raw = bytearray()
    return join_encodings(texts, raw, announced), bytes(raw)


def announcing(count, size, max_bytes=2**20):
    return Announcement(count, size, smallest=8, largest=1024, max_bytes=max_bytes)


@given(records=st.lists(st.binary(min_size=8, max_size=8), min_size=1))
def test_base64_and_back(records):
    texts = [b64(record) for record in records]
    assert joined(texts) == joined(texts, announcing(len(records), 8)) == (8, b"".join(records))


@pytest.mark.parametrize("text", ["AAAA\nAAAA\r\n", " AAAA AAAA", "AAA\tAAAAA"])
def test_line_breaks_and_spaces_in_base64_are_skipped(text):
    assert decode(text, 0) == bytes(6)


@pytest.mark.parametrize(
    "wrong", ["A", "AAAAA", "é", None, 7, ["AAAA"], {}, "AA==AAAA", "AA*AA", "AA-_", "AAA", "AA", "="]
)
def test_what_is_no_base64_is_refused_by_its_position_and_never_shown(wrong):
    with pytest.raises(UploadRejected, match="encoding 3 is not") as refusal:
        decode(wrong, 3)
    assert repr(wrong) not in str(refusal.value)


def test_ragged_encodings_are_refused():
    for announced in (None, announcing(3, 8)):
        with pytest.raises(UploadRejected, match="encoding 2 has 9 bytes, encoding 0 has 8"):
            joined([b64(bytes(8)), b64(bytes(8)), b64(bytes(9))], announced)


@pytest.mark.parametrize("announced", [None, announcing(2, 8), announcing(2, 16)])
def test_an_empty_encoding_is_refused(announced):
    with pytest.raises(UploadRejected, match="encoding 0 is empty"):
        joined(["", ""], announced)


def test_encodings_of_another_size_than_announced_are_refused():
    with pytest.raises(UploadRejected, match="encoding 0 has 8 bytes, 16 were announced"):
        joined([b64(bytes(8))], announcing(1, 16))


@pytest.mark.parametrize("size", [8, 16, 64, 1024])
def test_announced_as_eight_bytes_encodings_have_the_size_that_they_have(size):
    assert joined([b64(bytes(size))] * 3, announcing(3, 8)) == (size, bytes(3 * size))


@pytest.mark.parametrize("size", [9, 20, 1032])
def test_announced_as_eight_bytes_encodings_have_a_size_that_there_can_be(size):
    with pytest.raises(UploadRejected, match="Encoding size"):
        joined([b64(bytes(size))] * 3, announcing(3, 8))


@given(records=st.lists(st.binary(min_size=1, max_size=7), min_size=1))
def test_announced_as_eight_bytes_encodings_that_are_all_shorter_are_filled_with_zeros(records):
    texts = [b64(record) for record in records]
    filled = b"".join(record.ljust(8, b"\0") for record in records)
    assert joined(texts, announcing(len(records), 8)) == (8, filled)


@pytest.mark.parametrize("sizes", [(7, 8), (8, 7), (7, 16), (16, 7), (7, 0), (8, 16), (16, 8), (128, 64)])
def test_nothing_else_is_filled_or_cut(sizes):
    with pytest.raises(UploadRejected, match=f"encoding 1 has {sizes[1]} bytes, encoding 0 has {sizes[0]}"):
        joined([b64(bytes(size)) for size in sizes], announcing(2, 8))


def test_more_encodings_than_announced_are_refused():
    with pytest.raises(UploadRejected, match="1 encodings were announced, there are more"):
        joined([b64(bytes(8))] * 2, announcing(1, 8))


def test_encodings_for_which_there_is_no_memory_are_refused_before_they_are_read():
    with pytest.raises(UploadRejected, match="6553 of 128 bytes"):
        joined([b64(bytes(128))], announcing(7000, 8))


@pytest.mark.parametrize(
    ("file_bytes", "count", "announced", "size"),
    [
        *((80, 10, 8, 8), (160, 10, 16, 16), (160, 10, 8, 16), (10_240, 10, 8, 1024)),
        *((161, 10, 8, None), (159, 10, 16, None), (200, 10, 20, None), (200, 10, 8, None), (10_320, 10, 8, None)),
        *((160, 10, 32, None), (320, 10, 16, None), (0, 10, 8, None), (0, 10, 16, None)),
    ],
)
def test_raw_bytes_have_the_size_that_was_announced_or_that_divides_the_file(file_bytes, count, announced, size):
    assert announcing(count, announced).raw_size(file_bytes) == size


@pytest.mark.parametrize("size", [1, 4, 20, 4096, 0])
def test_sizes_that_no_project_can_have_are_refused(size):
    with pytest.raises(UploadRejected):
        check_size(size, smallest=8, largest=1024)


@pytest.mark.parametrize("size", [8, 64, 128, 1024])
def test_allowed_sizes_pass(size):
    check_size(size, smallest=8, largest=1024)
