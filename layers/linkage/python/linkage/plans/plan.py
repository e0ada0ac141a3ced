"""A run's plan: its data sets, and the chunks in which they are compared. It is stored once and never changed.

The plan is JSON with a line for each chunk. The rectangles, which can be millions where blocks are tiny, are an object
of their own (see `linkage.encodings.rectangles`), of which a worker reads its chunk's alone.

This module needs no numpy, so that the API can look at a plan.
"""

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict


class PlannedChunk(NamedTuple):
    """A chunk: the indices of two data sets, its range of the plan's rectangles, and what it adds to progress."""

    left: int
    right: int
    first_rectangle: int
    stop_rectangle: int
    comparisons: int


class Plan(BaseModel):
    """All that the compare and solve workers know of a run; they never ask the database."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    threshold: float
    encoding_size: int
    datasets: tuple[str, ...]
    """The prefix of each data set's encoding set."""
    record_counts: tuple[int, ...]
    """The number of records of each data set."""
    total_comparisons: int
    """All comparisons of the run. The ones that cannot reach the threshold are not made; they count as done with the
    first chunk."""
    rectangles_key: str
    chunks: tuple[PlannedChunk, ...]

    def dataset_pair(self, chunk: PlannedChunk) -> int:
        """Return the index of the chunk's data sets in `itertools.combinations` of all."""
        before = chunk.left * (2 * len(self.datasets) - chunk.left - 1) // 2
        return before + chunk.right - chunk.left - 1
