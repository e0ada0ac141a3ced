"""Encodings as parties send them: base64 text, or raw bytes one after the other.

This module needs no numpy, so that the API can use it and still start quickly. `linkage.encoding_sets` turns the bytes
into what workers read.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import ijson

from linkage.errors import InvalidRequest, UploadRejected

WORD_BYTES = 8
"""Encodings are compared in 64-bit words, so their size is a multiple of this."""

_JSON_MEMBER = "clks.item"


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


def check_size(size: int, *, smallest: int, largest: int) -> None:
    """Raise `UploadRejected` if no project can have encodings of this size, in bytes."""
    if not smallest <= size <= largest:
        raise UploadRejected(
            f"Encoding size out of configured bounds: {size} bytes, allowed are {smallest} to {largest}"
        )
    if size % WORD_BYTES:
        raise UploadRejected(f"Encoding size must be multiple of 8 bytes (64 bits), not {size} bytes")


def read_json(stream: BinaryIO, count: int, size: int) -> Iterator[bytes]:
    """Yield ``count`` encodings of ``size`` bytes from a file ``{"clks": [base64, ...]}``, reading as it goes.

    Shorter records are filled up with zero bytes, longer ones cut, surplus ones ignored: clients rely on it.

    Raises
    ------
    UploadRejected
        If the file is not such JSON, or has fewer records.
    """
    found = 0
    try:
        for text in ijson.items(stream, _JSON_MEMBER):
            if found == count:
                return
            yield decode(text, found)[:size].ljust(size, b"\0")
            found += 1
    except (ijson.JSONError, UnicodeDecodeError):
        raise UploadRejected(f"the file is not valid JSON after {found} encodings") from None
    if found < count:
        raise UploadRejected(f"{count} encodings were announced, the file has {found}")


def read_binary(stream: BinaryIO, count: int, size: int) -> Iterator[bytes]:
    """Yield ``count`` encodings of ``size`` bytes from raw bytes; surplus bytes are ignored.

    Raises
    ------
    UploadRejected
        If the file has fewer bytes.
    """
    for found in range(count):
        encoding = _read_exactly(stream, size)
        if len(encoding) < size:
            raise UploadRejected(f"{count} encodings were announced, the file has {found}")
        yield encoding


def _read_exactly(stream: BinaryIO, size: int) -> bytes:
    """Read ``size`` bytes, or all that is left; a network stream may give them piecemeal."""
    parts = []
    while size and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
