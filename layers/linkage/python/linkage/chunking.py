"""Cut the comparisons of a run into chunks, each the work of one worker's message.

Every pair of records that shares a block is compared once for each block that it shares, whatever the cut. Large blocks
are tiled, small ones packed together, so that a chunk is about as much work as the others.

This module is pure: block tables in, chunks out, the same ones each time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from math import isqrt
from typing import NamedTuple

from linkage.blocking import Block, shared_blocks

SMALL_RUN_CHUNKS = 64
"""A run is cut into about this many chunks, if they are not too small then: progress is smooth."""


class Rectangle(NamedTuple):
    """Rows of the left data set to be compared with rows of the right one: half-open ranges."""

    left_start: int
    left_stop: int
    right_start: int
    right_stop: int

    @property
    def comparisons(self) -> int:
        """How many pairs of rows it holds."""
        return (self.left_stop - self.left_start) * (self.right_stop - self.right_start)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rectangles of one pair of data sets, ``left < right``."""

    left: int
    right: int
    rectangles: tuple[Rectangle, ...]

    @property
    def comparisons(self) -> int:
        """How many pairs of rows the chunk holds."""
        return sum(rectangle.comparisons for rectangle in self.rectangles)


def count_comparisons(datasets: Sequence[Sequence[Block]]) -> int:
    """Count the comparisons of all pairs of data sets; a pair that shares several blocks counts once for each."""
    return sum(
        one.row_count * other.row_count
        for left, right in combinations(datasets, 2)
        for one, other in shared_blocks(left, right)
    )


def choose_chunk_size(total: int, *, smallest: int, largest: int) -> int:
    """Choose how many comparisons a chunk should have at most, between the two bounds."""
    return max(1, min(largest, max(smallest, -(-total // SMALL_RUN_CHUNKS))))


def split_comparisons(datasets: Sequence[Sequence[Block]], *, max_comparisons: int) -> Iterator[Chunk]:
    """Cover every comparison exactly once with chunks of bounded size.

    Parameters
    ----------
    datasets
        The block table of each data set.
    max_comparisons
        Upper bound, never exceeded, on the comparisons of one chunk. At least 1.
    """
    if max_comparisons < 1:
        raise ValueError(f"max_comparisons must be at least 1, not {max_comparisons}")
    for left, right in combinations(range(len(datasets)), 2):
        tiles = (
            tile
            for one, other in shared_blocks(datasets[left], datasets[right])
            for tile in _tile(one, other, max_comparisons)
        )
        for rectangles in _pack(tiles, max_comparisons):
            yield Chunk(left, right, rectangles)


def _tile(left: Block, right: Block, max_comparisons: int) -> Iterator[Rectangle]:
    """Tile a block as squarely as it allows: a square reads the fewest encodings for its comparisons."""
    height = min(left.row_count, isqrt(max_comparisons))
    width = min(right.row_count, max_comparisons // max(height, 1))
    height = min(left.row_count, max_comparisons // max(width, 1))
    for rows, columns in product(_spans(left, height), _spans(right, width)):
        yield Rectangle(rows.start, rows.stop, columns.start, columns.stop)


def _spans(block: Block, step: int) -> list[range]:
    """Cut a block's rows into equal spans of at most ``step``."""
    if not block.row_count:
        return []
    spans = -(-block.row_count // step)
    bounds = [block.first_row + block.row_count * span // spans for span in range(spans + 1)]
    return [range(start, stop) for start, stop in pairwise(bounds)]


def _pack(tiles: Iterable[Rectangle], max_comparisons: int) -> Iterator[tuple[Rectangle, ...]]:
    """Gather consecutive tiles while they fit."""
    packed: list[Rectangle] = []
    room = max_comparisons
    for tile in tiles:
        if packed and tile.comparisons > room:
            yield tuple(packed)
            packed, room = [], max_comparisons
        packed.append(tile)
        room -= tile.comparisons
    if packed:
        yield tuple(packed)
