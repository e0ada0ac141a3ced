"""The body of a run's status, in the stages that clients know."""

from functools import partial
from typing import Literal

from app.response_bodies import RunStatusBody, StageBody, StageProgressBody
from app.responses import timestamp
from linkage.models import RunState
from linkage.result_types.kinds import KINDS
from linkage.runs import RunStatus

WAITING: Literal[1] = 1
COMPARING: Literal[2] = 2
SOLVING: Literal[3] = 3


def status_body(status: RunStatus) -> RunStatusBody:
    """Return the status. A run of a project with a failed upload shows as in error, whatever it was."""
    run = status.run
    body = partial(
        RunStatusBody,
        time_added=timestamp(run.time_added),
        stages=_last_stage(status),
        current_stage=_stage(status),
    )
    if run.state is RunState.ERROR:
        return body(state=RunState.ERROR, message=run.message)
    if status.contributions.failed:
        return body(state=RunState.ERROR, message=status.contributions.failed[0].message)
    started = partial(body, state=run.state, time_started=timestamp(run.time_started))
    if run.state is RunState.COMPLETED:
        return started(time_completed=timestamp(run.time_completed), total_number_comparisons=run.total_comparisons)
    return started()


def _stage(status: RunStatus) -> StageBody:
    number = _stage_number(status)
    if number == WAITING:
        contributions, parties = status.contributions, status.project.number_parties
        progress = _progress(contributions.contributed, parties, "number of parties already contributed")
        return StageBody(number=number, description="waiting for CLKs", progress=progress)
    if number == SOLVING:
        return StageBody(number=number, description="compute output")
    stage = partial(StageBody, number=number, description="compute similarity scores")
    if (compared := _compared(status)) is None:
        return stage()
    return stage(progress=_progress(*compared, "number of already computed similarity scores"))


def _last_stage(status: RunStatus) -> Literal[2, 3]:
    """Return the number of stages of the run: similarity scores are the result, so nothing is made of them."""
    return KINDS[status.project.result_type].stages


def _stage_number(status: RunStatus) -> Literal[1, 2, 3]:
    """Return the stage that the run is in; one that failed stays where it was."""
    run = status.run
    if run.state is RunState.COMPLETED:
        return _last_stage(status)
    if run.state is RunState.CREATED or (run.state is RunState.ERROR and run.time_started is None):
        return WAITING
    if status.progress and status.progress.chunks_done >= status.progress.chunks:
        return _last_stage(status)
    return COMPARING


def _compared(status: RunStatus) -> tuple[int, int] | None:
    """Return the number of comparisons made, and of all; None as long as no chunk has been compared."""
    if status.run.state is RunState.COMPLETED:
        total = status.run.total_comparisons or 0
        return total, total
    if status.progress and status.progress.chunks_done:
        return status.progress.comparisons_done, status.progress.comparisons_total
    return None


def _progress(done: int, total: int, description: str) -> StageProgressBody:
    return StageProgressBody(absolute=done, relative=done / total if total else 0.0, description=description)
