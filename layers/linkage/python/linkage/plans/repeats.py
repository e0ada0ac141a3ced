"""Tell how often a pair of records is compared: once for each block that both are in.

This module is pure.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linkage.encodings.block_tables import BlockTable, Indices, shared_blocks
from linkage.encodings.encoding_sets import Rows


class _Blocks(NamedTuple):
    """The shared blocks of records, one after the other: those of each pair's record are ``counts`` from ``starts``."""

    blocks: Indices
    starts: Indices
    counts: Indices

    def keys(self, blocks: int) -> NDArray[np.int64]:
        """Return a number for each pair and block of its record; the pair's is it divided by ``blocks``."""
        pairs = np.repeat(np.arange(len(self.counts)), self.counts)
        before = np.cumsum(self.counts) - self.counts
        places = np.arange(len(pairs)) + np.repeat(self.starts - before, self.counts)
        numbers: NDArray[np.int64] = pairs * blocks + self.blocks[places]
        return numbers


def count_shared_blocks(tables: Sequence[BlockTable], rows: Sequence[Rows], pairs: Sequence[Rows]) -> NDArray[np.int64]:
    """Return in how many blocks both records of each pair are.

    Parameters
    ----------
    tables, rows
        The block tables of two data sets, and the record index of every row of each.
    pairs
        Record indices, shape (n,), in either data set: of n pairs.

    Notes
    -----
    Takes memory for each pair and each block that its records are in.
    """
    places = shared_blocks(*tables)
    blocks = max(1, len(places[0]))
    left, right = (_blocks_of(*side).keys(blocks) for side in zip(pairs, rows, tables, places, strict=True))
    return np.bincount(left[np.isin(left, right)] // blocks, minlength=len(pairs[0]))


def _blocks_of(records: Rows, rows: Rows, table: BlockTable, shared: Indices) -> _Blocks:
    """Return which of the shared blocks, numbered in their order, each of the records is in."""
    known, place = np.unique(records, return_inverse=True)
    asked = np.zeros(int(rows.max(initial=0)) + 1, dtype=bool)
    asked[known] = True
    found = np.flatnonzero(asked[rows])
    numbers = np.full(len(table), -1)
    numbers[shared] = np.arange(len(shared))
    blocks = numbers[np.searchsorted(table["first_row"], found, side="right") - 1]
    found, blocks = found[blocks >= 0], blocks[blocks >= 0]
    owners = np.searchsorted(known, rows[found])
    counts = np.bincount(owners, minlength=len(known))
    starts = np.cumsum(counts) - counts
    return _Blocks(blocks[np.argsort(owners, kind="stable")], starts[place], counts[place])
