"""Ranges are read whole, in pieces side by side, and kept within their bound."""

import io

import pytest

from linkage.adapters import range_reading
from linkage.adapters.range_reading import RangeReader

CONTENT = bytes(range(256)) * 40


class Trickle(io.RawIOBase):
    """A stream that gives three bytes at a time, as a network may."""

    def __init__(self, content):
        self.content = content

    def readinto(self, view):
        part, self.content = self.content[:3][: len(view)], self.content[3:]
        view[: len(part)] = part
        return len(part)


@pytest.fixture
def opened(monkeypatch):
    monkeypatch.setattr(range_reading, "PIECE_BYTES", 1000)
    return []


@pytest.fixture
def reader(opened):
    def open_range(bucket, key, start, stop):
        opened.append((start, stop))
        return Trickle(CONTENT[start:stop])

    return RangeReader(open_range, max_bytes=4000)


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (5, 999), (17, 3517), (0, len(CONTENT))])
def test_a_range_is_read_whole(reader, start, stop):
    assert reader.read("bucket", "key", start, stop) == CONTENT[start:stop]


def test_a_range_is_read_once_while_it_is_kept(reader, opened):
    for _ in range(2):
        reader.read("bucket", "key", 0, 2500)
    assert sorted(opened) == [(0, 1000), (1000, 2000), (2000, 2500)]


def test_what_was_not_used_for_longest_makes_room(reader, opened):
    for key in "aab":
        reader.read("bucket", key, 0, 1000)
    reader.read("bucket", "c", 0, 2500)  # a must go
    opened.clear()

    reader.read("bucket", "b", 0, 1000)
    assert opened == []
    reader.read("bucket", "a", 0, 1000)
    assert opened == [(0, 1000)]


def test_what_is_too_large_is_not_kept(reader, opened):
    for _ in range(2):
        assert reader.read("bucket", "key", 0, 5000) == CONTENT[:5000]
    assert len(opened) == 10


def test_an_object_that_is_too_short_is_an_error(reader):
    with pytest.raises(EOFError, match="key ends 10 bytes too early"):
        reader.read("bucket", "key", len(CONTENT) - 10, len(CONTENT) + 10)


def test_what_is_given_out_cannot_be_changed(reader):
    with pytest.raises(TypeError):
        reader.read("bucket", "key", 0, 10)[0] = 1
