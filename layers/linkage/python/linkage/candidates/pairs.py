"""Candidate pairs: the compared pairs of records whose similarity reaches the threshold.

A pair is stored as exact integers, the number of bits that both encodings have set and the sum of their popcounts: 12
bytes from which its Dice coefficient comes out the same everywhere. The order of pairs is total (similarity down, then
data sets, then record indices up), so that results do not depend on the order in which pairs were found.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

CandidatePairs = NDArray[np.void]
"""Structured array of `PAIR`, shape (n,): pairs of one pair of data sets."""

Candidates = NDArray[np.void]
"""Structured array of `CANDIDATE`, shape (n,): pairs of any data sets."""

PAIR = np.dtype([("left", "<u4"), ("right", "<u4"), ("common", "<u2"), ("total", "<u2")])
"""Record index in the left and in the right data set, bits in common, sum of both popcounts."""

CANDIDATE = np.dtype([("common", "<u2"), ("total", "<u2"), ("datasets", "<u4"), ("left", "<u4"), ("right", "<u4")])
"""A pair with its data sets, as an index into `itertools.combinations` of the data sets' indices."""


def scores(pairs: NDArray[np.void]) -> NDArray[np.float64]:
    """Return the pairs' Dice coefficients, shape (n,), in [0, 1]."""
    common: NDArray[np.float64] = pairs["common"].astype(np.float64)
    return 2.0 * common / pairs["total"].astype(np.float64)


def with_datasets(pairs: CandidatePairs, datasets: int) -> Candidates:
    """Return the pairs with the index of their pair of data sets."""
    candidates = np.empty(len(pairs), dtype=CANDIDATE)
    for name in PAIR.names or ():
        candidates[name] = pairs[name]
    candidates["datasets"] = datasets
    return candidates


def join_pairs(parts: Sequence[CandidatePairs]) -> CandidatePairs:
    """Concatenate arrays of candidate pairs, in the order given."""
    return np.concatenate([np.empty(0, dtype=PAIR), *parts])


def drop_duplicates(ordered: NDArray[Any]) -> NDArray[Any]:
    """Return ordered pairs without repetitions: a pair that shares several blocks was found in each of them."""
    fresh = np.ones(len(ordered), dtype=bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    return ordered if fresh.all() else ordered[fresh]


def load_pairs(raw: bytes) -> CandidatePairs:
    """View a part of a stored file, without its header, as candidate pairs, without a copy."""
    return np.frombuffer(raw, dtype=PAIR)
