"""Blocks as parties send them: each record's block ids, as JSON ``{"blocks": {"<record index>": [id, ...], ...}}``.

Ids are texts or whole numbers, compared as text, so that the number 1 and the text "1" are one block. Other values are
refused: what stands for a missing value (``null``) would be a block of all records that have none. A record that is not
in the map is in no block, and compared with nobody. Only a hash of the ids is kept, 16 bytes however long they are.

This module needs no numpy, so that the API can use it and still start quickly.
"""

import json
import re
from array import array
from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import BinaryIO

from linkage.encodings.json_files import member_events, twice
from linkage.errors import UploadRejected

KEY_BYTES = 16
ORIGIN = "meta"
_MEMBER = "blocks"
_ORIGIN_PATH = ("source", "clk_count")
"""Path in ``meta`` of the number of encodings, in a list, as the released client's `block` command writes it."""
ORIGIN_PATHS = {ORIGIN: _ORIGIN_PATH}
_ORIGIN_LIST = (len(_ORIGIN_PATH), "start_array")
_HARMLESS = 3
"""Characters of a text that identifies nobody."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 20
"""Characters of a wrong record index, or of a number, that a message repeats."""
_IDS = 2
_FILE = "the blocks file"
_CONTAINER = ({"start_map", "end_map"}, {"start_array", "end_array"})


def block_key(block_id: object) -> bytes:
    """Return the key of a block: the hash of its id's text."""
    return blake2b(str(block_id).encode(errors="surrogatepass"), digest_size=KEY_BYTES).digest()


def order_by_record(blocks: Mapping[str, Sequence[object]], count: int) -> list[Sequence[object]]:
    """Return the block ids of each of ``count`` records, from a map by record index.

    A record that is not in the map is in no block.

    Raises
    ------
    UploadRejected
        If a key is no index of a record, or two are of the same.
    """
    ordered: list[Sequence[object] | None] = [None] * count
    for key, ids in blocks.items():
        index = _record_index(key, count)
        if index is None:
            raise UploadRejected(f"{_not_an_index(key, count)} in 'blocks': there are {count} encodings")
        if ordered[index] is not None:
            raise UploadRejected(f"'blocks' lists record {index} twice")
        ordered[index] = ids
    return [() if ids is None else ids for ids in ordered]


def check_origin(meta: object, count: int) -> None:
    """Raise `UploadRejected` if ``meta``, which came with blocks, says that they belong to another number of encodings.

    Whatever else it says is ignored, and so is what has another form.
    """
    for member in _ORIGIN_PATH:
        meta = meta.get(member) if isinstance(meta, dict) else None
    _check_origin_count(meta[0] if isinstance(meta, list) and meta else meta, count)


def _check_origin_count(value: object, count: int) -> None:
    value = float(value) if isinstance(value, Decimal) else value
    if isinstance(value, int | float) and not isinstance(value, bool) and value != count:
        origin = ".".join((ORIGIN, *_ORIGIN_PATH))
        raise UploadRejected(
            f"the blocks were made for {str(value)[:_SHOWN]} encodings ('{origin}'), there are {count}"
        )


def dump_block_file(blocks: Sequence[Sequence[object]]) -> bytes:
    """Return the file for the block ids of each record."""
    return json.dumps({_MEMBER: {str(index): list(ids) for index, ids in enumerate(blocks)}}).encode()


def read_block_file(stream: BinaryIO, count: int, *, most_rows: int) -> tuple[bytearray, "array[int]"]:
    """Return the key and the record index of every membership, in the order of the file.

    Parameters
    ----------
    stream
        The file; its records may come in any order. Other members than ``blocks`` and ``meta`` are ignored.
    count
        The number of records. The file may list each of them once.
    most_rows
        Upper bound on the memberships: each takes 20 bytes of memory.

    Returns
    -------
    keys, records
        Keys of `KEY_BYTES` bytes one after the other, and the index of the record of each.

    Raises
    ------
    UploadRejected
        If the file is not such JSON, lists no record, others or too many blocks, or was made for other encodings.
    """
    memberships, origin = _Memberships(count, most_rows), Origin(_FILE, count)
    for member, depth, event, value in member_events(stream, {_MEMBER, ORIGIN}, name=_FILE):
        if member == _MEMBER:
            memberships.take(depth, event, value)
        else:
            origin.take(depth, event, value)
    if not any(memberships.seen):
        raise UploadRejected(f"the blocks file lists no record in '{_MEMBER}'")
    return memberships.keys, memberships.records


class Origin:
    """Checks ``meta`` while a file is read, as `check_origin` does: its form, and the number of encodings it names."""

    def __init__(self, name: str, count: int | None) -> None:
        """Check the number if there is one: a file of encodings names none of its own."""
        self._name, self._count = name, count
        self._path, self._seen = ["", ""], set[tuple[str, ...]]()
        self._is_checked = False

    def take(self, depth: int, event: str, value: object) -> None:
        """Process the next token of ``meta``."""
        if event == "map_key" and 0 < depth <= len(_ORIGIN_PATH):
            self._path[depth - 1 :] = [str(value), *[""] * (len(_ORIGIN_PATH) - depth)]
            self._is_checked = False
            self._check_once(tuple(self._path[:depth]))
        elif tuple(self._path) == _ORIGIN_PATH and not self._is_checked and (depth, event) != _ORIGIN_LIST:
            self._is_checked = True  # the first element of the list counts, as with the released client
            if self._count is not None:
                _check_origin_count(value, self._count)

    def _check_once(self, place: tuple[str, ...]) -> None:
        """Refuse a member that is there twice and leads to the number."""
        if place == _ORIGIN_PATH[: len(place)]:
            if place in self._seen:
                raise UploadRejected(twice(self._name, place[-1]))
            self._seen.add(place)


class _Memberships:
    """Gathers the memberships while a file is read: a map (depth 0) of arrays (depth 1) of ids (depth 2)."""

    def __init__(self, count: int, most_rows: int) -> None:
        self.keys, self.records, self.seen = bytearray(), array("I"), bytearray(count)
        self._count, self._most_rows, self._record = count, most_rows, 0

    def take(self, depth: int, event: str, value: object) -> None:
        """Process the next token."""
        if depth == _IDS and (event == "string" or (event == "number" and isinstance(value, int))):
            self._add(value)
        elif event == "map_key":
            self._begin(str(value))
        elif depth == _IDS:
            kind = "a number that is not whole" if event == "number" else "neither a text nor a number"
            raise UploadRejected(f"a block id of record {self._record} is {kind}")
        elif event not in _CONTAINER[depth]:
            raise UploadRejected(_wrong_container(depth, self._record))

    def _add(self, block_id: object) -> None:
        """Add the record to a block."""
        if len(self.records) == self._most_rows:
            raise UploadRejected(f"the blocks file has more than {self._most_rows} block ids: that is too many")
        text = str(block_id)
        if not text.isascii() and _LONE_SURROGATE.search(text):
            raise UploadRejected(f"a block id of record {self._record} holds a lone surrogate")
        self.keys += block_key(text)
        self.records.append(self._record)

    def _begin(self, key: str) -> None:
        """Begin the record of this key."""
        index = _record_index(key, self._count)
        if index is None:
            raise UploadRejected(
                f"{_not_an_index(key, self._count)} in the blocks file: {self._count} encodings were announced"
            )
        if self.seen[index]:
            raise UploadRejected(f"the blocks file lists record {index} twice")
        self.seen[index], self._record = True, index


def _wrong_container(depth: int, record: int) -> str:
    if depth == 0:
        return "'blocks' in the blocks file is not a map from record index to block ids"
    return f"the blocks of record {record} are not an array of block ids"


def _not_an_index(key: str, count: int) -> str:
    """Return the beginning of a message. It shows no text and no number that may be an identifier of a person."""
    is_harmless = len(key) <= _HARMLESS or (key.isascii() and key.isdigit() and len(key) <= len(str(count)))
    shown = ascii(key[:_SHOWN]) if is_harmless else f"a key of {len(key)} characters"
    return f"{shown} is not the index of a record"


def _record_index(text: str, count: int) -> int | None:
    """Return the index of a record, None if there is no such record."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(count)):
        return None
    index = int(text)
    return index if index < count else None
