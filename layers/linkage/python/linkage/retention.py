"""Use case of retention: what nobody uses any more expires.

A project with all its uploads expires so many days after the last thing that happened in it, a run with its result so
many days after it ended, and a raw upload that was never announced so many days after it was put. Expiring is deleting
(see `linkage.deletion`): tokens and rows go at once, objects with the sweeps, and the audit trail says why.
"""

from collections import defaultdict
from datetime import datetime, timedelta

from linkage.deletion import remove_project, remove_run
from linkage.messages import Reconcile
from linkage.ports import World

AT_ONCE = 200
"""Projects, and runs, that one message removes: well within its worker's timeout. Another message goes on."""


def expire(world: World) -> None:
    """Remove what is older than the settings allow.

    Safe to repeat: what is removed is not found again, and what was used in the meantime is left alone.
    """
    days = world.settings.retention_days
    if not days:
        return
    since = world.now() - timedelta(days=days)
    projects = world.projects.unused(since, limit=AT_ONCE)
    for project_id in projects:
        event = f"project expired: nothing happened in it for {days} days"
        remove_project(project_id, world, event=event, unused_since=since)
    runs = world.runs.ended(since, limit=AT_ONCE)
    for run in runs:
        remove_run(run.project_id, run.run_id, world, event=f"run expired: it ended more than {days} days ago")
    if AT_ONCE in {len(projects), len(runs)}:
        world.queues.send(Reconcile())
    else:
        _expire_raw_uploads(since, days, world)


def _expire_raw_uploads(since: datetime, days: int, world: World) -> None:
    """Remove files that parties put and never announced; those that were announced went when they were taken in."""
    bucket = world.settings.uploads_bucket
    old = defaultdict(list)
    for found in world.objects.list(bucket, ""):
        if found.time_modified is not None and found.time_modified < since:
            old[found.key.partition("/")[0]].append(found.key)
    for project_id, keys in old.items():
        if world.projects.get(project_id) is not None:  # else its deletion is in the audit trail
            event = f"{len(keys)} raw uploads expired: they were not announced within {days} days"
            world.projects.note(project_id, event, now=world.now())
        world.objects.delete(bucket, keys)
