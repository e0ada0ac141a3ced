"""Cut the comparisons of a run into chunks, each the work of one worker's message.

Every pair of records that shares a block is compared once for each block that it shares, whatever the cut. Large blocks
are tiled, small ones packed together, so that a chunk is about as much work as the others.

This module is pure: block tables in, chunks out, the same ones each time.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise, product
from math import isqrt

import numpy as np

from linkage.blocking import BlockTable, shared_blocks
from linkage.plans import Chunk, Rectangle

SMALL_RUN_CHUNKS = 64
"""A run is cut into about this many chunks, if they are not too small then: progress is smooth."""


def count_comparisons(datasets: Sequence[BlockTable]) -> int:
    """Count the comparisons of all pairs of data sets; a pair that shares several blocks counts once for each."""
    return sum(
        len(rows) * len(columns)
        for left, right in combinations(datasets, 2)
        for rows, columns in _shared_ranges(left, right)
    )


def choose_chunk_size(total: int, *, smallest: int, largest: int) -> int:
    """Choose how many comparisons a chunk should have at most, between the two bounds."""
    return max(1, min(largest, max(smallest, -(-total // SMALL_RUN_CHUNKS))))


def split_comparisons(datasets: Sequence[BlockTable], *, max_comparisons: int) -> Iterator[Chunk]:
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
            for rows, columns in _shared_ranges(datasets[left], datasets[right])
            for tile in _tile(rows, columns, max_comparisons)
        )
        for rectangles in _pack(tiles, max_comparisons):
            yield Chunk(left, right, rectangles)


def _shared_ranges(left: BlockTable, right: BlockTable) -> Iterator[tuple[range, range]]:
    """Yield the rows, in either data set, of each block that both have."""
    in_left, in_right = shared_blocks(left, right)
    return zip(_ranges(left[in_left]), _ranges(right[in_right]), strict=True)


def _ranges(table: BlockTable) -> Iterator[range]:
    stops = table["first_row"] + table["row_count"].astype(np.int64)
    return map(range, table["first_row"].tolist(), stops.tolist())


def _tile(left: range, right: range, max_comparisons: int) -> Iterator[Rectangle]:
    """Tile a block as squarely as it allows: a square reads the fewest encodings for its comparisons."""
    height = min(len(left), isqrt(max_comparisons))
    width = min(len(right), max_comparisons // max(height, 1))
    height = min(len(left), max_comparisons // max(width, 1))
    for rows, columns in product(_spans(left, height), _spans(right, width)):
        yield Rectangle(rows.start, rows.stop, columns.start, columns.stop)


def _spans(rows: range, step: int) -> list[range]:
    """Cut a block's rows into equal spans of at most ``step``."""
    if not rows:
        return []
    spans = -(-len(rows) // step)
    bounds = [rows.start + len(rows) * span // spans for span in range(spans + 1)]
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
