"""The size of a run: all that its cost depends on, whether the run is hypothetical or was planned.

`linkage.cost.workloads` makes up the size of a run from the sizes of its data sets, `linkage.cost.planned_runs` takes
it from a plan. Both cut chunks with the same code and describe them here, so that what a run will cost and what it did
cost are one calculation.

This module is pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from linkage.encodings.rectangles import Rectangles, count_pairs, count_rows, span


@dataclass(frozen=True, slots=True)
class DatasetSize:
    """The size of a data set's encoding set: see `linkage.encodings.encoding_sets.EncodingSet.report`."""

    records: int
    rows: int
    blocks: int


@dataclass(frozen=True, slots=True)
class ChunkSize:
    """The work of one chunk's worker."""

    comparisons: int
    rows_read: int
    """Rows from the first to the last on either side: all of them are read."""
    rows_prepared: int
    """Rows of all rectangles; a row that is in several counts once for each."""
    candidates: float = 0.0
    """Candidate pairs, found or expected; an expected number need not be whole."""


@dataclass(frozen=True, slots=True)
class RunSize:
    """A run's data sets, chunks and pairs, and the assumptions that they rest on."""

    threshold: float
    encoding_size: int
    datasets: tuple[DatasetSize, ...]
    chunks: Sequence[ChunkSize]
    candidates: int
    """Candidate pairs of all chunks."""
    matches: int
    """Pairs of records of the same people: the size of the result."""
    parameters: dict[str, Any]
    """Parameters of the run by name, as reports repeat them."""
    assumptions: tuple[str, ...]
    """Assumptions behind these numbers, a sentence each."""
    compared: bool = False
    """True if candidate pairs were found, False if they are expected."""

    @property
    def comparisons(self) -> int:
        """Comparisons of all chunks."""
        return sum(chunk.comparisons for chunk in self.chunks)


def size_chunk(rectangles: Rectangles) -> ChunkSize:
    """Return the size of the chunk of these rectangles, without candidate pairs."""
    rows_read = sum(stop - start for start, stop in (span(rectangles, side) for side in (0, 1)))
    return ChunkSize(count_pairs(rectangles), rows_read, count_rows(rectangles))


def spread_candidates(candidates: int, chunks: Sequence[ChunkSize]) -> list[ChunkSize]:
    """Return the chunks with expected candidate pairs, spread in proportion to their comparisons."""
    comparisons = max(1, sum(chunk.comparisons for chunk in chunks))
    return [replace(chunk, candidates=candidates * chunk.comparisons / comparisons) for chunk in chunks]
