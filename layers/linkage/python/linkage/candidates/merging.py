"""Merge sorted files of candidate pairs into one order, in bounded memory.

A window of each file is held in memory. All windows are complete up to the end of the window that ends first in the
order: up to there their pairs are taken out, sorted together and yielded, and the windows are filled up again. So each
file is read once, from its start to its end, in a few large pieces, whether its pairs are many or few, and whether one
score has no pairs or millions. A pair that several files hold comes out once.

This module is pure: `linkage.store.gathering` reads the files.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from linkage.candidates.pairs import PAIR, CandidatePairs, Candidates, drop_duplicates, with_datasets

Key = tuple[float, int, int, int]
"""Place in the total order: minus the score, data sets, left and right record."""


class Piece(NamedTuple):
    """A piece of a file: pairs from ``start`` up to, not including, ``stop``."""

    file: int
    start: int
    stop: int


class SortedFile(NamedTuple):
    """A file of candidate pairs of one pair of data sets, in their total order, each once."""

    pair_count: int
    datasets: int


Fetch = Callable[[Sequence[Piece]], Sequence[CandidatePairs]]


def merge_files(
    files: Sequence[SortedFile], fetch: Fetch, sort: Callable[[Candidates], Candidates], *, window_pairs: int
) -> Iterator[Candidates]:
    """Yield all candidate pairs in their total order, each once, in batches.

    Parameters
    ----------
    files
        The files to merge.
    fetch
        Reads pieces of files; it gets several at once, so that it can read them side by side.
    sort
        Puts candidates in their total order.
    window_pairs
        Number of pairs that are held at a time, over all files; a batch has no more. At least one a file.
    """
    windows = _Windows(files, fetch, max(1, window_pairs // max(1, len(files))))
    while windows.fill():
        batch = drop_duplicates(sort(np.concatenate(windows.take_complete())))
        if len(batch):
            yield batch


class _Windows:
    """The window of each file, and the number of pairs read of it."""

    def __init__(self, files: Sequence[SortedFile], fetch: Fetch, size: int) -> None:
        self._files = files
        self._fetch = fetch
        self._size = size
        self._held: list[CandidatePairs] = [np.empty(0, dtype=PAIR)] * len(files)
        self._read = [0] * len(files)

    def fill(self) -> bool:
        """Fill up each window that is at most half full; False if nothing is left to merge."""
        pieces = [
            Piece(number, read, min(file.pair_count, read + self._size - len(held)))
            for number, (file, held, read) in enumerate(zip(self._files, self._held, self._read, strict=True))
            if read < file.pair_count and len(held) <= self._size // 2
        ]
        for piece, pairs in zip(pieces, self._fetch(pieces), strict=True):
            held = self._held[piece.file]
            self._held[piece.file] = np.concatenate([held, pairs]) if len(held) else pairs
            self._read[piece.file] = piece.stop
        return any(len(held) for held in self._held)

    def take_complete(self) -> list[Candidates]:
        """Take out all pairs up to where the first window ends of a file that goes on."""
        ends = [
            _key(held, -1, file.datasets)
            for file, held, read in zip(self._files, self._held, self._read, strict=True)
            if read < file.pair_count
        ]
        return [self._take(number, min(ends, default=None)) for number in range(len(self._files))]

    def _take(self, number: int, end: Key | None) -> Candidates:
        held, datasets = self._held[number], self._files[number].datasets
        if end is None:
            count = len(held)
        else:
            count = bisect_right(range(len(held)), end, key=lambda place: _key(held, place, datasets))
        self._held[number] = held[count:]
        return with_datasets(held[:count], datasets)


def _key(pairs: CandidatePairs, place: int, datasets: int) -> Key:
    left, right, common, total = pairs[place].item()
    return -2.0 * common / total, datasets, left, right
