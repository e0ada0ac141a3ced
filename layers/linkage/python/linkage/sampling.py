"""Estimate how many candidate pairs a run will have, from a sample of its comparisons.

Pairs of blocks are drawn, each as likely as it has comparisons; of each, rows on either side, evenly spread over the
block, and every row drawn on the left is compared with every one on the right. Rows lie in the order of their
popcounts, so spreading them evenly leaves out no kind of record; and what is drawn twice as often counts twice, so that
many tiny blocks weigh what they should beside a large one. The draw is seeded by the run's id: a plan made twice is the
same.

This module is pure: `linkage.planning` reads the rows that it draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, floor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linkage.blocking import BlockTable
from linkage.chunking import reachable_blocks

DRAWS = 16
SPANS_PER_DRAW = 4
SPAN_ROWS = 64
"""A block that is drawn every time has 64 spans of 64 rows read on either side, and 16 million comparisons made."""
DOUBT = 2
"""A sample may be off by so much: a run is refused only if it has more candidate pairs even then."""

Span = tuple[int, int]
"""Rows from the first up to, not including, the second."""


class Draw(NamedTuple):
    """Rows of two data sets to be compared with each other, all with all, and how often their block was drawn."""

    left: int
    right: int
    left_spans: list[Span]
    right_spans: list[Span]
    times: int

    @property
    def comparisons(self) -> int:
        """How many pairs of rows it holds."""
        left, right = (sum(stop - start for start, stop in spans) for spans in (self.left_spans, self.right_spans))
        return left * right


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a sample tells of a run of so many comparisons.

    `scores` are those of the candidate pairs of the sample, the highest first; `shares` how large a part of the run's
    comparisons each stands for.
    """

    scores: NDArray[np.float64]
    shares: NDArray[np.float64]
    comparisons: int

    @property
    def candidates(self) -> int:
        """How many candidate pairs the run will have, about."""
        return round(float(self.shares.sum()) * self.comparisons)

    def exceeds(self, limit: int) -> bool:
        """Tell whether there are more than ``limit`` candidate pairs, however far the sample may be off."""
        return self.candidates > DOUBT * limit

    def fitting_threshold(self, limit: int) -> float | None:
        """Return the lowest threshold, in hundredths, that leaves at most ``limit`` pairs, about; None if none does."""
        counts = np.cumsum(self.shares) * self.comparisons
        first_too_many = int(np.searchsorted(counts, limit, side="right"))
        if first_too_many == len(counts):
            return None
        score = float(self.scores[first_too_many])
        hundredths = floor(score * 100)
        while hundredths / 100 <= score:
            hundredths += 1
        return hundredths / 100 if hundredths <= 100 else None  # noqa: PLR2004  no score is above 1

    def bound_chunk_size(self, max_candidates: int) -> int | None:
        """Return with how many comparisons a chunk has about ``max_candidates`` pairs; None if none were found."""
        share = float(self.shares.sum())
        return max(1, ceil(max_candidates / share)) if share else None


def draw_rows(datasets: Sequence[BlockTable], threshold: float, seed: str) -> list[Draw]:
    """Draw rows of the blocks that data sets share, and that can reach the threshold.

    Parameters
    ----------
    datasets
        The block table of each data set.
    threshold
        Blocks that cannot reach it have no candidate pairs and are not drawn.
    seed
        Any text; the same one draws the same rows.
    """
    generator = np.random.default_rng(np.frombuffer(seed.encode(), dtype=np.uint8))
    shared = {
        (left, right): reachable_blocks(datasets[left], datasets[right], threshold)
        for left, right in combinations(range(len(datasets)), 2)
    }
    ends = np.cumsum(np.concatenate([_sizes(ones, others) for ones, others in shared.values()]))
    if not len(ends):
        return []
    places = (np.arange(DRAWS) + generator.random()) / DRAWS * float(ends[-1])
    drawn, times = np.unique(np.searchsorted(ends, places, side="right"), return_counts=True)
    numbered = _number(shared, drawn.tolist())
    return [
        Draw(left, right, _spread(one, count, generator), _spread(other, count, generator), count)
        for (left, right, one, other), count in zip(numbered, times.tolist(), strict=True)
    ]


def estimate(found: Sequence[tuple[Draw, NDArray[np.float64]]], comparisons: int) -> Estimate:
    """Put together what was found: the scores of each draw's candidate pairs."""
    scores = np.concatenate([np.empty(0), *(each for _, each in found)])
    shares = np.concatenate(
        [np.empty(0), *(np.full(len(each), draw.times / DRAWS / draw.comparisons) for draw, each in found)]
    )
    order = np.argsort(-scores, kind="stable")
    return Estimate(scores[order], shares[order], comparisons)


def _sizes(ones: BlockTable, others: BlockTable) -> NDArray[np.float64]:
    sizes: NDArray[np.float64] = ones["row_count"].astype(np.float64) * others["row_count"]
    return sizes


def _number(
    shared: dict[tuple[int, int], tuple[BlockTable, BlockTable]], drawn: list[int]
) -> list[tuple[int, int, Any, Any]]:
    """Return data sets and blocks of the drawn numbers, which count through all pairs of data sets; they ascend."""
    found, first = [], 0
    for (left, right), (ones, others) in shared.items():
        while drawn and drawn[0] < first + len(ones):
            number = drawn.pop(0) - first
            found.append((left, right, ones[number], others[number]))
        first += len(ones)
    return found


def _spread(block: Any, times: int, generator: np.random.Generator) -> list[Span]:  # noqa: ANN401  a block table's row
    """Spread spans evenly over a block, each at random within its part; a small block is one span."""
    first, count, spans = int(block["first_row"]), int(block["row_count"]), times * SPANS_PER_DRAW
    if count <= spans * SPAN_ROWS:
        return [(first, first + count)]
    step = count / spans
    starts = [first + int(number * step + generator.random() * (step - SPAN_ROWS)) for number in range(spans)]
    return [(start, start + SPAN_ROWS) for start in starts]
