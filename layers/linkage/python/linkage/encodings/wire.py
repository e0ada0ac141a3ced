"""Encodings as parties send them: base64 text, or raw bytes one after the other.

This module needs no numpy, so that the API can use it and still start quickly. `linkage.encodings.encoding_sets` turns
the bytes into what workers read.
"""

import binascii
from base64 import b64decode
from collections.abc import Sequence
from typing import BinaryIO

from linkage.encodings.json_files import READ_BYTES, member_events
from linkage.errors import InvalidRequest, UploadRejected

WORD_BYTES = 8
"""Encodings are compared in 64-bit words, so their size is a multiple of this."""

RECORD_COST, MEMBERSHIP_COST = 32, 112
"""Upper bounds on the bytes that sorting takes for each record, and for each membership of one in a block."""

_JSON_MEMBER = "clks"


def decode(text: object, position: int) -> bytes:
    """Decode one base64 encoding; line breaks and other foreign characters are skipped, as the original does.

    Raises
    ------
    UploadRejected
        If it is no base64 string. The message names the position, never the text.
    """
    if not isinstance(text, str):
        raise UploadRejected(f"encoding {position} is not a base64 string")
    try:
        return b64decode(text)
    except (binascii.Error, ValueError):
        raise UploadRejected(f"encoding {position} is not valid base64") from None


def join_encodings(texts: Sequence[object]) -> tuple[bytes, int]:
    """Decode a direct upload into raw bytes, and return them with the size of one encoding.

    Raises
    ------
    InvalidRequest
        If there are none, one is not base64, or they differ in size.
    """
    if not texts:
        raise InvalidRequest("Missing CLKs information")
    try:
        encodings = [decode(text, position) for position, text in enumerate(texts)]
    except UploadRejected as error:
        raise InvalidRequest(str(error)) from None
    size = len(encodings[0])
    if not size:
        raise InvalidRequest("encoding 0 is empty")
    for position, encoding in enumerate(encodings):
        if len(encoding) != size:
            raise InvalidRequest(f"encoding {position} has {len(encoding)} bytes, encoding 0 has {size}")
    return b"".join(encodings), size


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


def read_json(stream: BinaryIO, into: memoryview, size: int) -> None:
    """Fill a buffer of zeros with encodings of ``size`` bytes from a file ``{"clks": [base64, ...]}``, as it is read.

    Shorter records are filled up with zero bytes, longer ones cut, surplus ones ignored: clients rely on it.

    Raises
    ------
    UploadRejected
        If the file is not such JSON, or has too few records to fill the buffer.
    """
    position, count = 0, len(into) // size
    for depth, event, value in member_events(stream, _JSON_MEMBER, name="file"):
        if depth == 0:
            _check_array(event)
        elif position == count:
            return
        else:
            encoding = decode(value, position)[:size]
            into[position * size : position * size + len(encoding)] = encoding
            position += 1
    _check_count(position, count)


def _check_array(event: str) -> None:
    if event not in {"start_array", "end_array"}:
        raise UploadRejected(f"'{_JSON_MEMBER}' in the file is not an array")


def read_binary(stream: BinaryIO, into: memoryview, size: int) -> None:
    """Fill a buffer with encodings of ``size`` bytes from raw bytes; surplus bytes are ignored.

    Raises
    ------
    UploadRejected
        If the file has too few bytes to fill the buffer.
    """
    filled = 0
    while filled < len(into) and (piece := stream.read(min(READ_BYTES, len(into) - filled))):
        into[filled : filled + len(piece)] = piece
        filled += len(piece)
    _check_count(filled // size, len(into) // size)


def _check_count(read: int, announced: int) -> None:
    if read < announced:
        raise UploadRejected(f"{announced} encodings were announced, the file has {read}")
