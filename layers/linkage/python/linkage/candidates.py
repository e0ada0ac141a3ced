"""Candidate pairs: the compared pairs of records whose similarity reaches the threshold.

A pair is kept as exact integers, the bits that both encodings have set and the sum of their popcounts: 12 bytes from
which its Dice coefficient comes out the same everywhere. The order of pairs is total (similarity down, then record
indices up), so that results do not depend on who found a pair first.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from linkage.candidate_files import HEADER_BYTES, dump_header, load_count

CandidatePairs = NDArray[np.void]
"""Structured array of `PAIR`, shape (n,)."""

PAIR = np.dtype([("left", "<u4"), ("right", "<u4"), ("common", "<u2"), ("total", "<u2")])
"""Record index in the left and in the right data set, bits in common, sum of both popcounts."""

Candidates = NDArray[np.void]
"""Structured array of `CANDIDATE`, shape (n,)."""

CANDIDATE = np.dtype([("common", "<u2"), ("total", "<u2"), ("datasets", "<u4"), ("left", "<u4"), ("right", "<u4")])
"""A candidate pair of one of several pairs of data sets: ``datasets`` counts these as `itertools.combinations` does."""


def scores(pairs: CandidatePairs) -> NDArray[np.float64]:
    """Return the pairs' Dice coefficients, shape (n,), in [0, 1]."""
    common: NDArray[np.float64] = pairs["common"].astype(np.float64)
    return 2.0 * common / pairs["total"].astype(np.float64)


def join_pairs(parts: Sequence[CandidatePairs]) -> CandidatePairs:
    """Put candidate pairs together, in the order given."""
    return np.concatenate(parts) if parts else np.empty(0, dtype=PAIR)


def sort_pairs(pairs: CandidatePairs) -> CandidatePairs:
    """Return the pairs in their total order, each once: those who share several blocks were found in each."""
    if not len(pairs):
        return pairs
    ordered = pairs[np.lexsort((pairs["right"], pairs["left"], -scores(pairs)))]
    fresh = np.ones(len(ordered), dtype=bool)
    fresh[1:] = (ordered["left"][1:] != ordered["left"][:-1]) | (ordered["right"][1:] != ordered["right"][:-1])
    distinct: CandidatePairs = ordered[fresh]
    return distinct


def dump_pairs(pairs: CandidatePairs) -> bytes:
    """Return a chunk's candidate pairs as they are stored."""
    return dump_header(len(pairs)) + pairs.tobytes()


def load_pairs(raw: bytes) -> CandidatePairs:
    """Read a stored chunk's candidate pairs, without a copy."""
    pairs = np.frombuffer(raw, dtype=PAIR, offset=HEADER_BYTES)
    if len(pairs) != load_count(raw):
        raise ValueError("the file of candidate pairs is cut short, or holds only a count")
    return pairs
