"""TEMPORARY."""

from collections.abc import Iterator, Sequence
from typing import Protocol, Any
import numpy as np
from linkage.candidates import PAIR, CANDIDATE, scores
from linkage.similarity import find_candidates as _find
from linkage.anonlink_engine import greedy_solve


class SolverLimitReached(ValueError):
    pass


class Solver(Protocol):
    def feed(self, candidates: Any) -> None: ...
    def groups(self) -> tuple[Any, Any, Any]: ...


class _S:
    def __init__(self, counts, max_pending):
        self.c = []
        self.n = len(counts)

    def feed(self, c):
        self.c.append(c)

    def groups(self):
        from itertools import combinations

        c = np.concatenate([np.empty(0, CANDIDATE), *self.c])
        combos = np.array(list(combinations(range(self.n), 2)), dtype=np.uint32)
        l = combos[c["datasets"], 0]
        r = combos[c["datasets"], 1]
        g = greedy_solve((scores(c), (l, r), (np.ascontiguousarray(c["left"]), np.ascontiguousarray(c["right"]))))
        g = sorted(sorted((int(a), int(b)) for a, b in x) for x in g)
        off = np.cumsum([0] + [len(x) for x in g]).astype(np.int64)
        flat = [m for x in g for m in x]
        return np.array([m[0] for m in flat], dtype=np.uint32), np.array([m[1] for m in flat], dtype=np.uint32), off


class _E:
    def find_candidates(self, left, right, rectangles, threshold, *, threads, max_pairs):
        for a, b, c, d in rectangles.tolist():
            p = _find(np.asarray(left[a:b]), np.asarray(right[c:d]), threshold)
            p["left"] += a
            p["right"] += c
            for i in range(0, len(p), max_pairs):
                yield p[i : i + max_pairs].copy()

    def sort_pairs(self, p):
        return p[np.lexsort((p["right"], p["left"], -scores(p)))]

    def sort_candidates(self, p):
        return p[np.lexsort((p["right"], p["left"], p["datasets"], -scores(p)))]

    def new_solver(self, counts, *, max_pending):
        return _S(counts, max_pending)


def engine(name):
    return _E()
