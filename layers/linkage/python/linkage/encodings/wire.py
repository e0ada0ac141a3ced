"""Encodings as parties send them: base64 text or raw bytes, and the rules that hold whichever way they come.

All encodings of an upload have one size, and none is cut or filled up, but for one tolerance (`Announcement`).

This module needs no numpy, so that the API can use it and still start quickly. `linkage.encodings.encoding_sets` turns
the bytes into what workers read.
"""

import binascii
from binascii import a2b_base64
from collections.abc import Iterable
from dataclasses import dataclass

from linkage.errors import UploadRejected

WORD_BYTES = 8
"""Encodings are compared in 64-bit words, so their size is a multiple of this."""
TOLERATED_SIZE = 8
"""The size in bytes that users of the original announce for files, whatever the size of their encodings."""

RECORD_COST, MEMBERSHIP_COST = 32, 112
"""Upper bounds on the bytes that sorting takes for each record, and for each membership of one in a block."""

_WITHOUT_SPACE = {ord(space): None for space in " \t\r\n"}


@dataclass(frozen=True, slots=True)
class Announcement:
    """The number of a file's encodings and their size in bytes, as its metadata say.

    The file must hold exactly these, with one tolerance: `TOLERATED_SIZE`. If that is announced, the encodings have
    the size that they have; and if they are JSON and all shorter than that, they are filled up to it with zeros, which
    changes no similarity.
    """

    count: int
    size: int
    smallest: int
    largest: int
    """Bounds on the size of an encoding in bytes."""
    max_bytes: int
    """Bound on the memory that sorting them takes."""

    def check_size(self, size: int) -> None:
        """Raise `UploadRejected` if no project can have encodings of this size, or intake has no memory for them."""
        check_size(size, smallest=self.smallest, largest=self.largest)
        if needed_bytes(self.count, size) > self.max_bytes:
            most = self.max_bytes // needed_bytes(1, size)
            raise UploadRejected(
                f"{self.count} encodings were announced, an upload can have at most {most} of {size} bytes"
            )

    def json_size(self, first: int) -> int:
        """Return the size of all encodings in JSON, given that of the first one; raises `UploadRejected`."""
        if self.size not in {TOLERATED_SIZE, first}:
            raise UploadRejected(f"encoding 0 has {first} bytes, {self.size} were announced as 'hash-size'")
        size = max(first, TOLERATED_SIZE)
        self.check_size(size)
        return size

    def raw_size(self, file_bytes: int) -> int | None:
        """Return the size of each encoding if the file is raw bytes; None if that does not agree."""
        size, rest = divmod(file_bytes, self.count)
        if rest or self.size not in {size, TOLERATED_SIZE}:
            return None
        return size if self.smallest <= size <= self.largest and size % WORD_BYTES == 0 else None


def decode(text: object, position: int) -> bytes:
    """Decode one encoding from base64 of the standard alphabet, padded; spaces and line breaks are skipped.

    Other characters are not skipped, as they are by the original: base64 of another alphabet would be misread.

    Raises
    ------
    UploadRejected
        If it is no base64 string. The message names the position, never the text.
    """
    if not isinstance(text, str):
        raise UploadRejected(f"encoding {position} is not a base64 string")
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError:
        return _decode_lines(text, position)


def _decode_lines(text: str, position: int) -> bytes:
    try:
        return a2b_base64(text.translate(_WITHOUT_SPACE), strict_mode=True)
    except (binascii.Error, ValueError):
        raise UploadRejected(f"encoding {position} is not valid base64") from None


def join_encodings(texts: Iterable[object], into: bytearray, announced: Announcement | None = None) -> int:
    """Decode encodings, append them to a buffer, and return the size of each; 0 if there are none.

    Parameters
    ----------
    texts
        Encodings in base64.
    into
        Empty at first. After an error it holds the encodings before the wrong one.
    announced
        What the metadata of a file say; a request has none.

    Raises
    ------
    UploadRejected
        If one is no base64 or empty, they differ in size, or they are not those that were announced.
    """
    most = None if announced is None else announced.count
    size, filled_from = -1, 0
    for position, text in enumerate(texts):
        encoding = decode(text, position)
        if len(encoding) != size:
            if not position:
                size = _first_size(len(encoding), announced)
                filled_from = len(encoding) if len(encoding) < size else 0
            if len(encoding) != size:
                encoding = _fill(encoding, size, filled_from, position)
        elif filled_from:
            raise UploadRejected(_ragged(position, len(encoding), filled_from))
        if position == most:
            raise UploadRejected(f"{most} encodings were announced, there are more")
        into += encoding
    return max(0, size)


def _first_size(length: int, announced: Announcement | None) -> int:
    """Return the size of all encodings, given the length of the first one."""
    if not length:
        raise UploadRejected("encoding 0 is empty")
    return length if announced is None else announced.json_size(length)


def _fill(encoding: bytes, size: int, filled_from: int, position: int) -> bytes:
    """Fill up an encoding if the first one was: that had ``filled_from`` bytes, or 0 if it was not."""
    if not filled_from or not 0 < len(encoding) < size:
        raise UploadRejected(_ragged(position, len(encoding), filled_from or size))
    return encoding.ljust(size, b"\0")


def _ragged(position: int, length: int, first: int) -> str:
    return f"encoding {position} has {length} bytes, encoding 0 has {first}"


def needed_bytes(count: int, size: int) -> int:
    """Return the bytes of memory that sorting encodings takes: their own, and `RECORD_COST` for each."""
    return count * (size + RECORD_COST)


def check_size(size: int, *, smallest: int, largest: int) -> None:
    """Raise `UploadRejected` if no project can have encodings of this size, in bytes."""
    if not smallest <= size <= largest:
        raise UploadRejected(
            f"Encoding size out of configured bounds: {size} bytes, allowed are {smallest} to {largest}"
        )
    if size % WORD_BYTES:
        raise UploadRejected(f"Encoding size must be multiple of 8 bytes (64 bits), not {size} bytes")


def check_count(count: int, announced: int) -> None:
    """Raise `UploadRejected` if a file has another number of encodings than was announced."""
    if count != announced:
        raise UploadRejected(f"{announced} encodings were announced, the file has {count}")
