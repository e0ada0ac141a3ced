"""Read ranges of objects that never change, in parallel pieces, into one buffer, and cache them.

A warm execution environment compares many chunks of a run, and most of these share the rows of one side with another.
"""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Lock
from typing import BinaryIO

PIECE_BYTES = 8 * 2**20
PARALLEL_PIECES = 8

Open = Callable[[str, str, int, int], BinaryIO]
"""Opens the bytes of a bucket's object from start up to, not including, stop."""
_Range = tuple[str, str, int, int]


class RangeReader:
    """A reader of ranges of objects that never change; it caches those read last, at most ``max_bytes``."""

    def __init__(self, open_range: Open, *, max_bytes: int) -> None:
        self._open = open_range
        self._max_bytes = max_bytes
        self._cache: OrderedDict[_Range, memoryview] = OrderedDict()
        self._cached_bytes = 0
        self._lock = Lock()

    def read(self, bucket: str, key: str, start: int, stop: int) -> memoryview:
        """Return the bytes from ``start`` up to, not including, ``stop``; fails if the object ends before."""
        location = (bucket, key, start, stop)
        with self._lock:
            if location in self._cache:
                self._cache.move_to_end(location)
                return self._cache[location]
        view = self._read(location)
        self._store(location, view)
        return view

    def _read(self, location: _Range) -> memoryview:
        bucket, key, start, stop = location
        buffer = memoryview(bytearray(stop - start))
        pieces = list(pairwise([*range(0, len(buffer), PIECE_BYTES), len(buffer)]))

        def read_piece(piece: tuple[int, int]) -> None:
            first, end = piece
            _fill(buffer[first:end], self._open(bucket, key, start + first, start + end), key)

        if len(pieces) == 1:
            read_piece(pieces[0])
        else:
            with ThreadPoolExecutor(PARALLEL_PIECES) as pool:
                list(pool.map(read_piece, pieces))
        return buffer.toreadonly()

    def _store(self, location: _Range, view: memoryview) -> None:
        with self._lock:
            if location in self._cache or len(view) > self._max_bytes:
                return
            self._cache[location] = view
            self._cached_bytes += len(view)
            while self._cached_bytes > self._max_bytes:
                _, oldest = self._cache.popitem(last=False)
                self._cached_bytes -= len(oldest)


def _fill(view: memoryview, source: BinaryIO, key: str) -> None:
    """Read until the view is full, because a network stream may return fewer bytes than asked for."""
    with source:
        filled = 0
        while filled < len(view):
            count = source.readinto(view[filled:])  # type: ignore[attr-defined]
            if not count:
                raise EOFError(f"{key} ends {len(view) - filled} bytes too early")
            filled += count
