"""Messages between workers. They name projects, runs and chunks by their ids; they never carry data.

The intake queue has no message here: S3 itself writes it when a manifest is stored.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """A message of a queue; it is sent as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PlanRun(Message):
    """Cut the run's work into chunks."""

    project_id: str
    run_id: str


class CompareChunk(Message):
    """Compare one chunk of the run's plan."""

    project_id: str
    run_id: str
    chunk: int


class SolveRun(Message):
    """Make the run's result out of its candidate pairs."""

    project_id: str
    run_id: str


class DeleteData(Message):
    """Remove every object of a deleted project, or of a deleted run."""

    project_id: str
    run_id: str | None = None


class Reconcile(Message):
    """Look for uploads and runs that are stuck.

    `due` is the time when the message was meant to arrive; of several messages, only the one with the time in the
    database is sent on (see `linkage.timing`).
    """

    due: datetime | None = None


WORKERS: dict[type[Message], str] = {
    PlanRun: "plan",
    CompareChunk: "compare",
    SolveRun: "solve",
    DeleteData: "delete",
    Reconcile: "reconcile",
}
"""The worker whose queue takes each type of message."""
