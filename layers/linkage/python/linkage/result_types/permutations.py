"""Permutations: a result that lets two parties line up their records and tells neither whom they share.

Each party gets a permutation of its records, the analyst a mask: where the mask is 1, the records that both parties
moved to that position are a match. Positions are drawn at random, so that a position says nothing about a record.

The randomness is the operating system's. What is drawn is stored before any of it is given away (see
`linkage.solving`): two draws are never mixed.
"""

import io
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.uint32]
"""Shape (n,): the new position of each record."""


@dataclass(frozen=True, slots=True, eq=False)
class Permutations:
    """A draw: both parties' positions, and the mask (uint8, as long as the smaller data set)."""

    left: Positions
    right: Positions
    mask: NDArray[np.uint8]


def draw_permutations(left_matched: Positions, right_matched: Positions, counts: tuple[int, int]) -> Permutations:
    """Draw positions at random, such that matched records meet.

    Parameters
    ----------
    left_matched, right_matched : arrays of record indices, shape (m,)
        ``left_matched[i]`` and ``right_matched[i]`` are a match; no record is in two.
    counts
        The number of records of each data set. Matches lie among the first ``min(counts)`` positions.
    """
    rows = min(counts)
    places = _shuffled(rows)
    meeting = places[: len(left_matched)]
    mask = np.zeros(rows, dtype=np.uint8)
    mask[meeting] = 1
    return Permutations(_place(left_matched, meeting, counts[0]), _place(right_matched, meeting, counts[1]), mask)


def dump_permutations(permutations: Permutations) -> bytes:
    """Return the permutations as they are stored."""
    file = io.BytesIO()
    for array in (permutations.left, permutations.right, permutations.mask):
        np.save(file, array, allow_pickle=False)
    return file.getvalue()


def load_permutations(raw: bytes) -> Permutations:
    """Read stored permutations."""
    file = io.BytesIO(raw)
    left, right, mask = (np.load(file, allow_pickle=False) for _ in range(3))
    return Permutations(left, right, mask)


def _place(matched: Positions, meeting: Positions, count: int) -> Positions:
    """Give the matched records their meeting places, and the others the places that are left, at random."""
    positions = np.empty(count, dtype=np.uint32)
    positions[matched] = meeting
    others = np.setdiff1d(np.arange(count, dtype=np.uint32), matched, assume_unique=True)
    free = np.setdiff1d(np.arange(count, dtype=np.uint32), meeting, assume_unique=True)
    positions[others] = free[_shuffled(len(free))]
    return positions


def _shuffled(count: int) -> Positions:
    """Return the numbers below ``count`` in random order: sorted by 64 random bits each, drawn anew if two match."""
    while True:
        keys = np.frombuffer(os.urandom(8 * count), dtype=np.uint64)
        order = np.argsort(keys, kind="stable")
        if (np.diff(keys[order]) != 0).all():
            return order.astype(np.uint32)
