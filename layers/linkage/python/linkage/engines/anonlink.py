"""anonlink as an engine: the reference, slower and bounded by memory.

anonlink is asked for slightly more than is wanted and the pairs are then judged by their exact integers, because its
popcount filter loses pairs that lie exactly on some thresholds (0.75 with popcounts 3 and 5). Its limit of ``k`` pairs
a record is not used: it would make results depend on the chunking.

It is imported here and nowhere else. Version 0.15.3 imports ``pkg_resources`` and an old ``TypedDict``, which warn of
their own end; pyproject.toml pins a setuptools that still has the one. Nothing here can act on the warnings, so they
are not passed on.
"""

import warnings
from collections.abc import Iterator, Sequence
from itertools import product
from math import isqrt

import numpy as np

from linkage.candidates.pairs import CANDIDATE, PAIR, CandidatePairs, Candidates, scores
from linkage.encodings.encoding_sets import Encodings, popcounts
from linkage.encodings.rectangles import Rectangles
from linkage.engines.contract import (
    Groups,
    Solver,
    check_candidates,
    check_comparison,
    check_record_counts,
    gather,
    pairs_of_datasets,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from anonlink.similarities import dice_coefficient_accelerated
    from anonlink.solving import greedy_solve

__all__ = ["AnonlinkEngine", "dice_coefficient_accelerated", "greedy_solve"]

_SLACK = 1e-9
"""More than anonlink's rounding error for popcounts up to 8,192, less than the gap between two scores."""
_TILE_ROWS = 4096
"""anonlink's results are Python arrays: tiles bound them."""


class AnonlinkEngine:
    """An `linkage.engines.contract.Engine`. It compares in one thread, whatever it is allowed."""

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
        """See `linkage.engines.contract.Engine.find_candidates`."""
        check_comparison(left, right, rectangles, threshold, threads=threads, max_pairs=max_pairs)
        return gather(_compare_tiles(left, right, rectangles, threshold, max_pairs), max_pairs)

    def sort_pairs(self, pairs: CandidatePairs) -> CandidatePairs:
        """See `linkage.engines.contract.Engine.sort_pairs`."""
        ordered: CandidatePairs = pairs[np.lexsort((pairs["right"], pairs["left"], -scores(pairs)))]
        return ordered

    def sort_candidates(self, candidates: Candidates) -> Candidates:
        """See `linkage.engines.contract.Engine.sort_candidates`."""
        ties = candidates["right"], candidates["left"], candidates["datasets"]
        ordered: Candidates = candidates[np.lexsort((*ties, -scores(candidates)))]
        return ordered

    def format_scores(self, candidates: Candidates) -> bytes:
        """See `linkage.engines.contract.Engine.format_scores`."""
        rows = zip(candidates["left"].tolist(), candidates["right"].tolist(), scores(candidates).tolist(), strict=True)
        return ",".join([f"[[0,{left}],[1,{right}],{score!r}]" for left, right, score in rows]).encode()

    def new_solver(self, record_counts: Sequence[int], *, max_pending: int) -> Solver:  # noqa: ARG002
        """See `linkage.engines.contract.Engine.new_solver`; anonlink keeps all, ``max_pending`` bounds nothing."""
        return _Solver(record_counts)


class _Solver:
    """A `linkage.engines.contract.Solver` that keeps all candidates until the end, as anonlink needs them."""

    def __init__(self, record_counts: Sequence[int]) -> None:
        check_record_counts(record_counts)
        self._record_counts = np.array(record_counts, dtype=np.int64)
        self._fed: list[Candidates] = [np.empty(0, dtype=CANDIDATE)]

    def feed(self, candidates: Candidates) -> None:
        check_candidates(candidates, self._fed[-1], self._record_counts)
        if len(candidates):
            self._fed.append(candidates.copy())

    def groups(self) -> Groups:
        found = np.concatenate(self._fed)
        datasets = np.array(pairs_of_datasets(len(self._record_counts)), dtype=np.uint32)[found["datasets"]]
        sides = [(datasets[:, side].copy(), found[name].copy()) for side, name in enumerate(("left", "right"))]
        groups = greedy_solve((scores(found), *zip(*sides, strict=True)))
        ordered = sorted(sorted(group) for group in groups)
        members = np.array([member for group in ordered for member in group], dtype=np.uint32).reshape(-1, 2)
        offsets = np.cumsum([0, *map(len, ordered)], dtype=np.int64)
        return members[:, 0].copy(), members[:, 1].copy(), offsets


def _compare_tiles(
    left: Encodings, right: Encodings, rectangles: Rectangles, threshold: float, max_pairs: int
) -> Iterator[CandidatePairs]:
    """Compare tiles that could all be candidates and still be held."""
    step = max(1, min(_TILE_ROWS, isqrt(max_pairs)))
    for left_start, left_stop, right_start, right_stop in rectangles.tolist():
        for top, start in product(range(left_start, left_stop, step), range(right_start, right_stop, step)):
            rows, columns = left[top : min(top + step, left_stop)], right[start : min(start + step, right_stop)]
            yield _compare_tile(rows, columns, threshold, top, start)


def _compare_tile(left: Encodings, right: Encodings, threshold: float, top: int, start: int) -> CandidatePairs:
    """Compare one tile; its pairs are numbered from its first row on the left and on the right."""
    _, (rows, columns) = dice_coefficient_accelerated(
        (list(map(bytes, left)), list(map(bytes, right))), max(threshold - _SLACK, threshold / 2), k=None
    )
    pairs = np.empty(len(rows), dtype=PAIR)
    row, column = np.asarray(rows, dtype=np.intp), np.asarray(columns, dtype=np.intp)
    pairs["left"], pairs["right"] = row + top, column + start
    pairs["common"] = popcounts(left[row] & right[column])
    pairs["total"] = popcounts(left[row]) + popcounts(right[column])
    return pairs[(pairs["common"] > 0) & (scores(pairs) >= threshold)]
