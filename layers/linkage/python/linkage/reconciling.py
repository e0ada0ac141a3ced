"""Use case of the reconciler: find what should have moved and did not, and start it again.

It believes PostgreSQL and the listing of the store bucket alone. What failed for good, and so lies among the dead
letters, becomes an error with a message that says why. Nothing waits for ever.
"""

import json
import logging
from datetime import datetime, timedelta

from pydantic import ValidationError

from linkage.events import manifest_keys, upload_of
from linkage.intake import reject_upload
from linkage.messages import CompareChunk, DeleteData, PlanRun, Reconcile, SolveRun
from linkage.models import ChunkCount, Run, RunState, Upload
from linkage.planning import send_chunks
from linkage.plans import Plan
from linkage.ports import World
from linkage.progress import read_plan, restore_progress
from linkage.retention import expire
from linkage.timing import rearm_timer
from linkage.uploads import store_manifest

logger = logging.getLogger(__name__)

TOMBSTONE_PERIOD_S = 900
"""While nothing but tombstones is left it looks less often: this is also the longest delay that SQS knows."""

_RUN_MESSAGES: dict[str, type[PlanRun | CompareChunk | SolveRun]] = {
    "plan": PlanRun,
    "compare": CompareChunk,
    "solve": SolveRun,
}


def reconcile(message: Reconcile, world: World) -> None:
    """Move on what is stuck, and come back while anything is unfinished.

    Safe to repeat: all that it sends is safe to repeat, and it sends nothing for what moved within the patience that
    the settings give. The message that is due at no time is the daily schedule's: then what is too old expires too.
    """
    for worker, body in world.queues.dead_letters():
        _bury(worker, body, world)
    uploads, runs = world.uploads.received(), world.runs.unfinished()
    for upload in uploads:
        _restart_upload(upload, world)
    for run in runs:
        _move_run(run, world)
    for tombstone in world.tombstones.due(world.now()):
        world.queues.send(DeleteData(project_id=tombstone.project_id, run_id=tombstone.run_id))
    if message.due is None:
        expire(world)
    if uploads or runs:
        rearm_timer(message, world.settings.reconcile_period_s, world)
    elif world.tombstones.count():
        rearm_timer(message, TOMBSTONE_PERIOD_S, world)


def _bury(worker: str, body: str, world: World) -> None:
    """Turn a dead letter into an error of its run or upload. Deletions are repeated anyway: their tombstones stay."""
    logger.error("dead letter of the %s worker", worker)
    try:
        if worker == "intake":
            _bury_uploads(body, world)
        elif worker in _RUN_MESSAGES:
            _bury_run(worker, _RUN_MESSAGES[worker].model_validate_json(body), world)
    except (ValidationError, json.JSONDecodeError):
        logger.exception("a dead letter of the %s worker cannot be read and is dropped", worker)


def _bury_run(worker: str, message: PlanRun | CompareChunk | SolveRun, world: World) -> None:
    """Fail the run, and have the solve worker remove what it leaves: candidate pairs tell as much as a result."""
    run = world.runs.get(message.project_id, message.run_id)
    if run is None or run.state in {RunState.COMPLETED, RunState.ERROR}:
        return
    text = f"Run failed with an internal server error. The {worker} step failed several times; post a new run."
    world.runs.fail(run.run_id, text, now=world.now())
    world.queues.send(SolveRun(project_id=run.project_id, run_id=run.run_id))


def _bury_uploads(body: str, world: World) -> None:
    for key in manifest_keys(body):
        _, upload_id = upload_of(key)
        upload = world.uploads.get(upload_id)
        if upload is not None:
            reject_upload(upload, "it could not be read, after several attempts; upload it again", world)


def _restart_upload(upload: Upload, world: World) -> None:
    """Store the manifest again, in case its S3 event was lost."""
    if _is_idle(upload.time_moved or upload.time_added, world):
        store_manifest(upload.manifest, world)
        world.uploads.note_retry(upload.upload_id, now=world.now())


def _move_run(run: Run, world: World) -> None:
    """Send a run's messages again if it has not moved for too long; note it last, so that dying here loses nothing."""
    plan = read_plan(run.project_id, run.run_id, world) if run.state is RunState.RUNNING else None
    stored = restore_progress(run.project_id, plan, world) if plan else []
    moved = len(stored) != run.chunks_stored
    idle = not moved and _is_idle(run.time_moved or run.time_started or run.time_added, world)
    if idle:
        logger.warning("run %s has not moved: its messages are sent again", run.run_id)
        _send_again(run, plan, stored, world)
    if idle or moved:
        world.runs.note_chunks(run.run_id, len(stored), now=world.now())


def _send_again(run: Run, plan: Plan | None, stored: list[ChunkCount], world: World) -> None:
    """Send the message of the step that the run is in: have it planned, its missing chunks compared, or it solved."""
    if plan is None:
        world.queues.send(PlanRun(project_id=run.project_id, run_id=run.run_id))
    else:
        missing = sorted(set(range(len(plan.chunks))) - {count.chunk for count in stored})
        send_chunks(run.project_id, plan, missing, world)


def _is_idle(since: datetime, world: World) -> bool:
    return world.now() - since >= timedelta(seconds=world.settings.patience_s)
