"""A run's plan: what is compared with what, in which chunks. Stored once as JSON and never changed."""

from pydantic import BaseModel, ConfigDict

from linkage.chunking import Chunk, Rectangle


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
