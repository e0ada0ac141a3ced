"""Groups: which records belong to the same entity.

The solver is anonlink's greedy one: it takes the candidate pairs from the most similar down, and puts two groups
together only if all their records were seen to be similar, so that a group holds at most one record of each data set.
It needs all pairs in memory, which is why a run has a limit.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from linkage.anonlink_engine import greedy_solve
from linkage.candidates import CandidatePairs, scores

Scalar = TypeVar("Scalar", bound=np.generic)
Group = list[tuple[int, int]]
"""Records of one entity, each as (data set index, record index), in ascending order."""


def solve_groups(pairs: Mapping[tuple[int, int], CandidatePairs]) -> list[Group]:
    """Group the records whose candidate pairs are given by pair of data sets.

    Parameters
    ----------
    pairs
        For each (left, right) data set index, ``left < right``, its candidate pairs, each once.

    Returns
    -------
    list of groups
        Of two records or more each; ordered by their first record. Every record is in one group at most.
    """
    counts = [len(found) for found in pairs.values()]
    left_sets = np.repeat(np.array([left for left, _ in pairs], dtype=np.uint32), counts)
    right_sets = np.repeat(np.array([right for _, right in pairs], dtype=np.uint32), counts)
    similarity = _gather([scores(found) for found in pairs.values()], np.float64)
    left = _gather([found["left"] for found in pairs.values()], np.uint32)
    right = _gather([found["right"] for found in pairs.values()], np.uint32)
    order = np.lexsort((right, left, right_sets, left_sets, -similarity))
    groups = greedy_solve((similarity[order], (left_sets[order], right_sets[order]), (left[order], right[order])))
    return sorted(sorted((int(dataset), int(record)) for dataset, record in group) for group in groups)


def dump_groups(groups: list[Group]) -> bytes:
    """Return the groups as the result that clients read."""
    return json.dumps({"groups": groups}, separators=(",", ":")).encode()


def _gather(arrays: list[NDArray[Any]], scalar: type[Scalar]) -> NDArray[Scalar]:
    """Concatenate, where there may be nothing to concatenate."""
    gathered: NDArray[Scalar] = np.concatenate([np.empty(0, dtype=scalar), *arrays]).astype(scalar, copy=False)
    return gathered
