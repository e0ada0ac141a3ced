"""Estimate how many candidate pairs a run will have, from a sample of its comparisons.

Blocks are drawn with a probability in proportion to their comparisons; of each, rows on either side, evenly spread over
the block, and each row drawn on the left is compared with each one on the right. Rows lie in the order of their
popcounts, so that spreading them evenly leaves out no kind of record. A block that is drawn twice counts twice. So each
comparison of the run is made with the same probability, and the estimate is right on average, whatever the blocks. The
draw is seeded by the run's id: a plan made twice is the same.

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
"""Number of places, evenly spread over the run's comparisons, from each of which neighbours are drawn."""
FEWEST_DRAWS, MOST_DRAWS = 256, 1024
FREE_COMPARISONS = 1 << 18
"""Comparisons that cost next to nothing: blocks are drawn until theirs add up to about this number."""
NEIGHBOURS_APART = 4
"""Distance between neighbours, in blocks of the size that most comparisons are in, so that few are drawn twice."""
DRAWS_PER_SPAN, SPAN_ROWS = 4, 64
"""Draws of a block per span, and rows of a span: of a block that is drawn 256 times, 64 spans of 64 rows are read on
either side, and 16 million comparisons are made."""
CERTAINTY = 4
"""Standard errors that a sample may be off by."""
DOUBT = 1.25
"""Factor that a sample may be off by even if all draws agree."""

Span = tuple[int, int]
"""Rows from the first up to, not including, the second."""


class Draw(NamedTuple):
    """Rows of a block to be compared, all on the left with all on the right; the block was drawn ``times`` times."""

    left: int
    right: int
    left_spans: list[Span]
    right_spans: list[Span]
    times: int

    @property
    def sides(self) -> tuple[tuple[int, list[Span]], tuple[int, list[Span]]]:
        """Data set and spans on the left, and on the right."""
        return (self.left, self.left_spans), (self.right, self.right_spans)

    @property
    def rows(self) -> tuple[int, int]:
        """Number of rows on the left, and on the right."""
        left, right = (sum(stop - start for start, stop in spans) for _, spans in self.sides)
        return left, right

    @property
    def comparisons(self) -> int:
        """Number of pairs of rows."""
        left, right = self.rows
        return left * right


class DrawnPairs(NamedTuple):
    """The candidate pairs among the rows of a draw.

    ``left`` and ``right`` of ``pairs`` count the draw's rows from 0; each pair counts ``weights`` times, shape (n,).
    """

    draw: Draw
    pairs: CandidatePairs
    weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate of the candidate pairs of a run of ``comparisons`` comparisons.

    `scores` are those of the candidate pairs of the sample, the highest first; `shares` are the parts of the run's
    comparisons that they stand for; `error` is the standard error of the sum of the shares.
    """

    scores: NDArray[np.float64]
    shares: NDArray[np.float64]
    comparisons: int
    error: float = 0.0

    @property
    def candidates(self) -> int:
        """The expected number of candidate pairs."""
        return round(float(self.shares.sum()) * self.comparisons)

    def exceeds(self, limit: int) -> bool:
        """Tell whether there are more than ``limit`` candidate pairs, however far the sample may be off."""
        share = float(self.shares.sum())
        return min(share / DOUBT, share - CERTAINTY * self.error) * self.comparisons > limit

    def fitting_threshold(self, limit: int) -> float | None:
        """Return the lowest threshold, in hundredths, with about ``limit`` pairs at most; None if there is none."""
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
        """Return the comparisons in which to expect ``max_candidates`` pairs; None if the sample has no pair."""
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


def estimate(sample: Sequence[DrawnPairs], comparisons: int) -> Estimate:
    """Estimate the candidate pairs of a run of ``comparisons`` comparisons from those of all draws.

    Blocks are drawn in proportion to their comparisons. So the mean over draws, of the share of a draw's comparisons
    that are candidates, is the run's share on average (M. H. Hansen and W. N. Hurwitz, "On the theory of sampling from
    finite populations", Annals of Mathematical Statistics 14, 1943).
    """
    draws = sum(each.draw.times for each in sample)
    parts = [each.weights * (each.draw.times / draws / each.draw.comparisons) for each in sample]
    shares = np.concatenate([np.empty(0), *parts])
    sampled_scores = np.concatenate([np.empty(0), *(scores(each.pairs) for each in sample)])
    total, variance = shares.sum(), 0.0
    for each, part in zip(sample, parts, strict=True):
        certain = each.draw.times > draws / GROUPS  # a block so large is drawn every time: it stands for no other
        expected = part.sum() if certain else total * each.draw.times / draws
        variance += _deviation(each, part, float(expected))
    order = np.argsort(-sampled_scores, kind="stable")
    return Estimate(sampled_scores[order], shares[order], comparisons, sqrt(variance))


def _deviation(drawn: DrawnPairs, shares: NDArray[np.float64], expected: float) -> float:
    """Return the squared difference between a draw's share and the expected one: its part of the variance.

    Records with many matches may lie together, in a block or in a part of it. So pairs and rows are not independent,
    only what was drawn apart from each other is: blocks, and in a large one the strips of rows of either side.
    """
    counts = drawn.draw.rows
    strips = [max(1, min(_count_spans(drawn.draw.times), rows // SPAN_ROWS)) for rows in counts]
    if max(strips) == 1:
        return float(shares.sum() - expected) ** 2
    deviation = 0.0
    for name, rows, count in zip(("left", "right"), counts, strips, strict=True):
        if count > 1:
            sums = np.bincount(drawn.pairs[name].astype(np.int64) * count // rows, weights=shares, minlength=count)
            deviation += float(np.square(sums - expected / count).sum())
    return deviation


def _spread_places(total: float, block_size: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw numbers of comparisons, of ``total``, in groups of neighbours; each has the same probability.

    One random shift, round the end, moves all places together: it alone makes the probabilities equal. ``block_size``
    is the mean, over comparisons, of the comparisons that their block has.
    """
    draws = min(MOST_DRAWS, max(FEWEST_DRAWS, int(FREE_COMPARISONS / block_size)))
    neighbours = np.arange(draws // GROUPS) * min(total / draws, NEIGHBOURS_APART * block_size)
    places = np.add.outer(np.arange(GROUPS) / GROUPS * total, neighbours).ravel() + generator.random() * total
    wrapped: NDArray[np.float64] = np.mod(places, total)
    return wrapped


def _number(
    shared: dict[tuple[int, int], tuple[BlockTable, BlockTable]], drawn: list[int]
) -> list[tuple[int, int, Any, Any]]:
    """Return the data sets and blocks of drawn numbers, which ascend and count through all pairs of data sets."""
    blocks, first = [], 0
    for (left, right), (ones, others) in shared.items():
        while drawn and drawn[0] < first + len(ones):
            number = drawn.pop(0) - first
            blocks.append((left, right, ones[number], others[number]))
        first += len(ones)
    return blocks


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
