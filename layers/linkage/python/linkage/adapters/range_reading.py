"""Read ranges of objects that never change: in parallel pieces, straight into one buffer, and kept for the next time.

A warm execution environment compares many chunks of a run, and most share their rows on one side with another chunk.
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
"""Opens the bytes from start up to, not including, stop of a bucket's object."""
_Range = tuple[str, str, int, int]


class RangeReader:
    """Ranges of objects that never change; the ones that were read last are kept, up to so many bytes."""

    def __init__(self, open_range: Open, *, most_bytes: int) -> None:
        self._open = open_range
        self._most_bytes = most_bytes
        self._kept: OrderedDict[_Range, memoryview] = OrderedDict()
        self._kept_bytes = 0
        self._lock = Lock()

    def read(self, bucket: str, key: str, start: int, stop: int) -> memoryview:
        """Return the bytes from ``start`` up to, not including, ``stop``; fails if the object has fewer."""
        where = (bucket, key, start, stop)
        with self._lock:
            if where in self._kept:
                self._kept.move_to_end(where)
                return self._kept[where]
        read = self._read(where)
        self._keep(where, read)
        return read

    def _read(self, where: _Range) -> memoryview:
        bucket, key, start, stop = where
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

    def _keep(self, where: _Range, read: memoryview) -> None:
        with self._lock:
            if where in self._kept or len(read) > self._most_bytes:
                return
            self._kept[where] = read
            self._kept_bytes += len(read)
            while self._kept_bytes > self._most_bytes:
                _, oldest = self._kept.popitem(last=False)
                self._kept_bytes -= len(oldest)


def _fill(view: memoryview, source: BinaryIO, key: str) -> None:
    """Read until the view is full; a network stream gives its bytes piecemeal."""
    with source:
        filled = 0
        while filled < len(view):
            read = source.readinto(view[filled:])  # type: ignore[attr-defined]
            if not read:
                raise EOFError(f"{key} ends {len(view) - filled} bytes too early")
            filled += read
