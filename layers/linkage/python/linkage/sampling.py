"""Estimate how many candidate pairs a run will have, from a sample of its comparisons.

A few rectangles are drawn, each as likely as it is large, and of each a small part. The draw is seeded by the run's id,
so that a plan that is made twice is the same.

This module is pure: `linkage.planning` reads the rows that it draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from linkage.chunking import Chunk, Rectangles, count_pairs

DRAWS = 48
SIDE = 256
"""Rows on either side of a drawn part, at most."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a sample tells of a run: its scores, the highest first, of so many compared pairs of so many."""

    scores: NDArray[np.float64]
    compared: int
    comparisons: int

    @property
    def candidates(self) -> int:
        """How many candidate pairs the run will have, about."""
        return round(len(self.scores) / max(1, self.compared) * self.comparisons)

    def fitting_threshold(self, limit: int) -> float | None:
        """Return the lowest threshold, in hundredths, that leaves at most ``limit`` pairs, about; None if none does."""
        allowed = floor(limit * self.compared / max(1, self.comparisons))
        if allowed >= len(self.scores):
            return None
        fitting = (floor(float(self.scores[allowed]) * 100) + 1) / 100
        return fitting if fitting <= 1 else None


def draw_parts(chunks: Sequence[Chunk], seed: str) -> list[tuple[Chunk, Rectangles]]:
    """Draw parts of the chunks' rectangles to compare, one rectangle each.

    Parameters
    ----------
    chunks
        All chunks of the run; at least one.
    seed
        Any text; the same one draws the same parts.
    """
    generator = np.random.default_rng(np.frombuffer(seed.encode(), dtype=np.uint8))
    weights = np.array([chunk.comparisons for chunk in chunks], dtype=np.float64)
    drawn = generator.choice(len(chunks), DRAWS, p=weights / weights.sum())
    return [(chunks[index], _draw_part(chunks[index].rectangles, generator)) for index in sorted(drawn)]


def count_compared(parts: Sequence[tuple[Chunk, Rectangles]]) -> int:
    """Return how many pairs of rows the drawn parts hold."""
    return sum(count_pairs(part) for _, part in parts)


def bound_chunk_size(estimate: Estimate, *, max_candidates: int) -> int:
    """Return with how many comparisons a chunk has about ``max_candidates`` candidate pairs."""
    share = len(estimate.scores) / max(1, estimate.compared)
    return ceil(max_candidates / share) if share else estimate.comparisons


def _draw_part(rectangles: Rectangles, generator: np.random.Generator) -> Rectangles:
    sides = rectangles[:, 1::2] - rectangles[:, ::2]
    weights = sides.prod(axis=1).astype(np.float64)
    rectangle = rectangles[generator.choice(len(rectangles), p=weights / weights.sum())]
    left = _draw_span(int(rectangle[0]), int(rectangle[1]), generator)
    right = _draw_span(int(rectangle[2]), int(rectangle[3]), generator)
    return np.array([[*left, *right]], dtype=np.int64)


def _draw_span(start: int, stop: int, generator: np.random.Generator) -> tuple[int, int]:
    length = min(SIDE, stop - start)
    first = int(generator.integers(start, stop - length, endpoint=True))
    return first, first + length
