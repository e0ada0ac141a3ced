"""Use case of the reconciler: find uploads and runs that are stuck, and start them again.

It believes PostgreSQL and the listing of the store bucket alone. An upload or run that fails for good, because its
message is a dead letter or because restarts do not help, becomes an error with a message that says why. Nothing waits
for ever.
"""

import logging
from datetime import datetime, timedelta

from linkage.ending import fail_run, reject_upload
from linkage.messages import DeleteData, PlanRun, Reconcile
from linkage.models import ChunkCount, DeadLetter, Run, RunState, Tombstone, Upload
from linkage.planning import send_chunks
from linkage.plans.plan import Plan
from linkage.ports import World
from linkage.progress import restore_progress
from linkage.store.runs import RunStore
from linkage.store.uploads import UploadStore
from linkage.timing import rearm_timer
from linkage.upkeep.dead_letters import record_dead_letter
from linkage.upkeep.isolation import for_each
from linkage.upkeep.retention import expire

logger = logging.getLogger(__name__)

TOMBSTONE_PERIOD_S = 900
"""The reconciler's period while only tombstones are left; SQS allows no longer delay."""
MOST_RESTARTS = 3
"""Restarts of an upload or run before it counts as failed; the patience doubles with each."""
QUEUE_MEMORY_S = 4 * 86400
"""Longest wait for a turn after the last restart. SQS keeps no message for longer, so whatever was waited for is no
longer in the queue."""
MOST_INTO_BACKLOG = 100
"""Chunks that are sent again at most while other messages wait: a run that often stands still, because many runs take
turns, would otherwise make the queue grow faster than it is served."""
STUCK = "run %s has not moved: its messages are sent again"
"""Logged for each restart of a run. A metric filter of the template counts this text, for an alarm."""


def reconcile(message: Reconcile, world: World) -> None:
    """Restart uploads and runs that are stuck, and come back while any is unfinished.

    Safe to repeat: all messages that it sends are safe to repeat, and it sends none for uploads and runs that moved
    within the patience of the settings. A message without a due time is the daily schedule's: then old data expires
    too.
    """
    for_each(world.queues.dead_letters(), lambda letter: _end_dead_letter(letter, world))
    uploads, runs = world.uploads.received(), world.runs.unfinished()
    for_each(uploads, lambda upload: _restart_upload(upload, world))
    for_each(runs, lambda run: _move_run(run, world))
    for_each(world.tombstones.due(world.now()), lambda tombstone: _sweep_again(tombstone, world))
    if message.due is None:
        for_each([world], expire)
    if uploads or runs:
        rearm_timer(message, world.settings.reconcile_period_s, world)
    elif world.tombstones.count():
        rearm_timer(message, TOMBSTONE_PERIOD_S, world)


def _end_dead_letter(letter: DeadLetter, world: World) -> None:
    """Record the error, then drop the letter: dying in between loses nothing."""
    record_dead_letter(letter.worker, letter.body, world)
    world.queues.drop(letter)


def _sweep_again(tombstone: Tombstone, world: World) -> None:
    world.queues.send(DeleteData(project_id=tombstone.project_id, run_id=tombstone.run_id))


def _restart_upload(upload: Upload, world: World) -> None:
    """Store the manifest again, in case its S3 event was lost; give up after the last restart."""
    if _waits_its_turn("intake", upload.restarts, world):
        world.uploads.count_restart(upload.upload_id, now=world.now())
    elif not _is_idle([upload.time_moved, upload.time_added], upload.restarts, world):
        return
    elif upload.restarts < MOST_RESTARTS:
        UploadStore(upload.project_id, upload.upload_id, world).put_manifest(upload.manifest)
        world.uploads.count_restart(upload.upload_id, now=world.now())
    else:
        reject_upload(upload, f"it was not taken in, though it was started {MOST_RESTARTS + 1} times", world)


def _move_run(run: Run, world: World) -> None:
    """Send a run's messages again if it has not moved for too long; give up after the last restart.

    The restart is counted last, so that dying here loses nothing. Reading a run's objects may fail for good too:
    then the restart is counted before the error goes on.
    """
    idle = _is_idle([run.time_moved, run.time_started, run.time_added], run.restarts, world)
    try:
        plan, stored = _read_stored(run, world)
    except Exception:
        if idle:
            _give_up_or_count(run, world)
        raise
    if len(stored) != run.chunks_stored:
        world.runs.record_progress(run.run_id, len(stored), now=world.now())
    elif _waits_its_turn(_next_worker(plan, stored), run.restarts, world):
        world.runs.count_restart(run.run_id, now=world.now())
    elif idle:
        if run.restarts < MOST_RESTARTS:
            logger.warning(STUCK, run.run_id)
            _send_again(run, plan, stored, world)
        _give_up_or_count(run, world)


def _next_worker(plan: Plan | None, stored: list[ChunkCount]) -> str:
    """Return the worker that has to move the run on."""
    if plan is None:
        return "plan"
    return "compare" if len(stored) < len(plan.chunks) else "solve"


def _waits_its_turn(worker: str, restarts: int, world: World) -> bool:
    """Tell whether an upload or run without restarts left may wait behind others in the queue of its worker.

    Then it is neither given up nor sent once more. Each look counts as a restart, so that the last patience begins anew
    once the queue is seen empty: a message that was taken from it a moment ago needs its time. The looks are a period
    apart, so their number tells how long the wait was, and nothing waits for ever, however full the queue stays.
    """
    looks = restarts - MOST_RESTARTS
    may_wait = 0 <= looks * world.settings.reconcile_period_s < QUEUE_MEMORY_S
    return may_wait and world.queues.backlog(worker) > 0


def _read_stored(run: Run, world: World) -> tuple[Plan | None, list[ChunkCount]]:
    """Return a running run's plan, and the counts of its stored chunks."""
    plan = RunStore(run.project_id, run.run_id, world).read_plan() if run.state is RunState.RUNNING else None
    return plan, restore_progress(run.project_id, plan, world) if plan else []


def _send_again(run: Run, plan: Plan | None, stored: list[ChunkCount], world: World) -> None:
    """Send the messages of the run's step again: to plan it, to compare its missing chunks, or to solve it."""
    if plan is None:
        world.queues.send(PlanRun(project_id=run.project_id, run_id=run.run_id))
    else:
        missing = sorted(set(range(len(plan.chunks))) - {count.chunk for count in stored})
        if len(missing) > MOST_INTO_BACKLOG and world.queues.backlog("compare"):
            missing = missing[:MOST_INTO_BACKLOG]
        send_chunks(run.project_id, plan, missing, world)


def _give_up_or_count(run: Run, world: World) -> None:
    """Count a restart, or fail the run if it had the last one."""
    if run.restarts < MOST_RESTARTS:
        world.runs.count_restart(run.run_id, now=world.now())
        return
    message = (
        "Run failed with an internal server error. It made no progress, though it was started"
        f" {MOST_RESTARTS + 1} times; post a new run."
    )
    fail_run(run, message, world)


def _is_idle(times: list[datetime | None], restarts: int, world: World) -> bool:
    """Tell whether the latest of the times is longer ago than the patience, which doubles with each restart."""
    last = max(time for time in times if time is not None)
    patience_s = world.settings.patience_s * 2 ** min(restarts, MOST_RESTARTS)
    return world.now() - last >= timedelta(seconds=patience_s)
