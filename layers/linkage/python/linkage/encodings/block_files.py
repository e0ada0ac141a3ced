"""Blocks as parties send them: each record's block ids, as JSON ``{"blocks": {"<record index>": [id, ...], ...}}``.

Ids are compared as text, so that the number 1 and the text "1" are one block. Only a hash of them is kept, 16 bytes
however long they are. This module needs no numpy, so that the API can use it and still start quickly.
"""

import json
from array import array
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import BinaryIO

from linkage.encodings.json_files import member_events
from linkage.errors import InvalidRequest, UploadRejected

KEY_BYTES = 16
_MEMBER = "blocks"
_SHOWN = 20
"""Characters of a wrong record index that a message repeats."""
_IDS = 2
_CONTAINER = ({"start_map", "end_map"}, {"start_array", "end_array"})
_SCALARS = {"string", "number", "boolean", "null"}


def block_key(block_id: object) -> bytes:
    """Return the key of a block: the hash of its id's text."""
    return blake2b(str(block_id).encode(errors="surrogatepass"), digest_size=KEY_BYTES).digest()


def order_by_record(blocks: Mapping[str, Sequence[object]], count: int) -> list[Sequence[object]]:
    """Return the block ids of each of ``count`` records, from a map by record index.

    A record that is not in the map is in no block.

    Raises
    ------
    InvalidRequest
        If a key is no index of a record.
    """
    ordered: list[Sequence[object]] = [()] * count
    for key, ids in blocks.items():
        index = _record_index(key, count)
        if index is None:
            raise InvalidRequest(f"{_not_an_index(key)} in 'blocks': there are {count} encodings")
        ordered[index] = ids
    return ordered


def dump_block_file(blocks: Sequence[Sequence[object]]) -> bytes:
    """Return the file for the block ids of each record."""
    return json.dumps({_MEMBER: {str(index): list(ids) for index, ids in enumerate(blocks)}}).encode()


def read_block_file(stream: BinaryIO, count: int, *, most_rows: int) -> tuple[bytearray, "array[int]"]:
    """Return the key and the record index of every membership, in the order of the file.

    Parameters
    ----------
    stream
        The file; its records may come in any order, and other members than ``blocks`` are ignored.
    count
        The number of records. The file must list each of them once.
    most_rows
        Upper bound on the memberships: each takes 20 bytes of memory.

    Returns
    -------
    keys, records
        Keys of `KEY_BYTES` bytes one after the other, and the index of the record of each.

    Raises
    ------
    UploadRejected
        If the file is not such JSON, lists other records, or too many blocks.
    """
    memberships = _Memberships(count, most_rows)
    for event in member_events(stream, _MEMBER, name="blocks file"):
        memberships.take(*event)
    if (records := sum(memberships.seen)) < count:
        raise UploadRejected(f"the blocks file has {records} records, {count} encodings were announced")
    return memberships.keys, memberships.records


class _Memberships:
    """Gathers the memberships while a file is read: a map (depth 0) of arrays (depth 1) of ids (depth 2)."""

    def __init__(self, count: int, most_rows: int) -> None:
        self.keys, self.records, self.seen = bytearray(), array("I"), bytearray(count)
        self._count, self._most_rows, self._record = count, most_rows, 0

    def take(self, depth: int, event: str, value: object) -> None:
        """Process the next token."""
        if depth == _IDS and event in _SCALARS:
            if len(self.records) == self._most_rows:
                raise UploadRejected(f"the blocks file has more than {self._most_rows} block ids: that is too many")
            self.keys += block_key(value)
            self.records.append(self._record)
        elif event == "map_key":
            self._begin(str(value))
        elif depth == _IDS:
            raise UploadRejected(f"a block id of record {self._record} is neither a text nor a number")
        elif event not in _CONTAINER[depth]:
            raise UploadRejected(_wrong_container(depth, self._record))

    def _begin(self, key: str) -> None:
        """Begin the record of this key."""
        index = _record_index(key, self._count)
        if index is None:
            wrong = _not_an_index(key) if _may_be_told(key, self._count) else "a key is not the index of a record"
            raise UploadRejected(f"{wrong} in the blocks file: {self._count} encodings were announced")
        if self.seen[index]:
            raise UploadRejected(f"the blocks file lists record {index} twice")
        self.seen[index], self._record = True, index


def _wrong_container(depth: int, record: int) -> str:
    if depth == 0:
        return "'blocks' in the blocks file is not a map from record index to block ids"
    return f"the blocks of record {record} are not an array of block ids"


def _not_an_index(key: str) -> str:
    return f"{key[:_SHOWN]!a} is not the index of a record"


def _may_be_told(key: str, count: int) -> bool:
    """Tell whether a key of a file is as short a number as indices are; any other one may be what a record says."""
    return key.isascii() and key.isdigit() and len(key) <= len(str(count))


def _record_index(text: str, count: int) -> int | None:
    """Return the index of a record, None if there is no such record."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(count)):
        return None
    index = int(text)
    return index if index < count else None
