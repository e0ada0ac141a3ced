"""A file of encodings is read for what it is, whatever its name, or refused with the reason."""

import base64
import io
import json
from contextlib import contextmanager, nullcontext, suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.encodings.block_files import read_block_file
from linkage.encodings.encoding_files import read_encoding_file
from linkage.encodings.json_text import MOST_TOKEN_BYTES
from linkage.encodings.wire import Announcement
from linkage.errors import UploadRejected
from tests.streams import Drip

RANDOM = np.random.default_rng(12)


def read(content, count, size, *, most=2**20, ignored=()):
    """The encodings in a file that was announced so, as a list."""

    @contextmanager
    def open_file():
        yield Drip(content, most)

    announced = Announcement(count, size, smallest=8, largest=1024, max_bytes=2**30)
    raw, found = read_encoding_file(open_file, len(content), announced, ignored=ignored)
    assert len(raw) == count * found
    return [bytes(raw[start : start + found]) for start in range(0, len(raw), found)]


def b64(raw):
    return base64.b64encode(raw).decode()


def as_file(records, **members):
    return json.dumps(members | {"clks": [b64(record) for record in records]}).encode()


def records_of(count, size):
    return [RANDOM.bytes(size) for _ in range(count)]


@st.composite
def record_lists(draw):
    size = draw(st.sampled_from([8, 16, 24, 128]))
    return draw(st.lists(st.binary(min_size=size, max_size=size), min_size=1, max_size=6))


@given(records=record_lists(), most=st.integers(1, 600), honest=st.booleans())
def test_json_is_read_as_json_and_raw_bytes_as_raw_bytes(records, most, honest):
    announced = len(records), len(records[0]) if honest else 8
    for content in (as_file(records), b"".join(records)):
        assert read(content, *announced, most=most) == records


BEGINNINGS = [b"{", b'{"', b'{"clks', b'{"clks": [', b'{"clks": ["AAAA', b' {"x": {"clks":["', b"\xef\xbb\xbf{", b"{\0"]


@pytest.mark.parametrize("beginning", BEGINNINGS)
@pytest.mark.parametrize("announced", [16, 8])
def test_raw_bytes_may_begin_like_json(beginning, announced):
    raw = (beginning + b"\x00\xff" + RANDOM.bytes(318))[:320]

    assert b"".join(read(raw, 20, announced)) == raw


def test_raw_bytes_of_the_announced_size_may_begin_with_json_of_encodings():
    raw = (as_file([bytes(8)]) + bytes(range(256)))[:160]

    assert b"".join(read(raw, 10, 16)) == raw


@pytest.mark.parametrize("length", [10, 20, 2**20 - 1, 2**20, 2**20 + 1])
def test_megabytes_of_zeros_do_not_make_raw_bytes_of_json(length):
    content = as_file([bytes(2**20)])[:length].ljust(8 * 2**20, b"\0")
    announced = Announcement(8, 2**20, smallest=8, largest=2**20, max_bytes=2**30)
    with pytest.raises(UploadRejected, match="not valid JSON"):
        read_encoding_file(lambda: nullcontext(io.BytesIO(content)), len(content), announced)


WHOLE = as_file(records_of(20, 48))
DAMAGED = {
    "cut": WHOLE[: 20 * 48],
    "cut in the first encoding": as_file(records_of(2, 64))[: 8 * 10],
    "zeros behind it": as_file(records_of(4, 16)).ljust(4 * 64, b"\0"),
    "another document behind it": as_file(records_of(2, 16)) + as_file(records_of(2, 16)),
    "no end": as_file(records_of(4, 16))[:-1].ljust(4 * 64),
}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("count", [1, 2, 4, 8, 10, 20])
def test_damaged_json_is_not_taken_for_raw_bytes(damage, count):
    content = DAMAGED[damage]
    for size in (8, len(content) // count):
        with pytest.raises(UploadRejected):
            read(content, count, size)


@pytest.mark.parametrize("size", [8, 64])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (as_file(records_of(3, 8)), "4 encodings were announced, the file has 3|encoding 0 has 8 bytes"),
        (as_file(records_of(5, 8)), "4 encodings were announced, there are more|encoding 0 has 8 bytes"),
        (b"{}", "without the member 'clks'"),
        (b'{"encodings": ["AAAAAAAAAAA="]}', "has the member 'encodings'"),
        (b'{"clks": [], "clks": []}', "the file has the member 'clks' twice"),
        (b'{"clks": [7]}', "encoding 0 is not a base64 string"),
        (b'{"clks": {"0": "AAAA"}}', "'clks' in the file is not an array"),
        (b'["AAAAAAAAAAA="]', "the file is not a JSON object"),
    ],
)
def test_a_json_file_is_json_even_if_its_size_is_that_of_raw_bytes(text, reason, size):
    with pytest.raises(UploadRejected, match=reason):
        read(text.ljust(256), 4, size)


def test_other_members_are_passed_over_wherever_they_are():
    records = records_of(3, 8)
    content = as_file(records, meta={"clks": [1], "more": [{"clks": {}}]}, CLKS=["AAAA"])

    assert read(content, 3, 8) == records


@pytest.mark.parametrize("member", ["clknblocks", "encodings", "blocks"])
def test_a_member_that_means_something_elsewhere_is_refused(member):
    records = records_of(3, 8)
    content = as_file(records, **{member: {"0": ["a"]}})

    with pytest.raises(UploadRejected, match=f"the file has the member '{member}'"):
        read(content, 3, 8)
    assert read(content, 3, 8, ignored={member}) == records


NO_JSON = [
    b"",
    b"[",
    b"nonsense!",
    b'{"clks": ["AAAA"',
    b"\xff\xfe",
    b'{"clks": "AAAA"}',
    b"{}",
    b"[]",
    b'"AAAAAAAAAAA="',
    b'["AAAAAAAAAAA="]',
    b'{"clks": ["\xff"]}',
    b'{"clks": [["AAAAAAAAAAA="]]}',
    b'{"clks": {"0": "AAAAAAAAAAA="}}',
    b'{"clks": [{"AAAAAAAAAAA=": 1}]}',
    b'{"CLKS": ["AAAAAAAAAAA="]}',
    b'{"clks": [' + b"9" * 5000 + b"]}",
    b'{"clks": [1e99999999999999999999]}',
    b'{"clks": [NaN]}',
    b'{"clks": ' + b"[" * 100_000,
    b'{"clks": [' * 50_000,
]


@pytest.mark.parametrize("text", NO_JSON, ids=range(len(NO_JSON)))
def test_a_file_that_is_no_such_json_is_refused(text):
    with pytest.raises(UploadRejected):
        read(text, 1, 8)


def test_a_file_that_is_one_endless_text_is_refused_before_it_fills_the_memory():
    class Endless:
        given = 0

        def read(self, size):
            piece = b"A" * size if self.given else b'{"clks": ["'[:size]
            self.given += len(piece)
            return piece

    @contextmanager
    def open_file():
        yield endless

    endless = Endless()
    announced = Announcement(1, 8, smallest=8, largest=1024, max_bytes=2**30)
    with pytest.raises(UploadRejected, match=r"the file holds something of more than \d+ bytes"):
        read_encoding_file(open_file, 2**40 + 1, announced)
    assert endless.given < 2 * MOST_TOKEN_BYTES


@given(text=st.binary(max_size=200), count=st.integers(1, 3))
def test_no_bytes_whatever_make_the_reader_fail_otherwise(text, count):
    with suppress(UploadRejected):
        read(text, count, 8)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["clks", "blocks", "0", "1"]), inner),
    max_leaves=20,
)


@given(value=JSON_VALUES, member=st.sampled_from(["clks", "blocks", "meta", "other"]), count=st.integers(1, 3))
def test_no_json_whatever_makes_the_readers_fail_otherwise(value, member, count):
    text = json.dumps({member: value}).encode()
    with suppress(UploadRejected):
        read(text, count, 8)
    with suppress(UploadRejected):
        read_block_file(io.BytesIO(text), count, most_rows=100)


@given(text=st.binary(max_size=100), count=st.integers(1, 20))
def test_raw_bytes_are_read_whole_or_refused(text, count):
    size, rest = divmod(len(text), count)
    if rest or not size or size % 8:
        with pytest.raises(UploadRejected, match=f"{count} encodings were announced|JSON"):
            read(text, count, 8)
    else:
        assert b"".join(read(text, count, 8)) == text


@pytest.mark.parametrize("change", [-16, -1, 1, 16])
def test_raw_bytes_are_exactly_those_that_were_announced(change):
    raw = RANDOM.bytes(320 + change).replace(b"{", b"}")

    with pytest.raises(
        UploadRejected, match=f"20 encodings were announced, the file has {(320 + change) // 16} of 16 bytes"
    ):
        read(raw, 20, 16)
