"""Dead letters: a message that failed at every delivery becomes an error that the user can read.

A message may be delivered twice, and one delivery may have done its work. So a dead letter counts only if its step is
still open.
"""

import logging
from collections.abc import Callable

from linkage.ending import fail_run, reject_upload
from linkage.messages import CompareChunk, PlanRun, SolveRun
from linkage.models import Run, RunState
from linkage.ports import World
from linkage.store.chunks import ChunkStore
from linkage.store.events import manifest_keys, upload_of
from linkage.store.runs import RunStore

logger = logging.getLogger(__name__)


def record_dead_letter(worker: str, body: str, world: World) -> None:
    """Turn a dead letter into an error of its run or upload; a deletion needs none: its tombstone repeats it.

    That of a run or upload which was deleted meanwhile is no error.
    """
    try:
        is_deleted = not _RECORDERS.get(worker, _drop)(body, world)
    except (ValueError, AttributeError, KeyError, TypeError):
        logger.exception("cannot parse a dead letter of the %s worker; dropping it", worker)
    else:
        level, note = (logging.INFO, ": its run or upload was deleted") if is_deleted else (logging.ERROR, "")
        logger.log(level, "dead letter of the %s worker%s", worker, note)


def _drop(_body: str, _world: World) -> bool:
    return True


def _record_intake(body: str, world: World) -> bool:
    uploads = [world.uploads.get(upload_of(key)[1]) for key in manifest_keys(body)]
    present = [upload for upload in uploads if upload is not None]
    for upload in present:
        reject_upload(upload, "it could not be read, after several attempts; upload it again", world)
    return bool(present)


def _record_plan(body: str, world: World) -> bool:
    message = PlanRun.model_validate_json(body)
    run = world.runs.get(message.project_id, message.run_id)
    if run is not None and run.state in {RunState.CREATED, RunState.QUEUED}:
        _fail(run, "plan", world)
    return run is not None


def _record_compare(body: str, world: World) -> bool:
    message = CompareChunk.model_validate_json(body)
    run = world.runs.get(message.project_id, message.run_id)
    if run is None:
        return False
    if ChunkStore(RunStore(message.project_id, message.run_id, world), message.chunk).count_pairs() is None:
        _fail(run, "compare", world)
    return True


def _record_solve(body: str, world: World) -> bool:
    message = SolveRun.model_validate_json(body)
    run = world.runs.get(message.project_id, message.run_id)
    if run is not None:
        _fail(run, "solve", world)
    return run is not None


def _fail(run: Run, worker: str, world: World) -> None:
    message = f"Run failed with an internal server error. The {worker} step failed several times; post a new run."
    fail_run(run, message, world)


_RECORDERS: dict[str, Callable[[str, World], bool]] = {
    "intake": _record_intake,
    "plan": _record_plan,
    "compare": _record_compare,
    "solve": _record_solve,
}
