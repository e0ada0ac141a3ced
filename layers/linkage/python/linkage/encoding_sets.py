"""Encoding sets: a party's encodings in the order in which workers read them.

Rows are sorted by block key, then popcount, then record index, so that a chunk of the work is a contiguous byte range
however the records came. Three objects make a set:

- ``encodings.bin``: the rows' raw bytes, one after the other;
- ``rows.u32``: the record index of each row, little-endian unsigned 32-bit;
- ``blocks.json``: the block table: key, first row, row count, smallest and largest popcount.

Encodings that share no block are never compared. Without blocking all records are in one block.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.blocking import WHOLE_DATASET, Block

Encodings = NDArray[np.uint8]
"""Shape (n, encoding size): one encoding a row, packed bits."""
Rows = NDArray[np.uint32]
"""Shape (n,): the record index of each row."""

ENCODINGS, ROWS, BLOCKS = "encodings.bin", "rows.u32", "blocks.json"
RECORD_INDEX = np.dtype("<u4")


@dataclass(frozen=True, slots=True)
class EncodingSet:
    """A party's encodings, sorted."""

    encodings: Encodings
    rows: Rows
    blocks: tuple[Block, ...]


def popcounts(encodings: Encodings) -> NDArray[np.int64]:
    """Return how many bits each encoding has set, shape (n,); takes ``9 * n`` bytes and the encodings' size."""
    words = np.ascontiguousarray(encodings).view(np.uint64)
    counts: NDArray[np.int64] = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    return counts


def gather(encodings: Iterator[bytes], count: int, size: int) -> Encodings:
    """Put ``count`` encodings of ``size`` bytes into one array; needs ``count * size`` bytes and no more."""
    gathered = np.empty((count, size), dtype=np.uint8)
    flat = gathered.reshape(-1).data
    for position, encoding in enumerate(encodings):
        flat[position * size : (position + 1) * size] = encoding
    return gathered


def sort_encodings(encodings: Encodings) -> EncodingSet:
    """Sort encodings that are all in one block; equal popcounts keep the records' order.

    Parameters
    ----------
    encodings : uint8 array, shape (n, encoding size)
        In the order of the records; at least one.
    """
    counts = popcounts(encodings)
    order = np.argsort(counts, kind="stable")
    block = Block(WHOLE_DATASET, 0, len(encodings), int(counts[order[0]]), int(counts[order[-1]]))
    return EncodingSet(encodings[order], order.astype(RECORD_INDEX), (block,))


def load_encodings(raw: bytes, size: int) -> Encodings:
    """View raw bytes as encodings of ``size`` bytes, without a copy."""
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, size)


def load_rows(raw: bytes) -> Rows:
    """View raw bytes as record indices, without a copy."""
    return np.frombuffer(raw, dtype=RECORD_INDEX)
