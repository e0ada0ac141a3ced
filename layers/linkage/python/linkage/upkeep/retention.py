"""Use case of retention: delete projects, runs and raw uploads that nobody uses any more.

A project with all its uploads expires n days (`Settings.retention_days`) after the last event in it, a run with its
result n days after it ended, and a raw upload that was never announced n days after it was put. To expire is to be
deleted (see `linkage.deletion`): tokens and rows go at once, objects with the sweeps, and the audit trail says why.
"""

from collections import defaultdict
from datetime import datetime, timedelta

from linkage.deletion import remove_project, remove_run
from linkage.messages import Reconcile
from linkage.ports import World
from linkage.store.folders import list_raw_uploads, remove_raw_uploads
from linkage.upkeep.isolation import for_each

AT_ONCE = 200
"""Largest number of projects, and of runs, that one message removes, well within its worker's timeout; another
message goes on."""


def expire(world: World) -> None:
    """Remove projects, runs and raw uploads that are older than the settings allow.

    Safe to repeat: one that is removed is not listed again, and one that was used in the meantime is left alone.
    """
    days = world.settings.retention_days
    if not days:
        return
    since = world.now() - timedelta(days=days)
    event = f"project expired: nothing happened in it for {days} days"
    projects = world.projects.unused(since, limit=AT_ONCE)
    removals = for_each(projects, lambda project_id: remove_project(project_id, world, event=event, unused_since=since))
    run_event = f"run expired: it ended more than {days} days ago"
    runs = world.runs.ended(since, limit=AT_ONCE)
    removals += for_each(runs, lambda run: remove_run(run.project_id, run.run_id, world, event=run_event))
    if removals and AT_ONCE in {len(projects), len(runs)}:
        world.queues.send(Reconcile())
    else:
        _expire_raw_uploads(since, days, world)


def _expire_raw_uploads(since: datetime, days: int, world: World) -> None:
    """Remove files that parties put and never announced; announced files are removed by their intake."""
    manifests = [upload.manifest for upload in world.uploads.received()]
    announced = {file.key for each in manifests for file in (each.encodings, each.blocks) if file is not None}
    old = defaultdict(list)
    for project_id, stored in list_raw_uploads(world):
        if stored.time_modified is not None and stored.time_modified < since and stored.key not in announced:
            old[project_id].append(stored.key)
    for project_id, keys in old.items():
        if world.projects.get(project_id) is not None:  # else its deletion is in the audit trail
            event = f"{len(keys)} raw uploads expired: they were not announced within {days} days"
            world.projects.record_event(project_id, event, now=world.now())
        remove_raw_uploads(keys, world)
