"""The native kernel: C functions over numpy arrays, called through ctypes.

The library is built from layers/kernel and lies on Python's path: in its own layer where it is deployed, below build/
in a checkout. ctypes releases the GIL while a function runs, so threads compare side by side. What is passed is looked
at here (types, shapes, contiguity), and what it says (row numbers, ranges) in the library: neither reads out of bounds.

This module is thin: `linkage.engines.native` decides how to use it.
"""

import ctypes
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.candidates.pairs import CANDIDATE, PAIR, CandidatePairs, Candidates, scores
from linkage.encodings.encoding_sets import Encodings
from linkage.encodings.rectangles import Rectangles
from linkage.engines.contract import Groups, SolverLimitReached

LIBRARY = f"liblinkage_kernel.{platform.machine()}.so"
SMALLEST_CAPACITY = 1024
"""`Scan.next_pairs` must be allowed to find so many pairs."""
LARGEST_SAMPLE = 1 << 16
"""A sample has at most so many pairs."""

_ROW_TEXT = 40
"""Bytes of a row of scores beside the score, at most."""
_INVALID, _OUT_OF_ORDER, _LIMIT = -2, -3, -4
_BYTE, _ROW_NUMBER = np.dtype(np.uint8), np.dtype(np.int64)


class KernelNotFound(RuntimeError):
    """The library is not on Python's path; in a checkout `make setup` builds it."""


class KernelPath(IntEnum):
    """Ways to compare; all give the same pairs. BEST is the fastest that the machine can take."""

    BEST = 0
    PORTABLE = 1
    AVX2 = 2
    AVX512 = 3
    NEON = 4


def paths() -> list[KernelPath]:
    """Return the ways to compare that this machine can take."""
    return [path for path in KernelPath if path and library().linkage_path(path) == path]


class _Handle:
    """An object of the library; freed with this one."""

    def __init__(self, pointer: int | None, free: Any) -> None:  # noqa: ANN401
        self.pointer, self._free = pointer, free

    def __del__(self) -> None:
        if self.pointer is not None:
            self._free(self.pointer)


@dataclass(frozen=True, slots=True)
class Tuning:
    """How to compare; what is found is the same."""

    reorder: bool = False
    """Copy the encodings with their most telling bits first: pays from a few hundred comparisons a row."""
    filter_bits: int = 0
    """How many bits to look at before a pair is given up or counted in full; 0 lets a sample decide."""
    path: KernelPath = KernelPath.BEST


class Comparison:
    """Two arrays of encodings, ready to be compared; threads may share it.

    Parameters
    ----------
    left, right : uint8 arrays, shapes (m, encoding size) and (n, encoding size)
        C-contiguous; the size is a multiple of 8 bytes, from 8 to 1,024. They must not change while this is used.
    threshold : float
        In (0, 1].
    sample : int64 array, shape (k, 2)
        Pairs of row numbers like those that will be compared. They decide how, never what is found; k may be 0, and is
        at most `LARGEST_SAMPLE`.
    tuning : Tuning
        How to compare.

    Raises
    ------
    ValueError
        If an argument is not as described, or this machine cannot take the path.
    MemoryError
        If there is not enough.
    """

    def __init__(
        self,
        left: Encodings,
        right: Encodings,
        threshold: float,
        *,
        sample: NDArray[np.int64],
        tuning: Tuning,
    ) -> None:
        for array, dtype in ((left, _BYTE), (right, _BYTE), (sample, _ROW_NUMBER)):
            _check(array, dtype, 2)
        if sample.shape[1] != 2 or left.shape[1] != right.shape[1]:  # noqa: PLR2004
            raise ValueError("a sample has two columns, and encodings have one size")
        self._read = left, right
        pointer = library().linkage_comparison_new(
            *(left.ctypes.data, len(left), right.ctypes.data, len(right), left.shape[1], threshold),
            *(sample.ctypes.data, len(sample), int(tuning.reorder), tuning.filter_bits, tuning.path),
            ctypes.byref(error := ctypes.c_int64()),
        )
        _raise_for(error.value, f"cannot compare so: encodings of {left.shape[1]} bytes, {threshold=}, {tuning}")
        self.handle = _Handle(pointer, library().linkage_comparison_free)

    @property
    def filter_bits(self) -> int:
        """How many bits the filter looks at; a multiple of 12."""
        return int(library().linkage_comparison_filter_bits(self.handle.pointer))


class Scan:
    """A walk through rectangles of a comparison; of one thread at a time.

    Parameters
    ----------
    rectangles : int64 array, shape (k, 4)
        See `linkage.encodings.rectangles.Rectangles`.

    Raises
    ------
    ValueError
        If a rectangle reaches beyond the arrays.
    MemoryError
        If there is not enough: about 6 bytes are needed for each byte of the largest rectangle's shorter side.
    """

    def __init__(self, comparison: Comparison, rectangles: Rectangles) -> None:
        _check(rectangles, _ROW_NUMBER, 2)
        if rectangles.shape[1] != 4:  # noqa: PLR2004
            raise ValueError("rectangles have four columns")
        self._comparison = comparison
        pointer = library().linkage_scan_new(
            *(comparison.handle.pointer, rectangles.ctypes.data, len(rectangles)),
            ctypes.byref(error := ctypes.c_int64()),
        )
        _raise_for(error.value, "a rectangle reaches beyond the arrays")
        self._handle = _Handle(pointer, library().linkage_scan_free)
        self.done = False

    def next_pairs(self, into: CandidatePairs) -> int:
        """Find the next candidate pairs, and return how many; ``done`` is then true if there are no more.

        Parameters
        ----------
        into : array of `linkage.candidates.pairs.PAIR`
            Where they are written; at least `SMALLEST_CAPACITY` long.
        """
        _check(into, PAIR, 1)
        done = ctypes.c_int32()
        found = library().linkage_scan_next(self._handle.pointer, into.ctypes.data, len(into), ctypes.byref(done))
        _raise_for(found, f"at least {SMALLEST_CAPACITY} pairs must go into the array")
        self.done = bool(done.value)
        return int(found)


def sort_pairs(pairs: CandidatePairs) -> CandidatePairs:
    """Return a sorted copy of `PAIR`: score down, left up, right up."""
    return _sorted(library().linkage_sort_pairs, pairs, PAIR)


def sort_candidates(candidates: Candidates) -> Candidates:
    """Return a sorted copy of `CANDIDATE`: score down, data sets up, left up, right up."""
    return _sorted(library().linkage_sort_candidates, candidates, CANDIDATE)


def _sorted(sort: Any, records: NDArray[np.void], dtype: np.dtype[Any]) -> NDArray[np.void]:  # noqa: ANN401
    records = np.ascontiguousarray(records)
    _check(records, dtype, 1)
    ordered = np.empty(len(records), dtype=dtype)
    _raise_for(sort(records.ctypes.data, ordered.ctypes.data, len(records)), "cannot sort")
    return ordered


def format_scores(candidates: Candidates) -> bytes:
    """Return ``[[0,left],[1,right],score],...`` of candidates of two data sets, in their order, with commas between.

    A score is written as Python writes a double: the shortest text that reads back as the same number. Fastest where
    equal scores come together, as they do in the total order.

    Examples
    --------
    >>> format_scores(np.array([(1, 3, 0, 7, 8)], dtype=CANDIDATE))
    b'[[0,7],[1,8],0.6666666666666666]'
    """
    candidates = np.ascontiguousarray(candidates)
    _check(candidates, CANDIDATE, 1)
    found = scores(candidates)
    ends = np.append(np.flatnonzero(found[1:] != found[:-1]) + 1, len(found))[: len(found)]
    texts = [repr(score) for score in found[ends - 1].tolist()]
    text_ends = np.cumsum(list(map(len, texts)), dtype=np.int64)
    longest = max(map(len, texts), default=0)
    target = np.empty(len(found) * (_ROW_TEXT + longest), dtype=np.uint8)
    size = library().linkage_format_scores(
        *(candidates.ctypes.data, len(candidates), ends.ctypes.data, text_ends.ctypes.data, len(ends)),
        *("".join(texts).encode(), target.ctypes.data, len(target)),
    )
    _raise_for(size, "cannot write the scores")
    return target[:size].tobytes()


class GreedySolver:
    """A `linkage.engines.contract.Solver`.

    Parameters
    ----------
    record_counts
        How many records each data set has; two data sets or more, fewer than 2**32 records in all.
    max_pending
        How many pairs of groups that may still merge to remember, at most: about 40 bytes each.
    """

    def __init__(self, record_counts: Sequence[int], *, max_pending: int) -> None:
        counts = np.array(record_counts, dtype=np.int64)
        pointer = library().linkage_solver_new(
            *(len(counts), counts.ctypes.data, max_pending), ctypes.byref(error := ctypes.c_int64())
        )
        _raise_for(error.value, f"cannot group {len(counts)} data sets of {counts.sum()} records in all")
        self._handle = _Handle(pointer, library().linkage_solver_free)
        self._max_pending = max_pending

    def feed(self, candidates: Candidates) -> None:
        """See `linkage.engines.contract.Solver.feed`."""
        candidates = np.ascontiguousarray(candidates)
        _check(candidates, CANDIDATE, 1)
        result = library().linkage_solver_feed(self._handle.pointer, candidates.ctypes.data, len(candidates))
        if result == _LIMIT:
            raise SolverLimitReached(f"more than {self._max_pending} pairs of groups may still merge")
        _raise_for(result, "a candidate names a data set or a record that is not there, or has no score")

    def groups(self) -> Groups:
        """See `linkage.engines.contract.Solver.groups`."""
        groups, members = ctypes.c_int64(), ctypes.c_int64()
        library().linkage_solver_count(self._handle.pointer, ctypes.byref(groups), ctypes.byref(members))
        datasets, records = np.empty((2, members.value), dtype=np.uint32)
        offsets = np.empty(groups.value + 1, dtype=np.int64)
        result = library().linkage_solver_groups(
            self._handle.pointer, datasets.ctypes.data, records.ctypes.data, offsets.ctypes.data
        )
        _raise_for(result, "cannot group")
        return datasets, records, offsets


def _check(array: NDArray[Any], dtype: np.dtype[Any], dimensions: int) -> None:
    """Raise if the library could not read the array as what it expects."""
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != dimensions:
        raise ValueError(f"a {dimensions}-dimensional array of {dtype} is needed")
    if not array.flags.c_contiguous:
        raise ValueError("a C-contiguous array is needed")


def _raise_for(result: int, problem: str) -> None:
    if result == _OUT_OF_ORDER:
        raise ValueError("candidates are out of order, or one comes twice")
    if result == _INVALID:
        raise ValueError(problem)
    if result < 0:
        raise MemoryError("there is not enough memory")


@cache
def library() -> ctypes.CDLL:
    """Return the library, loaded once."""
    for folder in sys.path:
        if (file := Path(folder, LIBRARY)).is_file():
            return _declare(ctypes.CDLL(str(file)))
    raise KernelNotFound(f"{LIBRARY} is not on Python's path; `make setup` builds it")


def _declare(loaded: ctypes.CDLL) -> ctypes.CDLL:
    """Say what the functions take and return: layers/kernel/src/kernel.h."""
    address, size, word = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "linkage_path": (word, [word]),
        "linkage_comparison_new": (
            address,
            [address, size, address, size, word, ctypes.c_double, address, size, word, word, word, address],
        ),
        "linkage_comparison_filter_bits": (word, [address]),
        "linkage_comparison_free": (None, [address]),
        "linkage_scan_new": (address, [address, address, size, address]),
        "linkage_scan_next": (size, [address, address, size, address]),
        "linkage_scan_free": (None, [address]),
        "linkage_sort_pairs": (size, [address, address, size]),
        "linkage_sort_candidates": (size, [address, address, size]),
        "linkage_format_scores": (size, [address, size, address, address, size, ctypes.c_char_p, address, size]),
        "linkage_solver_new": (address, [size, address, size, address]),
        "linkage_solver_feed": (size, [address, address, size]),
        "linkage_solver_count": (None, [address, address, address]),
        "linkage_solver_groups": (size, [address, address, address, address]),
        "linkage_solver_free": (None, [address]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded
