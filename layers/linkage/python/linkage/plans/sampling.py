"""Estimate how many candidate pairs a run will have, from a sample of its comparisons.

Pairs of blocks are drawn, each as likely as it has comparisons; of each, rows on either side, evenly spread over the
block, and every row drawn on the left is compared with every one on the right. Rows lie in the order of their
popcounts, so spreading them evenly leaves out no kind of record; and what is drawn twice as often counts twice, so that
many tiny blocks weigh what they should beside a large one. Every comparison of the run is as likely to be made as any
other, so the estimate is right on average. The draw is seeded by the run's id: a plan made twice is the same.

Blocks are drawn in groups of neighbours, which are read with one request: their keys are hashes, so that neighbours
have no more in common than others.

This module is pure: `linkage.estimating` reads the rows that it draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, floor, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linkage.candidates.pairs import CandidatePairs, scores
from linkage.encodings.block_tables import BlockTable, block_comparisons
from linkage.plans.chunking import reachable_blocks

GROUPS = 16
"""Places of the run's comparisons, evenly spread, from each of which neighbours are drawn."""
FEWEST_DRAWS, MOST_DRAWS = 256, 1024
FREE_COMPARISONS = 1 << 18
"""So many cost next to nothing: as long as whole blocks are not more, more of them are drawn."""
NEIGHBOURS_APART = 4
"""How far from each other they are drawn, in blocks of the size that most comparisons are in: few are drawn twice."""
DRAWS_PER_SPAN, SPAN_ROWS = 4, 64
"""A block that is drawn 256 times has 64 spans of 64 rows read on either side, and 16 million comparisons made."""
CERTAINTY = 4
"""Standard errors that a sample may be off by."""
DOUBT = 1.25
"""A sample may be off by so much even if all that was drawn agrees."""

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
    def sides(self) -> tuple[tuple[int, list[Span]], tuple[int, list[Span]]]:
        """Data set and spans, on the left and on the right."""
        return (self.left, self.left_spans), (self.right, self.right_spans)

    @property
    def rows(self) -> tuple[int, int]:
        """How many rows it holds, on the left and on the right."""
        left, right = (sum(stop - start for start, stop in spans) for _, spans in self.sides)
        return left, right

    @property
    def comparisons(self) -> int:
        """How many pairs of rows it holds."""
        left, right = self.rows
        return left * right


class Found(NamedTuple):
    """The candidate pairs among the rows of a draw.

    ``left`` and ``right`` of ``pairs`` count the draw's rows from 0; ``weights``, shape (n,), says as how many a pair
    counts.
    """

    draw: Draw
    pairs: CandidatePairs
    weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a sample tells of a run of so many comparisons.

    `scores` are those of the candidate pairs of the sample, the highest first; `shares` how large a part of the run's
    comparisons each stands for; `error` is the standard error of their sum.
    """

    scores: NDArray[np.float64]
    shares: NDArray[np.float64]
    comparisons: int
    error: float = 0.0

    @property
    def candidates(self) -> int:
        """How many candidate pairs the run will have, about."""
        return round(float(self.shares.sum()) * self.comparisons)

    def exceeds(self, limit: int) -> bool:
        """Tell whether there are more than ``limit`` candidate pairs, however far the sample may be off."""
        share = float(self.shares.sum())
        return min(share / DOUBT, share - CERTAINTY * self.error) * self.comparisons > limit

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

    Returns
    -------
    list of Draw
        At most `MOST_DRAWS`, each block once, in the order of their data sets and rows.
    """
    generator = np.random.default_rng(np.frombuffer(seed.encode(), dtype=np.uint8))
    shared = {
        (left, right): reachable_blocks(datasets[left], datasets[right], threshold)
        for left, right in combinations(range(len(datasets)), 2)
    }
    sizes = np.concatenate([block_comparisons(ones, others).astype(np.float64) for ones, others in shared.values()])
    if not len(sizes):
        return []
    ends = np.cumsum(sizes)
    places = _spread_places(float(ends[-1]), float(sizes @ sizes / ends[-1]), generator)
    drawn, times = np.unique(np.searchsorted(ends, places, side="right"), return_counts=True)
    numbered = _number(shared, drawn.tolist())
    return [
        Draw(left, right, _spread_spans(one, count, generator), _spread_spans(other, count, generator), count)
        for (left, right, one, other), count in zip(numbered, times.tolist(), strict=True)
    ]


def join_spans(spans: Sequence[Span], gap: int) -> list[Span]:
    """Return spans, ascending, that hold all the given ones and at most ``gap`` rows between any two of them."""
    joined: list[Span] = []
    for start, stop in sorted(spans):
        if joined and start - joined[-1][1] <= gap:
            start, stop = joined[-1][0], max(stop, joined.pop()[1])  # noqa: PLW2901  it goes on from the one before
        joined.append((start, stop))
    return joined


def estimate(found: Sequence[Found], comparisons: int) -> Estimate:
    """Put together what was found in all draws of a run that makes so many comparisons."""
    draws = sum(each.draw.times for each in found)
    parts = [each.weights * (each.draw.times / draws / each.draw.comparisons) for each in found]
    shares, found_scores = (
        np.concatenate([np.empty(0), *columns]) for columns in (parts, (scores(each.pairs) for each in found))
    )
    variance = 0.0
    for each, part in zip(found, parts, strict=True):
        certain = each.draw.times > draws / GROUPS  # a block so large is drawn every time: it stands for no other
        expected = part.sum() if certain else shares.sum() * each.draw.times / draws
        variance += _deviation(each, part, float(expected))
    order = np.argsort(-found_scores, kind="stable")
    return Estimate(found_scores[order], shares[order], comparisons, sqrt(variance))


def _deviation(found: Found, shares: NDArray[np.float64], expected: float) -> float:
    """Return how far what was found in a draw is from what is expected of it, squared: its part of the variance.

    Records that match much may lie together, in a block or in a part of it. So neither pairs nor rows say how sure the
    sum is, only what was drawn apart from each other: blocks, and in a large one the strips of rows of either side.
    """
    strips = [max(1, min(_count_spans(found.draw.times), rows // SPAN_ROWS)) for rows in found.draw.rows]
    if max(strips) == 1:
        return float(shares.sum() - expected) ** 2
    deviation = 0.0
    for name, rows, count in zip(("left", "right"), found.draw.rows, strips, strict=True):
        if count > 1:
            sums = np.bincount(found.pairs[name].astype(np.int64) * count // rows, weights=shares, minlength=count)
            deviation += float(np.square(sums - expected / count).sum())
    return deviation


def _spread_places(total: float, block_size: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw which of all comparisons to look at, in groups; each comparison is as likely as any other.

    ``block_size`` is how many comparisons the block of a comparison has on average.
    """
    draws = min(MOST_DRAWS, max(FEWEST_DRAWS, int(FREE_COMPARISONS / block_size)))
    neighbours = np.arange(draws // GROUPS) * min(total / draws, NEIGHBOURS_APART * block_size)
    places = np.add.outer(np.arange(GROUPS) / GROUPS * total, neighbours).ravel() + generator.random() * total
    wrapped: NDArray[np.float64] = np.mod(places, total)
    return wrapped


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


def _count_spans(times: int) -> int:
    return ceil(times / DRAWS_PER_SPAN)


def _spread_spans(block: Any, times: int, generator: np.random.Generator) -> list[Span]:  # noqa: ANN401  a table's row
    """Spread spans evenly over a block, each at random within its part; a small block is one span.

    The parts are counted from a random row on, round the block's end, so that no row is drawn less than others.
    """
    first, count, spans = int(block["first_row"]), int(block["row_count"]), _count_spans(times)
    if count <= spans * SPAN_ROWS:
        return [(first, first + count)]
    parts = np.arange(spans) * count // spans + generator.integers(count)
    starts = np.sort((parts + generator.integers(count // spans - SPAN_ROWS + 1, size=spans)) % count).tolist()
    beyond = starts[-1] + SPAN_ROWS - count
    around = [(0, beyond)] if beyond > 0 else []
    inside = [(start, min(start + SPAN_ROWS, count)) for start in starts]
    return [(first + start, first + stop) for start, stop in (*around, *inside)]
