"""Blocks: only records that share one are compared.

An encoding set lists its blocks in a table; two tables determine the rows of two data sets that are to be compared. A
block is known by its key, a hash of its id (see `linkage.encodings.block_files`): a table does not reveal the ids.
"""

import numpy as np
from numpy.typing import NDArray

from linkage.encodings.block_files import KEY_BYTES
from linkage.encodings.rectangles import Rectangles

BlockTable = NDArray[np.void]
"""Array of `BLOCK`, sorted by key, no two with the same one, none empty."""
Indices = NDArray[np.intp]

BLOCK = np.dtype(
    [
        ("key", f"S{KEY_BYTES}"),
        ("first_row", "<u4"),
        ("row_count", "<u4"),
        ("smallest_popcount", "<u2"),
        ("largest_popcount", "<u2"),
    ]
)
"""A block's key, its rows in an encoding set, and the smallest and the largest popcount of their encodings."""

WHOLE_DATASET = bytes(KEY_BYTES)
"""The key of the one block of a party that uploaded no blocks."""


def shared_blocks(left: BlockTable, right: BlockTable) -> tuple[Indices, Indices]:
    """Return the indices, into either table, of the blocks that both data sets have, in the order of their keys."""
    _, in_left, in_right = np.intersect1d(left["key"], right["key"], assume_unique=True, return_indices=True)
    return in_left, in_right


def count_rows(table: BlockTable) -> int:
    """Count the rows of all blocks of a data set."""
    return int(table["row_count"].sum())


def block_comparisons(left: BlockTable, right: BlockTable) -> NDArray[np.int64]:
    """Return the number of comparisons of each block, given as it is in either data set; shape (n,)."""
    comparisons: NDArray[np.int64] = left["row_count"].astype(np.int64) * right["row_count"].astype(np.int64)
    return comparisons


def block_rectangles(left: BlockTable, right: BlockTable) -> Rectangles:
    """Return the rectangle of each block, given as it is in either data set; shape (n, 4)."""
    starts = [table["first_row"].astype(np.int64) for table in (left, right)]
    stops = [start + table["row_count"] for start, table in zip(starts, (left, right), strict=True)]
    return np.stack([starts[0], stops[0], starts[1], stops[1]], axis=1)


def dump_blocks(table: BlockTable) -> bytes:
    """Return the block table as it is stored: 28 bytes a block."""
    return table.tobytes()


def load_blocks(raw: bytes) -> BlockTable:
    """View a stored block table, without a copy."""
    return np.frombuffer(raw, dtype=BLOCK)
