"""Count how often a pair of records is compared: once for each block that both are in.

This module is pure.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linkage.encodings.block_tables import BlockTable, Indices, shared_blocks
from linkage.encodings.encoding_sets import Rows


class _Blocks(NamedTuple):
    """The shared blocks of records, concatenated: the record of pair i has ``counts[i]``, from ``starts[i]`` on."""

    blocks: Indices
    starts: Indices
    counts: Indices

    def keys(self, blocks: int) -> NDArray[np.int64]:
        """Return a number for each pair and block of its record: pair times ``blocks`` plus block.

        Lists of different lengths are joined without a loop in Python: each element's place is its place in the result,
        moved by the distance between its list's start in `blocks` and in the result.
        """
        pairs = np.repeat(np.arange(len(self.counts)), self.counts)
        before = np.cumsum(self.counts) - self.counts
        places = np.arange(len(pairs)) + np.repeat(self.starts - before, self.counts)
        numbers: NDArray[np.int64] = pairs * blocks + self.blocks[places]
        return numbers


def count_shared_blocks(tables: Sequence[BlockTable], rows: Sequence[Rows], pairs: Sequence[Rows]) -> NDArray[np.int64]:
    """Return the number of blocks that both records of each pair are in.

    Parameters
    ----------
    tables, rows
        The block tables of two data sets, and the record index of every row of each.
    pairs
        Record indices, shape (n,), in either data set: of n pairs.

    Notes
    -----
    Memory grows with the number of pairs and of blocks that their records are in. Each side is a set of (pair, block)
    as one integer; those in both sets are the shared blocks.
    """
    places = shared_blocks(*tables)
    blocks = max(1, len(places[0]))
    left, right = (_blocks_of(*side).keys(blocks) for side in zip(pairs, rows, tables, places, strict=True))
    return np.bincount(left[np.isin(left, right)] // blocks, minlength=len(pairs[0]))


def _blocks_of(records: Rows, rows: Rows, table: BlockTable, shared: Indices) -> _Blocks:
    """Return the shared blocks, numbered in their order, that each of the records is in."""
    known, place = np.unique(records, return_inverse=True)
    wanted = np.zeros(int(rows.max(initial=0)) + 1, dtype=bool)
    wanted[known] = True
    places = np.flatnonzero(wanted[rows])  # a mask by record index, because `isin` would sort all rows
    numbers = np.full(len(table), -1)
    numbers[shared] = np.arange(len(shared))
    blocks = numbers[np.searchsorted(table["first_row"], places, side="right") - 1]
    places, blocks = places[blocks >= 0], blocks[blocks >= 0]
    owners = np.searchsorted(known, rows[places])
    counts = np.bincount(owners, minlength=len(known))
    starts = np.cumsum(counts) - counts
    return _Blocks(blocks[np.argsort(owners, kind="stable")], starts[place], counts[place])
