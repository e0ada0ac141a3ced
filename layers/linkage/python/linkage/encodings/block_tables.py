"""Blocks: only records that share one are compared.

An encoding set lists its blocks in a table; two tables tell which rows of two data sets are to be compared. A block is
known by its key, a hash of its id (see `linkage.encodings.block_files`): a table says nothing of what the ids mean.
"""

import numpy as np
from numpy.typing import NDArray

from linkage.encodings.block_files import KEY_BYTES

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
"""The key of the one block of a party that has no blocking, however it uploaded."""


def shared_blocks(left: BlockTable, right: BlockTable) -> tuple[Indices, Indices]:
    """Return the places, in either table, of the blocks that both data sets have, in the order of their keys."""
    _, in_left, in_right = np.intersect1d(left["key"], right["key"], assume_unique=True, return_indices=True)
    return in_left, in_right


def dump_blocks(table: BlockTable) -> bytes:
    """Return the block table as it is stored: 28 bytes a block."""
    return table.tobytes()


def load_blocks(raw: bytes) -> BlockTable:
    """View a stored block table, without a copy."""
    return np.frombuffer(raw, dtype=BLOCK)
