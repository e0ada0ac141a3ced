"""The native kernel: C functions over numpy arrays, called through ctypes.

ctypes releases the GIL while a function runs, so threads compare side by side. `linkage.engines.kernel_library` loads
the library and checks the arrays that are passed to it.

This module is thin: `linkage.engines.native` decides how to use it.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.candidates.pairs import CANDIDATE, PAIR, CandidatePairs, Candidates, scores
from linkage.encodings.encoding_sets import Encodings
from linkage.encodings.rectangles import Rectangles
from linkage.engines.contract import Groups, SolverLimitReached
from linkage.engines.kernel_library import LIMIT, Handle, check_array, library, raise_for

SMALLEST_CAPACITY = 1024
"""Pairs that must at least fit into the array given to `Scan.next_pairs`."""
LARGEST_SAMPLE = 1 << 16
"""Pairs that a sample has at most."""

_ROW_TEXT = 40
"""Bytes of a row of scores at most, without the score."""
_BYTE, _ROW_NUMBER = np.dtype(np.uint8), np.dtype(np.int64)


class KernelPath(IntEnum):
    """Instruction sets to compare with; all give the same pairs. BEST is the fastest that the machine has."""

    BEST = 0
    PORTABLE = 1
    AVX2 = 2
    AVX512 = 3
    NEON = 4


def paths() -> list[KernelPath]:
    """Return the paths that this machine can take."""
    return [path for path in KernelPath if path and library().linkage_path(path) == path]


@dataclass(frozen=True, slots=True)
class Tuning:
    """Options that decide how fast comparing is, never its result."""

    reorder: bool = False
    """Copy the encodings with their most telling bits first: pays from a few hundred comparisons a row."""
    filter_bits: int = 0
    """Number of bits to look at before a pair is given up or counted in full; 0 lets a sample decide."""
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
        Pairs of row numbers like those that will be compared. They decide how fast comparing is, never its result; k
        may be 0, and is at most `LARGEST_SAMPLE`.
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
            check_array(array, dtype, 2)
        if sample.shape[1] != 2 or left.shape[1] != right.shape[1]:  # noqa: PLR2004
            raise ValueError("a sample has two columns, and encodings have one size")
        self._read = left, right
        pointer = library().linkage_comparison_new(
            *(left.ctypes.data, len(left), right.ctypes.data, len(right), left.shape[1], threshold),
            *(sample.ctypes.data, len(sample), int(tuning.reorder), tuning.filter_bits, tuning.path),
            ctypes.byref(error := ctypes.c_int64()),
        )
        raise_for(error.value, f"cannot compare: encodings of {left.shape[1]} bytes, {threshold=}, {tuning}")
        self.handle = Handle(pointer, library().linkage_comparison_free)

    @property
    def filter_bits(self) -> int:
        """Number of bits that the filter looks at; a multiple of 12."""
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
        check_array(rectangles, _ROW_NUMBER, 2)
        if rectangles.shape[1] != 4:  # noqa: PLR2004
            raise ValueError("rectangles have four columns")
        self._comparison = comparison
        pointer = library().linkage_scan_new(
            *(comparison.handle.pointer, rectangles.ctypes.data, len(rectangles)),
            ctypes.byref(error := ctypes.c_int64()),
        )
        raise_for(error.value, "a rectangle reaches beyond the arrays")
        self._handle = Handle(pointer, library().linkage_scan_free)
        self.done = False

    def next_pairs(self, into: CandidatePairs) -> int:
        """Find the next candidate pairs and return their number; ``done`` is then true if there are no more.

        Parameters
        ----------
        into : array of `linkage.candidates.pairs.PAIR`
            The pairs are written here; at least `SMALLEST_CAPACITY` long.
        """
        check_array(into, PAIR, 1)
        done = ctypes.c_int32()
        count = library().linkage_scan_next(self._handle.pointer, into.ctypes.data, len(into), ctypes.byref(done))
        raise_for(count, f"at least {SMALLEST_CAPACITY} pairs must go into the array")
        self.done = bool(done.value)
        return int(count)


def sort_pairs(pairs: CandidatePairs) -> CandidatePairs:
    """Return a sorted copy of `PAIR`: score down, left up, right up."""
    return _sorted(library().linkage_sort_pairs, pairs, PAIR)


def sort_candidates(candidates: Candidates) -> Candidates:
    """Return a sorted copy of `CANDIDATE`: score down, data sets up, left up, right up."""
    return _sorted(library().linkage_sort_candidates, candidates, CANDIDATE)


def _sorted(sort: Any, records: NDArray[np.void], dtype: np.dtype[Any]) -> NDArray[np.void]:  # noqa: ANN401
    records = np.ascontiguousarray(records)
    check_array(records, dtype, 1)
    ordered = np.empty(len(records), dtype=dtype)
    raise_for(sort(records.ctypes.data, ordered.ctypes.data, len(records)), "cannot sort")
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
    check_array(candidates, CANDIDATE, 1)
    values = scores(candidates)
    # Python's text of a score is made once for each run of equal ones: `ends` is where each run ends.
    ends = np.append(np.flatnonzero(values[1:] != values[:-1]) + 1, len(values))[: len(values)]
    texts = [repr(score) for score in values[ends - 1].tolist()]
    text_ends = np.cumsum(list(map(len, texts)), dtype=np.int64)
    longest = max(map(len, texts), default=0)
    target = np.empty(len(values) * (_ROW_TEXT + longest), dtype=np.uint8)
    size = library().linkage_format_scores(
        *(candidates.ctypes.data, len(candidates), ends.ctypes.data, text_ends.ctypes.data, len(ends)),
        *("".join(texts).encode(), target.ctypes.data, len(target)),
    )
    raise_for(size, "cannot write the scores")
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
        raise_for(error.value, f"cannot group {len(counts)} data sets of {counts.sum()} records in all")
        self._handle = Handle(pointer, library().linkage_solver_free)
        self._max_pending = max_pending

    def feed(self, candidates: Candidates) -> None:
        """See `linkage.engines.contract.Solver.feed`."""
        candidates = np.ascontiguousarray(candidates)
        check_array(candidates, CANDIDATE, 1)
        result = library().linkage_solver_feed(self._handle.pointer, candidates.ctypes.data, len(candidates))
        if result == LIMIT:
            raise SolverLimitReached(f"more than {self._max_pending} pairs of groups may still merge")
        raise_for(result, "a candidate names a data set or a record that is not there, or has no score")

    def groups(self) -> Groups:
        """See `linkage.engines.contract.Solver.groups`."""
        groups, members = ctypes.c_int64(), ctypes.c_int64()
        library().linkage_solver_count(self._handle.pointer, ctypes.byref(groups), ctypes.byref(members))
        datasets, records = np.empty((2, members.value), dtype=np.uint32)
        offsets = np.empty(groups.value + 1, dtype=np.int64)
        result = library().linkage_solver_groups(
            self._handle.pointer, datasets.ctypes.data, records.ctypes.data, offsets.ctypes.data
        )
        raise_for(result, "cannot group")
        return datasets, records, offsets
