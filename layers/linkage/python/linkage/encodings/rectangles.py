"""Rectangles: ranges of rows of two data sets, to be compared all with all.

A plan cuts a run into rectangles, a compare worker reads the rows of its own, and an engine compares them. This module
counts rectangles, cuts them into tiles, and defines how they are stored.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Rectangles = NDArray[np.int64]
"""Shape (k, 4): each row is left_start, left_stop, right_start, right_stop, half-open ranges of row numbers."""

_STORED = np.dtype("<u4")
RECTANGLE_BYTES = 4 * _STORED.itemsize
"""Size of a stored rectangle: its four numbers, little-endian, unsigned, of 32 bits."""


def areas(rectangles: Rectangles) -> NDArray[np.int64]:
    """Return the number of pairs of rows in each rectangle, shape (k,)."""
    pairs: NDArray[np.int64] = (rectangles[:, 1] - rectangles[:, 0]) * (rectangles[:, 3] - rectangles[:, 2])
    return pairs


def count_pairs(rectangles: Rectangles) -> int:
    """Count the pairs of rows in all rectangles; a pair that is in several counts once for each.

    Examples
    --------
    >>> count_pairs(np.array([[0, 10, 0, 5], [10, 12, 5, 8]]))
    56
    """
    return int(areas(rectangles).sum())


def count_rows(rectangles: Rectangles) -> int:
    """Count the rows of all rectangles, on both sides; a row that is in several counts once for each.

    Examples
    --------
    >>> count_rows(np.array([[0, 10, 0, 5], [10, 12, 5, 8]]))
    20
    """
    return int((rectangles[:, 1::2] - rectangles[:, ::2]).sum())


def span(rectangles: Rectangles, side: int) -> tuple[int, int]:
    """Return the first row, and the row after the last one, of the rectangles' left (0) or right (1) side.

    Examples
    --------
    >>> span(np.array([[0, 10, 7, 9], [10, 12, 2, 5]]), 1)
    (2, 9)
    """
    return int(rectangles[:, 2 * side].min()), int(rectangles[:, 2 * side + 1].max())


def cut_evenly(start: int, stop: int, most: int) -> NDArray[np.int64]:
    """Cut a range that is not empty into as few parts of at most ``most`` as there can be, as equal as there can be.

    Returns
    -------
    int64 array, shape (parts + 1,)
        Where each part starts, and ``stop``.

    Examples
    --------
    >>> cut_evenly(100, 110, 4)
    array([100, 103, 106, 110])
    """
    parts = -(-(stop - start) // most)
    return start + (stop - start) * np.arange(parts + 1) // parts


def tile(rectangle: Rectangles, height: int, width: int) -> Rectangles:
    """Cut a rectangle, shape (4,), into tiles of at most ``height`` rows on the left and ``width`` on the right.

    They are about equally large, and come from left to right, then down.

    Examples
    --------
    >>> tile(np.array([0, 2, 10, 16]), 2, 4)
    array([[ 0,  2, 10, 13],
           [ 0,  2, 13, 16]])
    """
    left_start, left_stop, right_start, right_stop = rectangle.tolist()
    tops, starts = cut_evenly(left_start, left_stop, height), cut_evenly(right_start, right_stop, width)
    tiles = np.empty((len(tops) - 1, len(starts) - 1, 4), dtype=np.int64)
    tiles[..., 0], tiles[..., 1] = tops[:-1, np.newaxis], tops[1:, np.newaxis]
    tiles[..., 2], tiles[..., 3] = starts[:-1], starts[1:]
    return tiles.reshape(-1, 4)


def dump_rectangles(parts: Iterable[Rectangles]) -> bytes:
    """Return rectangles as they are stored, `RECTANGLE_BYTES` each, one part after the other."""
    return b"".join(part.astype(_STORED).tobytes() for part in parts)


def load_rectangles(raw: bytes | memoryview) -> Rectangles:
    """Read stored rectangles.

    Examples
    --------
    >>> load_rectangles(dump_rectangles([np.array([[0, 10, 0, 5]])]))
    array([[ 0, 10,  0,  5]])
    """
    return np.frombuffer(raw, dtype=_STORED).astype(np.int64).reshape(-1, 4)
