"""Encoding sets: a party's encodings in the order in which workers read them.

Rows are sorted by block key, then popcount, then record index, so that a chunk of the work is a contiguous byte range
however the records came. A record has a row in each of its blocks, and none if it is in no block. Four objects make a
set:

- ``encodings.bin``: the rows' raw bytes, one after the other;
- ``rows.u32``: the record index of each row, little-endian unsigned 32-bit;
- ``blocks``: the block table (see `linkage.encodings.block_tables`);
- ``report.json``: how many records, rows and blocks there are.

Encodings that share no block are never compared. Without blocking all records are in one block.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.encodings.block_tables import BLOCK, WHOLE_DATASET, BlockTable

Encodings = NDArray[np.uint8]
"""Shape (n, encoding size): one encoding a row, packed bits."""
Rows = NDArray[np.uint32]
"""Shape (n,): the record index of each row."""
Popcounts = NDArray[np.uint16]

ENCODINGS, ROWS, BLOCKS, REPORT = "encodings.bin", "rows.u32", "blocks", "report.json"
RECORD_INDEX = np.dtype("<u4")

_SLICE_BYTES = 8 * 2**20
"""Bytes that are processed, or written, at a time."""


@dataclass(frozen=True, slots=True)
class Memberships:
    """Memberships of records in blocks, in any order; one may be repeated."""

    keys: NDArray[np.bytes_]
    """Of 16 bytes, shape (m,)."""
    records: Rows


@dataclass(frozen=True, slots=True)
class EncodingSet:
    """A party's encodings in the order of their records, and the rows and blocks in which they are stored."""

    encodings: Encodings
    rows: Rows
    blocks: BlockTable

    def sorted_encodings(self) -> Iterator[Encodings]:
        """Yield the rows' encodings in slices, so that they are never all copied."""
        step = max(1, _SLICE_BYTES // self.encodings.shape[1])
        for start in range(0, len(self.rows), step):
            yield self.encodings[self.rows[start : start + step]]

    def report(self) -> dict[str, int]:
        """Return the size of the set, as its report has it."""
        records, size = self.encodings.shape
        in_a_block = np.zeros(records, dtype=bool)
        in_a_block[self.rows] = True
        return {
            "records": records,
            "rows": len(self.rows),
            "blocks": len(self.blocks),
            "encoding_size": size,
            "records_in_no_block": records - int(np.count_nonzero(in_a_block)),
        }


def popcounts(encodings: Encodings) -> Popcounts:
    """Return the number of bits that each encoding has set, shape (n,).

    The size of an encoding is a multiple of 8 bytes, at most 4,096.
    """
    words = np.ascontiguousarray(encodings).view(np.uint64)
    counts = np.empty(len(words), dtype=np.uint16)
    step = max(1, _SLICE_BYTES // encodings.shape[1])
    for start in range(0, len(words), step):
        part = words[start : start + step]
        np.bitwise_count(part).sum(axis=1, dtype=np.uint16, out=counts[start : start + step])
    return counts


def sort_encodings(encodings: Encodings, memberships: Memberships | None = None) -> EncodingSet:
    """Sort encodings into their blocks; without memberships they are all in one block.

    Parameters
    ----------
    encodings : uint8 array, shape (n, encoding size)
        In the order of the records; at least one.
    memberships
        The blocks of the records. A block that is named twice for a record counts once.

    Notes
    -----
    Takes at most `linkage.encodings.wire.RECORD_COST` bytes a record and `MEMBERSHIP_COST` a membership; the
    encodings are not copied.
    """
    counts = popcounts(encodings)
    if memberships is not None:
        return EncodingSet(encodings, *_sort_memberships(memberships, counts))
    order = np.argsort(counts, kind="stable")  # numpy sorts 16-bit integers by radix, in linear time
    block = (WHOLE_DATASET, 0, len(encodings), counts[order[0]], counts[order[-1]])
    return EncodingSet(encodings, order.astype(RECORD_INDEX), np.array([block], dtype=BLOCK))


def _sort_memberships(memberships: Memberships, counts: Popcounts) -> tuple[Rows, BlockTable]:
    """Return the rows, sorted by block key, popcount and record index, without repetitions, and the block table."""
    order, new_block = _order(memberships, counts)
    rows = memberships.records[order]
    first_rows = np.flatnonzero(new_block)
    order = order[first_rows]  # the rest is no longer needed: its memory is freed
    table = np.empty(len(first_rows), dtype=BLOCK)
    table["key"], table["first_row"] = memberships.keys[order], first_rows
    if len(table):
        table["row_count"] = np.diff(first_rows, append=len(rows))
        table["smallest_popcount"] = counts[rows[first_rows]]
        table["largest_popcount"] = counts[rows[np.append(first_rows[1:], len(rows)) - 1]]
    return rows.astype(RECORD_INDEX, copy=False), table


def _order(memberships: Memberships, counts: Popcounts) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the places of the memberships, sorted and without repetitions, and a mask of those that begin a block.

    Three 64-bit integers stand for (key, popcount, record index), because numpy sorts integers much faster than
    structured records: two for the halves of the key, big-endian so that they sort as its bytes do, and one for
    popcount and record index together.
    """
    records = memberships.records
    within = counts[records].astype(np.uint64) << np.uint64(32) | records
    high, low = memberships.keys.view(">u8").reshape(-1, 2).T.astype(np.uint64)
    order = np.lexsort((within, low, high))
    new_block = _differs(high[order]) | _differs(low[order])
    kept = new_block | _differs(within[order])
    return order[kept], new_block[kept]


def _differs(values: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return a mask of the values that differ from the one before; the first one does."""
    differs = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=differs[1:])
    return differs


def dump_report(encoding_set: EncodingSet) -> bytes:
    """Return the report as it is stored."""
    return json.dumps(encoding_set.report()).encode()


def load_encodings(raw: bytes | bytearray | memoryview, size: int) -> Encodings:
    """View raw bytes as encodings of ``size`` bytes, without a copy."""
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, size)


def load_rows(raw: bytes | memoryview) -> Rows:
    """View raw bytes as record indices, without a copy."""
    return np.frombuffer(raw, dtype=RECORD_INDEX)
