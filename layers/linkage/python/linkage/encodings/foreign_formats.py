"""Recognise files that hold something else than encodings, so that the reason says what to do about it.

A signature is long enough that bytes of encodings do not begin with it by chance: the weakest one does once in two
thousand million files, and then the upload fails, and nothing is misread.
"""

import codecs
import re
import zlib
from collections.abc import Iterator
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
    (rb"\x5d\x00{2}.[\x00-\x08]\xff{8}\x00", _DECOMPRESS.format("lzma")),
    (rb".{257}ustar[\x00 ]", "is an archive (tar): unpack it, then upload the file that it holds"),
    (rb"\x93NUMPY", _EXPORT.format("NumPy")),
    (rb"PAR1", _EXPORT.format("Parquet")),
    (rb"ARROW1\x00\x00", _EXPORT.format("Arrow")),
    (rb"\x89HDF\r\n\x1a\n", _EXPORT.format("HDF5")),
    (rb"SQLite format 3\x00", _EXPORT.format("SQLite")),
    (rb"\x80[\x04\x05]\x95.{4}\x00{4}", _EXPORT.format("Python's pickle")),
    (rb"\x80[\x02\x03]\(*(?:[\]})]q\x00|c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\nq\x00)", _EXPORT.format("Python's pickle")),
    (rb"%PDF-[12]\.\d", _EXPORT.format("PDF")),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _EXPORT.format("Microsoft Office")),
    (rb"MATLAB [57]\.\d MAT-file", _EXPORT.format("MATLAB")),
    (rb"Obj\x01.{1,400}avro\.(?:schema|codec)", _EXPORT.format("Avro")),
]
_FORMATS = [(re.compile(signature, re.DOTALL), advice) for signature, advice in _SIGNATURES]

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_HEAD_BYTES, _SLICE_BYTES = 512, 2**16
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\n\r"
_LEAST_TEXT_BYTES, _LEAST_LETTERS = 128, 16
"""Fewer bytes, or fewer different ones beyond ASCII, can be encodings by chance or in an example."""
_TEXT_SHARE = 0.9
"""The share of printable ASCII from which on bytes are text. Random bytes have 38 %, and of a thousand million files of
32 such bytes one reaches it; a name in Latin-1, control characters or what is filled up do not take it from a text."""
_LEAST_SAMPLE, _SAMPLE_BYTES = 32, 4096
"""The bytes of different encodings that are looked at: one that is there many times proves no more than one."""
_DEFLATED = {b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"}


def refuse_foreign_format(head: bytes | bytearray, name: str) -> None:
    """Raise `UploadRejected` if a file that begins with these bytes is compressed, or of a program's own format."""
    for signature, advice in _FORMATS:
        if signature.match(head):
            raise UploadRejected(f"{name} {advice}")


def check_content(encodings: bytes | bytearray, size: int) -> None:
    """Raise `UploadRejected` if these bytes, which came as encodings, are another program's file, or text.

    Text is refused, because bits that a hash function sets do not make text: it was encoded once more than it was
    decoded, as a hexadecimal dump or base64 of base64, or it is a table. Bytes that are all the same, zeros among them,
    are what tests and examples send, and link nobody wrongly: what they are worth is for the party to judge.

    Parameters
    ----------
    encodings
        The raw bytes of all encodings.
    size
        The size in bytes of each.
    """
    refuse_foreign_format(encodings[:_HEAD_BYTES], "the data")
    if _is_deflated(encodings[:_SAMPLE_BYTES]):
        raise UploadRejected(f"the data {_DECOMPRESS.format('zlib')}")
    if len(encodings) >= _LEAST_TEXT_BYTES and (_is_printable(encodings, size) or _is_lettered(encodings)):
        raise UploadRejected(
            "the encodings are text, not bits: they seem to be base64, hexadecimal digits or a table that was taken"
            " for raw bytes, or was encoded twice"
        )


def _is_deflated(head: bytes | bytearray) -> bool:
    """Tell whether bytes begin a stream of zlib: they can be decompressed, and its checksum agrees if it ends there."""
    if bytes(head[:2]) not in _DEFLATED:
        return False
    decompressor = zlib.decompressobj()
    try:
        decompressor.decompress(head)
    except zlib.error:
        return False
    return decompressor.eof or len(head) == _SAMPLE_BYTES


def _is_printable(encodings: bytes | bytearray, size: int) -> bool:
    """Tell whether nearly all bytes are printable ASCII, those of different encodings too.

    Zeros do not count: texts of a fixed length are filled up with them, and UTF-16 has one beside each letter.
    """
    slices = (encodings[start : start + _SLICE_BYTES] for start in range(0, len(encodings), _SLICE_BYTES))
    if not _has_text_share(slices, least=_LEAST_SAMPLE):
        return False
    is_one_letter = encodings.count(encodings[0]) == len(encodings)
    return not is_one_letter and _has_text_share(_different(encodings, size), least=_LEAST_SAMPLE)


def _has_text_share(pieces: Iterator[bytes | bytearray], *, least: int) -> bool:
    count = printable = 0
    for piece in pieces:
        count += len(piece) - piece.count(0)
        printable += len(piece) - len(piece.translate(None, _PRINTABLE))
    return count >= least and printable >= _TEXT_SHARE * count


def _different(encodings: bytes | bytearray, size: int) -> Iterator[bytes]:
    """Yield the first encodings that differ."""
    found: set[bytes] = set()
    for start in range(0, len(encodings), size):
        encoding = bytes(encodings[start : start + size])
        if encoding not in found:
            found.add(encoding)
            yield encoding
            if len(found) * size >= _SAMPLE_BYTES:
                return


def _is_lettered(encodings: bytes | bytearray) -> bool:
    """Tell whether the bytes are text of many different letters, in whatever script."""
    return len(set(encodings)) >= _LEAST_LETTERS and is_text(encodings)


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
