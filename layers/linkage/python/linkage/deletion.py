"""Use cases of deletion: remove every row and every object of a project or run, half-done ones too.

The rows go first, in one transaction, and with them the tokens. A tombstone with ids only is left: workers in flight
and credentials that are still valid may write after the first sweep, so the prefixes are swept again once nothing can
write any more, and the tombstone stays until a sweep finds nothing.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from linkage.errors import ProgressUnavailable
from linkage.messages import DeleteData
from linkage.ports import World
from linkage.projects import open_project
from linkage.runs import open_run
from linkage.store.projects import ProjectStore
from linkage.store.runs import RunStore
from linkage.timing import arm_timer


def delete_project(project_id: str, token: str, world: World) -> None:
    """Delete the project, which the result token opens; it is invisible from now on."""
    open_project(project_id, token, world)
    remove_project(project_id, world)


def remove_project(
    project_id: str, world: World, *, event: str = "project deleted", unused_since: datetime | None = None
) -> None:
    """Remove the project without a token; with ``unused_since`` only if nothing happened in it from then on."""
    run_ids = [run.run_id for run in world.runs.list(project_id)]
    now = world.now()
    until = now + _longest_flight(world)
    if world.projects.delete(project_id, now=now, sweep_until=until, event=event, unused_since=unused_since):
        _forget(run_ids, world)
        _send(DeleteData(project_id=project_id), world)


def delete_run(project_id: str, run_id: str, token: str, world: World) -> None:
    """Delete the run; workers that are busy with it stop at their next step."""
    open_run(project_id, run_id, token, world)
    remove_run(project_id, run_id, world)


def remove_run(project_id: str, run_id: str, world: World, *, event: str = "run deleted") -> None:
    """Remove the run without a token."""
    now = world.now()
    world.runs.delete(project_id, run_id, now=now, sweep_until=now + _longest_flight(world), event=event)
    _forget([run_id], world)
    _send(DeleteData(project_id=project_id, run_id=run_id), world)


def sweep(message: DeleteData, world: World) -> None:
    """Remove every object of a deleted project or run, until nothing can write any more and nothing is left.

    Safe to repeat: it removes what is there.
    """
    tombstone = world.tombstones.get(message.project_id, message.run_id)
    if tombstone is None:
        return
    if tombstone.run_id is None:
        removed = ProjectStore(tombstone.project_id, world).remove()
    else:
        removed = RunStore(tombstone.project_id, tombstone.run_id, world).remove_with_uploads()
    now = world.now()
    if now < tombstone.sweep_until:
        world.tombstones.postpone(tombstone, tombstone.sweep_until)
    elif removed:
        world.tombstones.postpone(tombstone, now + _longest_flight(world))
    else:
        world.tombstones.remove(tombstone)


def _longest_flight(world: World) -> timedelta:
    """Return the longest time that a worker may be busy with a message that it received before the deletion."""
    return timedelta(seconds=world.settings.visibility_timeout_s)


def _forget(run_ids: list[str], world: World) -> None:
    with suppress(ProgressUnavailable):
        for run_id in run_ids:
            world.progress.forget(run_id)


def _send(message: DeleteData, world: World) -> None:
    arm_timer(world)
    world.queues.send(message)
