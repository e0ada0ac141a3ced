"""Files of encodings: JSON ``{"clks": [base64, ...]}``, or raw bytes one after the other.

The whole file decides which of the two it is, never its name: files have any name, and raw bytes may begin with ``{``.
If it is JSON, it is JSON. If it holds exactly what was announced as raw bytes and does not begin as JSON, it is raw
bytes. If it begins as JSON and is not, it may be raw bytes that look like it, or JSON that is damaged: it is raw bytes
only if it is surely not damaged JSON. Everything else fails with the reason: nothing is linked that might have been
misread.

This module needs no numpy; it knows nothing of where files are kept.
"""

from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from json import detect_encoding
from typing import BinaryIO

from linkage.encodings.block_files import ORIGIN, Origin
from linkage.encodings.foreign_formats import is_text
from linkage.encodings.json_files import READ_BYTES, is_json, member_events
from linkage.encodings.json_text import ByteStream
from linkage.encodings.wire import Announcement, check_count, join_encodings
from linkage.errors import UploadRejected

Open = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens the file, always the same bytes."""

MEMBER = "clks"
_BLOCKS = "blocks"
OTHER_SHAPES = frozenset({"clknblocks", "encodings", _BLOCKS})
"""Members that have a meaning in a request beside `MEMBER` or in its place, and none in a file of encodings."""
_FILE = "the file"
_HEAD_BYTES = 4096
_BEGINNING, _LEAST_BEGINNING = f'{{"{MEMBER}"', 4
"""How JSON of encodings begins, without white space; and the characters of it that no encoding has by chance."""


def read_encoding_file(
    open_file: Open, file_bytes: int, announced: Announcement, *, ignored: Collection[str] = ()
) -> tuple[bytearray, int]:
    """Return the raw bytes of a file's encodings in their order, and the size of each.

    Parameters
    ----------
    open_file
        Is called once, and again if a file begins as JSON and is not.
    file_bytes
        The size of the file.
    announced
        What its metadata say.
    ignored
        Those of `OTHER_SHAPES` that the file may have all the same.

    Raises
    ------
    UploadRejected
        If the file does not hold what was announced, or not surely.
    """
    size = announced.raw_size(file_bytes)
    reading = _JsonReading(announced, ignored)
    try:
        with open_file() as opened:
            stream = _Peeked(opened)
            if size is not None and not _begins_as_json(stream.head):
                return _read_raw(stream, file_bytes, announced, size)
            return reading.read(stream)
    except UploadRejected as rejection:
        if size is None:
            raise UploadRejected(_neither(rejection, reading, file_bytes, announced)) from None
        if not reading.is_tried or reading.is_surely_json(exact=size == announced.size):
            raise
        reading.discard()
        with open_file() as opened:
            raw, size = _read_raw(opened, file_bytes, announced, size)
        if _is_damaged_json(raw, reading, open_file):
            raise
        return raw, size


def read_raw(stream: ByteStream, file_bytes: int) -> bytearray:
    """Return a file of raw bytes. The file is pinned: if there are fewer, the connection was lost, an `EOFError`."""
    raw, filled = bytearray(file_bytes), 0
    with memoryview(raw) as view:
        while piece := stream.read(READ_BYTES):
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
    if filled != file_bytes:
        raise EOFError(f"the file ended after {filled} of {file_bytes} bytes")
    return raw


def _read_raw(stream: ByteStream, file_bytes: int, announced: Announcement, size: int) -> tuple[bytearray, int]:
    announced.check_size(size)
    return read_raw(stream, file_bytes), size


class _JsonReading:
    """One attempt to read a file as JSON."""

    def __init__(self, announced: Announcement, ignored: Collection[str]) -> None:
        self.is_tried = False
        """Whether the file was read as JSON at all."""
        self.has_begun = False
        """Whether a member that means something was found."""
        self._has_array = False
        self._announced, self._ignored = announced, ignored
        self._raw = bytearray()
        self._ended = False

    def read(self, stream: ByteStream) -> tuple[bytearray, int]:
        """Return the encodings' raw bytes, and the size of each."""
        self.is_tried = True
        size = join_encodings(self._texts(stream), self._raw, self._announced)
        check_count(len(self._raw) // size if size else 0, self._announced.count)
        return self._raw, size

    def discard(self) -> None:
        """Free the memory of the encodings that were read."""
        self._raw.clear()

    def is_surely_json(self, *, exact: bool) -> bool:
        """Tell whether the file cannot be raw bytes, after it turned out that it is no right JSON.

        It is surely JSON if it is JSON to its end. If it is JSON as far as its first encoding, then a file which holds
        exactly the raw bytes that were announced may still be these; where their size was not announced, the fact that
        the file's size can be divided says little.
        """
        return self._ended or (bool(self._raw) and not exact)

    def _texts(self, stream: ByteStream) -> Iterator[object]:
        origin = Origin(_FILE, None)
        for member, depth, event, value in member_events(stream, {MEMBER, ORIGIN, *OTHER_SHAPES}, name=_FILE):
            if member == ORIGIN:
                origin.take(depth, event, value)
                continue
            self.has_begun = True
            if member != MEMBER:
                self._check_other(member, is_null=event == "null" and depth == 0)
            elif depth:
                yield value
            elif event in {"start_array", "end_array"}:
                self._has_array = True
            else:
                raise UploadRejected(f"'{MEMBER}' in the file is not an array")
        self._ended = True
        if not self._has_array:
            raise UploadRejected(f"the file is JSON without the member '{MEMBER}'")

    def _check_other(self, member: str, *, is_null: bool) -> None:
        """Refuse a member that has a meaning elsewhere; blocks that are null are none, as in a request."""
        if member not in self._ignored and not (is_null and member == _BLOCKS):
            raise UploadRejected(
                f"the file has the member '{member}': a file of encodings has them in '{MEMBER}', their blocks are"
                " announced as a file"
            )


class _Peeked:
    """A stream whose first bytes are known before they are read."""

    def __init__(self, stream: ByteStream) -> None:
        self.head = b""
        while len(self.head) < _HEAD_BYTES and (piece := stream.read(_HEAD_BYTES)):
            self.head += piece
        self._pending, self._stream = self.head, stream

    def read(self, size: int) -> bytes:
        """Read some bytes; none at the end."""
        if not self._pending:
            return self._stream.read(size)
        piece, self._pending = self._pending, b""
        return piece


def _is_damaged_json(raw: bytearray, reading: _JsonReading, open_file: Open) -> bool:
    """Tell whether bytes that began as JSON are text, perhaps with zeros behind it, that was meant to be JSON.

    It was if a member was found that means something or is named, or it begins with a byte order mark, or it is JSON of
    any form.
    Encodings are not text; if there are few of them, they may be by chance, but not such text.
    """
    with memoryview(raw) as view:
        if not is_text(view[: _end_before_zeros(raw)]):
            return False
    if reading.has_begun or raw.startswith(BOM_UTF8) or _names_encodings(raw[:_HEAD_BYTES]):
        return True
    with open_file() as stream:
        return is_json(stream, _FILE)


def _names_encodings(head: bytes | bytearray) -> bool:
    """Tell whether these bytes are the beginning of an object whose first member is that of the encodings."""
    text = "".join(head.decode(detect_encoding(head), errors="replace").replace("\0", "").split())
    return len(text) >= _LEAST_BEGINNING and _BEGINNING.startswith(text[: len(_BEGINNING)])


def _end_before_zeros(raw: bytearray) -> int:
    """Return the length of the bytes without the zeros at their end; they are not copied."""
    end = len(raw)
    while end and not (piece := raw[max(0, end - READ_BYTES) : end].rstrip(b"\0")):
        end = max(0, end - READ_BYTES)
    return max(0, end - READ_BYTES) + len(piece) if end else 0


def _begins_as_json(head: bytes) -> bool:
    """Tell whether the first character begins an object or an array, in any encoding of Unicode.

    A file that begins with very much white space is taken for one too.
    """
    text = head.decode(detect_encoding(head), errors="replace")
    return text.lstrip(" \t\r\n\ufeff")[:1] in {"{", "[", ""}


def _neither(rejection: UploadRejected, reading: _JsonReading, file_bytes: int, announced: Announcement) -> str:
    """Return the reason why a file is neither JSON nor raw bytes as announced."""
    if reading.has_begun or not str(rejection).endswith("not valid JSON"):
        return str(rejection)
    count, rest = divmod(file_bytes, announced.size)
    surplus = f" and {rest} bytes more" if rest else ""
    return (
        f"{rejection}; as raw bytes, {announced.count} encodings were announced, the file has {count} of"
        f" {announced.size} bytes{surplus}"
    )
