"""Cut the comparisons of a run into chunks, each the work of one worker's message.

Every pair of records that shares a block is compared once for each block that it shares, whatever the cut. Large blocks
are tiled, small ones packed together, so that a chunk is about as much work as the others and reads one contiguous
range of rows on either side, however tiny its blocks are. Work is comparing and reading: the rows of unshared blocks
that lie between shared ones are read too, and count.

This module is pure, and gives the same chunks for the same block tables each time. It computes on whole tables, because
there may be millions of tiny blocks; Python's loops are over chunks alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from linkage.encodings.block_tables import (
    BlockTable,
    block_comparisons,
    block_rectangles,
    count_rows,
    shared_blocks,
)
from linkage.encodings.rectangles import Rectangles, areas, count_pairs, tile

MOST_CHUNKS = 64
"""A run is cut into about this many chunks, unless they would be too small or too large: progress is smooth."""
ROW_COST_PER_BYTE = 8
"""Comparisons that the native engine makes, about, in the time that reading a byte from S3 takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Rectangles of one pair of data sets, ``left < right``."""

    left: int
    right: int
    rectangles: Rectangles

    @property
    def comparisons(self) -> int:
        """The number of pairs of rows."""
        return count_pairs(self.rectangles)


@dataclass(frozen=True, slots=True)
class Work:
    """Bounds on the chunks of a run: on the cost of each, and on its comparisons."""

    max_cost: int
    """Counted in comparisons: those that are made, and `row_cost` for each row that is read."""
    row_cost: int = 0
    """The cost of reading a row, counted in comparisons."""
    candidate_bound: int | None = None
    """Bound on a chunk's comparisons that keeps its candidate pairs few; None where they are few anyway."""

    def __post_init__(self) -> None:
        if min(self.max_cost, self.max_comparisons) < 1:
            raise ValueError(f"a chunk's bounds must be at least 1, not {self.max_cost} and {self.candidate_bound}")

    @property
    def max_comparisons(self) -> int:
        """The smaller of the two bounds on a chunk's comparisons."""
        return self.max_cost if self.candidate_bound is None else min(self.max_cost, self.candidate_bound)


def count_comparisons(datasets: Sequence[BlockTable]) -> int:
    """Count the comparisons of all pairs of data sets; a pair that shares several blocks counts once for each."""
    return sum(int(block_comparisons(*_shared(left, right)).sum()) for left, right in combinations(datasets, 2))


def choose_chunk_size(total: int, *, smallest: int, largest: int) -> int:
    """Choose the most that a chunk should cost, between the two bounds, for a run that costs ``total``."""
    return max(1, min(largest, max(smallest, -(-total // MOST_CHUNKS))))


def choose_work(datasets: Sequence[BlockTable], encoding_size: int, *, smallest: int, largest: int) -> Work:
    """Choose the bounds on a run's chunks by its comparisons and by the rows that are read for them."""
    row_cost = ROW_COST_PER_BYTE * encoding_size
    cost = count_comparisons(datasets) + row_cost * sum(map(count_rows, datasets))
    return Work(choose_chunk_size(cost, smallest=smallest, largest=largest), row_cost)


def split_comparisons(datasets: Sequence[BlockTable], threshold: float, work: Work) -> Iterator[Chunk]:
    """Cover every comparison that can reach the threshold exactly once with chunks of bounded size.

    Parameters
    ----------
    datasets
        The block table of each data set.
    threshold
        Blocks whose popcounts are too far apart for any pair to reach it are left out.
    work
        Its bound on a chunk's comparisons is never exceeded; a chunk that costs more is a single block or tile.
    """
    for left, right in combinations(range(len(datasets)), 2):
        for rectangles in _cut(*reachable_blocks(datasets[left], datasets[right], threshold), work):
            yield Chunk(left, right, rectangles)


def reachable_blocks(left: BlockTable, right: BlockTable, threshold: float) -> tuple[BlockTable, BlockTable]:
    """Return the blocks that both data sets have and in which a pair could reach the threshold, side by side."""
    ones, others = _shared(left, right)
    reach = _can_reach(ones, others, threshold)
    return ones[reach], others[reach]


def _shared(left: BlockTable, right: BlockTable) -> tuple[BlockTable, BlockTable]:
    """Return the blocks that both data sets have, side by side."""
    ones, others = shared_blocks(left, right)
    return left[ones], right[others]


def _can_reach(ones: BlockTable, others: BlockTable, threshold: float) -> NDArray[np.bool_]:
    """Return a mask of the blocks in which a pair could reach the threshold.

    The Dice coefficient of encodings with a and b <= a bits set is at most 2b / (a + b), where all bits of the smaller
    are shared, and grows as the popcounts come closer: so the closest popcounts of the two blocks decide (the length
    filter of set similarity joins: A. Arasu, V. Ganti and R. Kaushik, "Efficient exact set-similarity joins", VLDB
    2006). That bound is computed as any score is, so that a pair on the threshold is not lost to rounding.
    """
    smaller = np.minimum(ones["largest_popcount"], others["largest_popcount"]).astype(np.float64)
    larger = np.maximum(smaller, np.maximum(ones["smallest_popcount"], others["smallest_popcount"]))
    reach: NDArray[np.bool_] = (smaller > 0) & (2.0 * smaller / np.maximum(1.0, smaller + larger) >= threshold)
    return reach


def _cut(ones: BlockTable, others: BlockTable, work: Work) -> Iterator[Rectangles]:
    rectangles = block_rectangles(ones, others)
    large = areas(rectangles) > work.max_comparisons
    for block in rectangles[large]:
        yield from _tile(block, work.max_comparisons)
    yield from _pack(rectangles[~large], work)


def _tile(block: Rectangles, max_comparisons: int) -> Iterator[Rectangles]:
    """Tile a block as squarely as it allows: a square reads the fewest encodings for its comparisons."""
    rows, columns = (block[1::2] - block[::2]).tolist()
    height = min(rows, isqrt(max_comparisons))
    width = min(columns, max_comparisons // height)
    height = min(rows, max_comparisons // width)
    yield from tile(block, height, width)[:, np.newaxis]


def _pack(rectangles: Rectangles, work: Work) -> Iterator[Rectangles]:
    """Gather consecutive blocks while their comparisons, and the rows from the first to the last, are not too much.

    The cost of the blocks from one to another is the difference of two running totals, of comparisons and of rows. Both
    ascend, so that a binary search finds the last block that a chunk has room for: a chunk takes O(log n) steps.
    """
    comparisons = np.concatenate([[0], areas(rectangles).cumsum()])
    ends = comparisons[1:] + work.row_cost * (rectangles[:, 1] + rectangles[:, 3])
    starts = comparisons[:-1] + work.row_cost * (rectangles[:, 0] + rectangles[:, 2])
    first = 0
    while first < len(rectangles):
        affordable = int(np.searchsorted(ends, starts[first] + work.max_cost, side="right"))
        few_enough = int(np.searchsorted(comparisons, comparisons[first] + work.max_comparisons, side="right")) - 1
        stop = max(first + 1, min(affordable, few_enough))
        yield rectangles[first:stop]
        first = stop
