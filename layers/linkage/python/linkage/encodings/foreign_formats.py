"""Recognise files that hold something else than encodings, so that the reason says what to do about it.

A signature is long enough that bytes of encodings do not begin with it by chance: the weakest one does once in two
thousand million files, and then the upload fails, and nothing is misread.
"""

import codecs
import re
from json import detect_encoding

from linkage.errors import UploadRejected

_DECOMPRESS = "is compressed ({}): decompress it, then upload it"
_EXPORT = "is a file of {}: upload JSON, or the encodings' raw bytes alone"

_SIGNATURES = [
    (rb"\x1f\x8b\x08[\x00-\x1f].{5}[\x00-\x0d\xff]", _DECOMPRESS.format("gzip")),
    (rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)", _DECOMPRESS.format("bzip2")),
    (rb"\xfd7zXZ\x00", _DECOMPRESS.format("xz")),
    (rb"\x28\xb5\x2f\xfd", _DECOMPRESS.format("Zstandard")),
    (rb"PK(?:\x03\x04|\x05\x06\x00\x00)", _DECOMPRESS.format("zip")),
    (rb"7z\xbc\xaf\x27\x1c", _DECOMPRESS.format("7z")),
    (rb"\x04\x22\x4d\x18", _DECOMPRESS.format("lz4")),
    (rb"\x93NUMPY", _EXPORT.format("NumPy")),
    (rb"PAR1", _EXPORT.format("Parquet")),
    (rb"ARROW1\x00\x00", _EXPORT.format("Arrow")),
    (rb"\x89HDF\r\n\x1a\n", _EXPORT.format("HDF5")),
    (rb"SQLite format 3\x00", _EXPORT.format("SQLite")),
    (rb"\x80[\x04\x05]\x95.{4}\x00{4}", _EXPORT.format("Python's pickle")),
]
_FORMATS = [(re.compile(signature, re.DOTALL), advice) for signature, advice in _SIGNATURES]

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_HEAD_BYTES, _SLICE_BYTES = 64, 2**16
_LEAST_TEXT_BYTES, _LEAST_LETTERS = 128, 16
"""Fewer bytes, or fewer different ones, can be encodings by chance or in an example."""


def refuse_foreign_format(head: bytes | bytearray, name: str) -> None:
    """Raise `UploadRejected` if a file that begins with these bytes is compressed, or of a program's own format."""
    for signature, advice in _FORMATS:
        if signature.match(head):
            raise UploadRejected(f"{name} {advice}")


def check_content(encodings: bytes | bytearray) -> None:
    """Raise `UploadRejected` if these bytes, which came as encodings, are another program's file, or text.

    Text is refused, because bits that a hash function sets do not make text: it was encoded once more than it was
    decoded, as a hexadecimal dump or base64 of base64, or it is a table.
    """
    refuse_foreign_format(encodings[:_HEAD_BYTES], "the data")
    if len(encodings) >= _LEAST_TEXT_BYTES and is_text(encodings) and len(set(encodings)) >= _LEAST_LETTERS:
        raise UploadRejected(
            "the encodings are text, not bits: they seem to be base64, hexadecimal digits or a table that was taken"
            " for raw bytes, or was encoded twice"
        )


def is_text(content: bytes | bytearray | memoryview) -> bool:
    """Tell whether these bytes are text in an encoding of Unicode, without control characters; its end may be cut.

    In UTF-16 and UTF-32 most bytes are text by chance, so there half of the characters must be ASCII.
    """
    encoding = detect_encoding(bytes(content[:4]))
    decoder = codecs.getincrementaldecoder(encoding)()
    characters = ascii_characters = 0
    for start in range(0, len(content), _SLICE_BYTES):
        try:
            text = decoder.decode(bytes(content[start : start + _SLICE_BYTES]))
        except UnicodeError:
            return False
        if _CONTROL.search(text):
            return False
        characters += len(text)
        ascii_characters += len(text.encode("ascii", errors="ignore"))
    return encoding.startswith("utf-8") or 2 * ascii_characters >= characters
