r"""The contract of engines: they compare encodings, sort candidate pairs and group records.

There are two, chosen by the setting ``engine``: ``native``, the library of layers/kernel, and ``anonlink``. Both answer
by the same definition and give the same bytes. Similarity is the Sørensen-Dice coefficient of two bit sets,

.. math:: D(a, b) = \frac{2\,|a \cap b|}{|a| + |b|}

and a pair is a candidate if it has a bit in common and :math:`D(a, b) \ge` threshold in double arithmetic. Encodings
without a set bit carry no evidence and match nothing.

References
----------
R. Schnell, T. Bachteler and J. Reiher, "Privacy-preserving record linkage using Bloom filters", BMC Medical Informatics
and Decision Making 9:41, 2009.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from linkage.candidates.pairs import CANDIDATE, CandidatePairs, Candidates, join_pairs, scores
from linkage.encodings.encoding_sets import Encodings
from linkage.encodings.rectangles import Rectangles
from linkage.encodings.wire import WORD_BYTES

Groups = tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int64]]
"""Groups, concatenated: data set and record index of each member, shape (m,), and the start of each group, (g + 1,)."""

MAX_ENCODING_SIZE = 1024
"""In bytes: a popcount sum of more bits would not go into a candidate pair."""


class SolverLimitReached(ValueError):
    """The solver would have to remember more pairs of groups that may still merge than it is allowed to."""


class Solver(Protocol):
    """Groups records greedily, from the most similar candidate down.

    Each record begins as a group of its own. A candidate merges two groups if, with it, each record of the one has been
    a candidate with each record of the other; so a group has at most one record of each data set.
    """

    def feed(self, candidates: Candidates) -> None:
        """Take the next candidates.

        Parameters
        ----------
        candidates : array of `linkage.candidates.pairs.CANDIDATE`
            Each comes after all before it, of this call and of earlier ones, in the total order; so none comes twice.

        Raises
        ------
        ValueError
            If a candidate is out of order, or names a data set or a record that is not there.
        SolverLimitReached
            If more than ``max_pending`` pairs of groups may still merge. The solver cannot be used after it.
        """

    def groups(self) -> Groups:
        """Return the groups of two records or more; each one's members ascend, and groups by their first member."""


class Engine(Protocol):
    """An engine has no state, so that threads may share it."""

    def find_candidates(
        self,
        left: Encodings,
        right: Encodings,
        rectangles: Rectangles,
        threshold: float,
        *,
        threads: int,
        max_pairs: int,
    ) -> Iterator[CandidatePairs]:
        """Compare, in each rectangle, every row on the left with every row on the right.

        Parameters
        ----------
        left, right : uint8 arrays, shapes (m, encoding size) and (n, encoding size)
            C-contiguous; the size is a multiple of 8 bytes, from 8 to 1,024.
        rectangles : int64 array, shape (k, 4)
            See `linkage.encodings.rectangles`. Rows that are sorted by popcount within a rectangle are compared faster.
        threshold : float
            In (0, 1]; pairs on it are candidates.
        threads : int
            Number of threads to compare with, at least 1.
        max_pairs : int
            Number of candidate pairs to hold at a time, about; at least 1.

        Yields
        ------
        array of `linkage.candidates.pairs.PAIR`
            ``left`` and ``right`` are row numbers in the arrays; in no particular order. A pair that is in several
            rectangles comes as many times.

        Raises
        ------
        ValueError
            If an argument is not as described.
        """

    def sort_pairs(self, pairs: CandidatePairs) -> CandidatePairs:
        """Return a sorted copy: score down, then left up, then right up."""

    def sort_candidates(self, candidates: Candidates) -> Candidates:
        """Return a sorted copy: score down, then data sets up, then left up, then right up."""

    def format_scores(self, candidates: Candidates) -> bytes:
        """Return ``[[0,left],[1,right],score],...`` of candidates of two data sets, in their order.

        A score is written as Python writes a double: the shortest text that reads back as the same number.
        """

    def new_solver(self, record_counts: Sequence[int], *, max_pending: int) -> Solver:
        """Return a solver.

        Parameters
        ----------
        record_counts
            Number of records of each data set; two data sets or more.
        max_pending
            Number of pairs of groups that may still merge to remember at most. Memory grows with it; two data sets
            need none.
        """


def pairs_of_datasets(parties: int) -> list[tuple[int, int]]:
    """Return the pairs of data sets in the order in which ``datasets`` of a candidate counts them."""
    return list(combinations(range(parties), 2))


def check_comparison(
    left: Encodings, right: Encodings, rectangles: Rectangles, threshold: float, *, threads: int, max_pairs: int
) -> None:
    """Raise `ValueError` if these are not arguments of `Engine.find_candidates`."""
    for encodings in (left, right):
        if encodings.ndim != 2 or encodings.dtype != np.uint8 or not encodings.flags.c_contiguous:  # noqa: PLR2004
            raise ValueError("encodings must be a C-contiguous uint8 array of shape (rows, encoding size)")
    size = left.shape[1]
    if right.shape[1] != size:
        raise ValueError(f"encodings differ in size: {size} and {right.shape[1]} bytes")
    if size % WORD_BYTES or not WORD_BYTES <= size <= MAX_ENCODING_SIZE:
        raise ValueError(f"encoding size must be a multiple of {WORD_BYTES} up to {MAX_ENCODING_SIZE}, not {size}")
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1, not {threshold}")
    if threads < 1 or max_pairs < 1:
        raise ValueError(f"threads and max_pairs must be at least 1, not {threads} and {max_pairs}")
    _check_rectangles(rectangles, len(left), len(right))


def _check_rectangles(rectangles: Rectangles, left_rows: int, right_rows: int) -> None:
    if rectangles.ndim != 2 or rectangles.shape[1] != 4 or rectangles.dtype != np.int64:  # noqa: PLR2004
        raise ValueError("rectangles must be an int64 array of shape (count, 4)")
    starts, stops = rectangles[:, 0::2], rectangles[:, 1::2]
    if not ((starts >= 0) & (starts <= stops) & (stops <= np.array([left_rows, right_rows]))).all():
        raise ValueError(f"a rectangle reaches beyond the {left_rows} and {right_rows} rows, or has a negative side")


def check_record_counts(record_counts: Sequence[int]) -> None:
    """Raise `ValueError` if these are not sizes of data sets to be grouped."""
    if len(record_counts) < 2 or not all(0 <= count < 2**32 for count in record_counts):  # noqa: PLR2004
        raise ValueError("there must be two data sets or more, of fewer than 2**32 records each")
    if len(record_counts) * (len(record_counts) - 1) // 2 >= 2**32:
        raise ValueError(f"{len(record_counts)} data sets make too many pairs")


def check_candidates(candidates: Candidates, previous: Candidates, record_counts: NDArray[np.int64]) -> None:
    """Raise `ValueError` if a solver may not be fed the candidates after ``previous``."""
    if candidates.dtype != CANDIDATE or candidates.ndim != 1:
        raise ValueError("candidates must be a one-dimensional array of CANDIDATE")
    datasets = np.array(pairs_of_datasets(len(record_counts)), dtype=np.int64)
    if (candidates["datasets"] >= len(datasets)).any():
        raise ValueError("a candidate names a data set that is not there")
    counts = record_counts[datasets[candidates["datasets"]]]
    if (candidates["left"] >= counts[:, 0]).any() or (candidates["right"] >= counts[:, 1]).any():
        raise ValueError("a candidate names a record that is not there")
    if not _is_ordered(np.concatenate([previous[-1:], candidates])):
        raise ValueError("candidates are out of order, or one comes twice")


def _is_ordered(candidates: Candidates) -> bool:
    """Tell whether each candidate comes after the one before it in the total order.

    Keys are compared one after the other, from the first to the last: ``after`` marks the candidates that an earlier
    key has put in order, ``same`` those for which the next key decides.
    """
    names = ("datasets", "left", "right")
    keys = [-scores(candidates), *(candidates[name].astype(np.int64) for name in names)]
    after, same = np.zeros(max(len(candidates) - 1, 0), dtype=bool), np.ones(max(len(candidates) - 1, 0), dtype=bool)
    for key in keys:
        after |= same & (key[1:] > key[:-1])
        same &= key[1:] == key[:-1]
    return bool(after.all())


def gather(arrays: Iterator[CandidatePairs], max_pairs: int) -> Iterator[CandidatePairs]:
    """Join consecutive arrays, as many have few pairs, into arrays of at most ``max_pairs`` or of a single one."""
    held: list[CandidatePairs] = []
    count = 0
    for pairs in arrays:
        if held and count + len(pairs) > max_pairs:
            yield join_pairs(held)
            held, count = [], 0
        if len(pairs):
            held.append(pairs)
            count += len(pairs)
    if held:
        yield join_pairs(held)
