"""Use cases about runs: post, list and describe runs, and tell their progress."""

from dataclasses import dataclass, field

from linkage.errors import AccessDenied, IdempotencyKeyReused, InvalidRequest, ProjectHasErrors
from linkage.messages import PlanRun
from linkage.models import Contributions, Progress, Project, Run, RunState
from linkage.ports import World
from linkage.progress import read_progress
from linkage.projects import identify_reader, open_project
from linkage.timing import arm_timer
from linkage.tokens import hash_token, new_id


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run, the contributions to its project, and the progress of its comparing."""

    run: Run
    project: Project
    contributions: Contributions
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class NewRun:
    """Parameters of a new run. Posted again with the same idempotency key, they are the same run."""

    threshold: float
    name: str
    notes: str
    key: str | None = field(default=None, repr=False)


def create_run(project_id: str, token: str, new: NewRun, world: World) -> Run:
    """Post a run; it starts as soon as every party's encodings are ready.

    Safe to repeat with a key, at the same time too: the run that was posted first is returned, in whatever state, and
    is sent on again, because the first attempt may have died before it could. Raises `IdempotencyKeyReused` if another
    run was posted with the key.
    """
    project = open_project(project_id, token, world)
    if not 0 < new.threshold <= 1:
        raise InvalidRequest("Threshold parameter out of range")
    key_hash = None if new.key is None else hash_token(new.key)
    run = None if key_hash is None else world.runs.of_key(project_id, key_hash)
    if run is None:
        if failed := world.projects.contributions(project_id).failed:
            raise ProjectHasErrors([upload.message for upload in failed])
        run = world.runs.create(
            Run(
                run_id=new_id(),
                project_id=project.project_id,
                threshold=float(new.threshold),
                name=new.name,
                notes=new.notes,
                state=RunState.CREATED,
                time_added=world.now(),
                key_hash=key_hash,
            )
        )
    if (run.threshold, run.name, run.notes) != (new.threshold, new.name, new.notes):
        raise IdempotencyKeyReused
    arm_timer(world)
    send_waiting_runs(project_id, world)
    return run


def send_waiting_runs(project_id: str, world: World) -> None:
    """Send the project's waiting runs to the plan worker if every party's encodings are ready."""
    project = world.projects.get(project_id)
    if project is not None and world.projects.contributions(project_id).ready == project.number_parties:
        world.queues.send(*(PlanRun(project_id=project_id, run_id=run_id) for run_id in world.runs.waiting(project_id)))


def list_runs(project_id: str, token: str, world: World) -> list[Run]:
    """Return the project's runs, oldest first."""
    open_project(project_id, token, world)
    return list(world.runs.list(project_id))


def open_run(project_id: str, run_id: str, token: str, world: World) -> tuple[Project, Run]:
    """Return the run that the result token opens; raises `AccessDenied`."""
    project = open_project(project_id, token, world)
    run = world.runs.get(project_id, run_id)
    if run is None:
        raise AccessDenied
    return project, run


def describe_status(project_id: str, run_id: str, token: str, world: World) -> RunStatus:
    """Return the data of a run's status. The progress never goes down: see `linkage.progress`."""
    project, _ = identify_reader(project_id, token, world)
    run = world.runs.get(project_id, run_id)
    if run is None:
        raise AccessDenied
    contributions = world.projects.contributions(project_id)
    progress = read_progress(run, world) if run.state is RunState.RUNNING else None
    if run.state is RunState.RUNNING and progress is None:  # its plan went with its completion, a moment ago
        run = world.runs.get(project_id, run_id) or run
    return RunStatus(run, project, contributions, progress)
