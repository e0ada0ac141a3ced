"""The body of a run's status, in the stages that clients know."""

from typing import Any

from app.responses import timestamp
from linkage.models import RunState
from linkage.result_types.kinds import KINDS
from linkage.runs import RunStatus

WAITING, COMPARING, SOLVING = 1, 2, 3
STAGES = {WAITING: "waiting for CLKs", COMPARING: "compute similarity scores", SOLVING: "compute output"}


def status_body(status: RunStatus) -> dict[str, Any]:
    """Return the status as JSON. A run of a project with a failed upload shows as in error, whatever it was."""
    run = status.run
    message = run.message if run.state is RunState.ERROR else next(iter(status.contributions.errors), None)
    failed = run.state is RunState.ERROR or bool(status.contributions.errors)
    body: dict[str, Any] = {
        "state": RunState.ERROR if failed else run.state,
        "time_added": timestamp(run.time_added),
        "stages": _last_stage(status),
        "current_stage": _stage(status),
    }
    if failed:
        return body | {"message": message}
    body["time_started"] = timestamp(run.time_started)
    if run.state is RunState.COMPLETED:
        body["time_completed"] = timestamp(run.time_completed)
        body["total_number_comparisons"] = run.total_comparisons
    return body


def _stage(status: RunStatus) -> dict[str, Any]:
    number = _stage_number(status)
    stage: dict[str, Any] = {"number": number, "description": STAGES[number]}
    if number == WAITING:
        done, total = status.contributions.contributed, status.project.number_parties
        stage["progress"] = _progress(done, total, "number of parties already contributed")
    elif number == COMPARING and (compared := _compared(status)) is not None:
        stage["progress"] = _progress(*compared, "number of already computed similarity scores")
    return stage


def _last_stage(status: RunStatus) -> int:
    """Return how many stages the run has: similarity scores are the result, so nothing is made of them."""
    return KINDS[status.project.result_type].stages


def _stage_number(status: RunStatus) -> int:
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
    """Return how many of how many comparisons are made; None as long as no chunk has been compared."""
    if status.run.state is RunState.COMPLETED:
        total = status.run.total_comparisons or 0
        return total, total
    if status.progress and status.progress.chunks_done:
        return status.progress.comparisons_done, status.progress.comparisons_total
    return None


def _progress(done: int, total: int, description: str) -> dict[str, Any]:
    return {"absolute": done, "relative": done / total if total else 0, "description": description}
