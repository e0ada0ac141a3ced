"""Contents of wrong files: what the rows of `tests.wrong_files` are made of."""

import base64
import io
import json
import pickle
import tarfile
import zipfile
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.driving import Encodings, texts
from tests.ways import Sending, blocks_file

COUNT, SIZE = 40, 64
RANDOM = np.random.default_rng(2012)
ENCODINGS = RANDOM.integers(0, 256, (COUNT, SIZE), dtype=np.uint8)
CLKS = texts(ENCODINGS)
RAW = ENCODINGS.tobytes()
JSON = json.dumps({"clks": CLKS}).encode()
BLOCKS = [["a"]] * COUNT
BLOCKS_FILE = blocks_file(BLOCKS)
READ = ""
LIKE_JSON = np.frombuffer(b'{"clks": ["' + RAW[11:], dtype=np.uint8).reshape(COUNT, SIZE)
RAGGED = "encoding 20 has 32 bytes, encoding 0 has 64"
NO_JSON = "is not valid JSON"
TEXT = "the encodings are text, not bits"
LAST_ZERO = np.concatenate([ENCODINGS[:-1], np.zeros((1, SIZE), dtype=np.uint8)])


@dataclass(frozen=True)
class Way:
    """A file of encodings, perhaps with one of blocks, and what it was announced as; or a body."""

    happens: str
    file: bytes = b""
    name: str = "encodings.json"
    count: int = COUNT
    size: int = SIZE
    blocks: bytes | None = None
    body: dict[str, Any] | bytes | None = None
    meant: Encodings = field(default_factory=lambda: ENCODINGS)
    """The encodings that the party has."""
    linked: int = COUNT
    """Number of the records, from the first, that share a block with those of the other party."""
    ids: tuple[Any, ...] = ()
    """The block of all records, if it is not that of the others' records."""

    @property
    def uses_blocking(self) -> bool:
        in_body = isinstance(self.body, dict) and ("blocks" in self.body or "clknblocks" in self.body)
        return self.blocks is not None or in_body

    def sending(self) -> Sending:
        if self.body is not None:
            return Sending(self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode())
        return Sending(files={self.name: self.file} | ({} if self.blocks is None else {"blocks.json": self.blocks}))


def zipped(content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("clks.json", content)
    return archive.getvalue()


def numpy_file(array: Encodings) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def tar(content: bytes, form: int) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=form) as opened:
        member = tarfile.TarInfo("clks.json")
        member.size = len(content)
        opened.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def of_sizes(*sizes: int) -> bytes:
    return json.dumps(
        {"clks": [base64.b64encode(bytes(row)[:size]).decode() for row, size in zip(ENCODINGS, sizes, strict=True)]}
    ).encode()


def with_blocks(text: bytes) -> bytes:
    return b'{"blocks": ' + text + b"}"


def listing(blocks: dict[str, Any]) -> bytes:
    return json.dumps({"blocks": blocks}).encode()


def with_meta(meta: bytes) -> bytes:
    return listing(ALL_IDS)[:-1] + b', "meta": ' + meta + b"}"


def tolerated(content: bytes) -> bytes:
    """Content with spaces behind it, so that it could be raw bytes of some size."""
    return multiple(content, b" ")


def multiple(content: bytes, fill: bytes = b"\0") -> bytes:
    """Content that could be raw bytes of some size, because of what is behind it."""
    return content + fill * (-len(content) % (8 * COUNT))


def in_base64(content: bytes) -> list[str]:
    """Content cut into the encodings of a body."""
    size = len(content) // COUNT
    return [base64.b64encode(content[start : start + size]).decode() for start in range(0, size * COUNT, size)]


def digits(form: str) -> bytes:
    """Each byte written in digits."""
    return "".join(format(byte, form) for byte in RAW).encode()


LINES = "\n".join(CLKS).encode()
HEX = RAW.hex().encode()
PICKLED = {protocol: multiple(pickle.dumps([bytes(row) for row in ENCODINGS], protocol)) for protocol in (2, 3)}
LATIN = "\n".join(f"M\u00fcller,{text}" for text in CLKS).encode("latin-1")
LATIN_JSON = b'{"name": "M\xfcller", ' + JSON[1:]
FIRST_IDS = {str(index): ["a"] for index in range(20)}
ALL_IDS = {str(index): ["a"] for index in range(COUNT)}
TWICE_ENCODED = [base64.b64encode(text.encode()).decode() for text in CLKS]
URLSAFE = [text.replace("+", "-").replace("/", "_") for text in CLKS]
ESCAPED = JSON.replace(b"/", rb"\/").replace(b"A", rb"\u0041")
