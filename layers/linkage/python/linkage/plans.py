"""A run's plan: what is compared with what, in which chunks. Stored once as JSON and never changed."""

from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict


class Rectangle(NamedTuple):
    """Rows of the left data set to be compared with rows of the right one: half-open ranges."""

    left_start: int
    left_stop: int
    right_start: int
    right_stop: int

    @property
    def comparisons(self) -> int:
        """How many pairs of rows it holds."""
        return (self.left_stop - self.left_start) * (self.right_stop - self.right_start)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rectangles of one pair of data sets, ``left < right``."""

    left: int
    right: int
    rectangles: tuple[Rectangle, ...]

    @property
    def comparisons(self) -> int:
        """How many pairs of rows the chunk holds."""
        return sum(rectangle.comparisons for rectangle in self.rectangles)


class PlannedChunk(BaseModel):
    """A chunk: two data sets' indices, and rectangles as [left start, left stop, right start, right stop]."""

    model_config = ConfigDict(frozen=True)

    left: int
    right: int
    rectangles: tuple[tuple[int, int, int, int], ...]

    @property
    def chunk(self) -> Chunk:
        """The chunk as the work is done on it."""
        return Chunk(self.left, self.right, tuple(Rectangle(*bounds) for bounds in self.rectangles))


class Plan(BaseModel):
    """All that the compare and solve workers need to know of a run; they never ask the database."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    threshold: float
    encoding_size: int
    datasets: tuple[str, ...]
    """The prefix of each data set's encoding set."""
    chunks: tuple[PlannedChunk, ...]

    @property
    def total_comparisons(self) -> int:
        """How many comparisons the run makes."""
        return sum(planned.chunk.comparisons for planned in self.chunks)
