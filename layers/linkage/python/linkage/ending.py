"""The one place where a run ends.

A run is completed (`complete_run`), fails because a step of it fails for good (`fail_run`) or because it has too many
candidate pairs (`refuse_run`), or fails with the upload that it waited for (`reject_upload`). What follows an end is
written here, once: a completed run keeps its result alone, a failed or deleted one keeps nothing (`remove_leftovers`).

The database guards the states: a run that is over stays as it ended, so that each of these is safe to repeat.
"""

from linkage.errors import TooManyCandidates
from linkage.messages import SolveRun
from linkage.models import Run, RunState, Upload
from linkage.ports import World
from linkage.store.runs import RunStore

_UNTIL_FAILED_S = 60
"""Delay after which the run's state is `error`, even if the database has to wake up first."""


def complete_run(run: Run, world: World) -> None:
    """Complete a run whose result is stored."""
    world.runs.complete(run.run_id, now=world.now())


def refuse_run(run: Run, error: TooManyCandidates, world: World) -> None:
    """Fail a run that has too many candidate pairs.

    No message is needed: the plan worker finds it before it stores anything of the run, and the solve worker removes
    the leftovers itself.
    """
    world.runs.fail(run.run_id, str(error), now=world.now())


def fail_run(run: Run, message: str, world: World) -> None:
    """Fail a run, and have the solve worker remove its objects: candidate pairs tell as much as a result.

    The message is sent first, so that dying in between loses nothing, with a delay, so that the run has failed when it
    arrives. If it arrives earlier after all, it solves the run or does nothing.

    A run that is over stays as it ended, and no message is sent: if that message failed too, it would lead back here.
    """
    if run.state.is_final:
        return
    request_removal(run.project_id, run.run_id, world, delay_s=_UNTIL_FAILED_S)
    world.runs.fail(run.run_id, message, now=world.now())


def reject_upload(upload: Upload, reason: str, world: World) -> bool:
    """Move a received upload to `error`, and the runs that wait for it; return False if it is not received any more.

    One transaction does both, so that no run waits for an upload that failed. Such runs have no objects: they were
    never planned. The party may upload again.
    """
    parties = world.projects.parties(upload.project_id)
    dataset = next((party.dataset_index for party in parties if party.party_id == upload.party_id), None)
    message = f"The upload of party {dataset} (counted from 0) failed: {_storable(reason)}"
    return world.uploads.fail(upload.upload_id, message, now=world.now())


def is_over(run: Run, world: World) -> bool:
    """Tell whether the run was deleted, or ended by another worker, since it was read."""
    current = world.runs.get(run.project_id, run.run_id)
    return current is None or current.state.is_final


def request_removal(project_id: str, run_id: str, world: World, *, delay_s: int = 0) -> None:
    """Have the solve worker call `remove_leftovers`: the other workers that end runs may not delete objects."""
    world.queues.send(SolveRun(project_id=project_id, run_id=run_id), delay_s=delay_s)


def remove_leftovers(project_id: str, run_id: str, world: World) -> None:
    """Remove the objects that a run needs no more, if it is over.

    The plan goes first, which stops late compare workers. A completed run keeps its result; one that failed, or that
    was deleted while it was planned, keeps nothing.
    """
    run, stored = world.runs.get(project_id, run_id), RunStore(project_id, run_id, world)
    if run is None or run.state is RunState.ERROR:
        stored.remove()
    elif run.state is RunState.COMPLETED:
        stored.remove_intermediates()


def _storable(text: str) -> str:
    """Escape NUL and lone surrogates: a reason may quote them from a file, and PostgreSQL does not store them."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
