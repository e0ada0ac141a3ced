"""Use cases about results: fetch one, or issue credentials that read its file."""

from dataclasses import dataclass

from linkage.errors import AccessDenied, RunFailed, RunNotComplete
from linkage.models import Project, Run, RunState, StoreAccess
from linkage.ports import World
from linkage.projects import identify_reader
from linkage.result_types.kinds import KINDS
from linkage.store.runs import RunStore


@dataclass(frozen=True, slots=True)
class Result:
    """A result's JSON text or, if it is too large for a Lambda function's answer, a URL to read it from."""

    text: str | None = None
    url: str | None = None


def fetch_result(project_id: str, run_id: str, token: str, world: World) -> Result:
    """Return the part of a completed run's result that the token opens; raises `RunFailed` or `RunNotComplete`.

    The result token opens groups, similarity scores, or the mask of permutations; a receipt token its party's own
    permutation.
    """
    project, run, dataset = _open_completed(project_id, run_id, token, world)
    try:
        return _read_result(RunStore(project_id, run.run_id, world), KINDS[project.result_type].object_for(dataset))
    except Exception:
        if world.runs.get(project_id, run_id) is not None:
            raise
        raise AccessDenied from None  # deleted a moment ago


def permit_download(project_id: str, run_id: str, token: str, world: World) -> StoreAccess | None:
    """Issue temporary credentials that read the file of a completed run's similarity scores, and nothing else.

    None if the project's result type is another: it has no such file.
    """
    project, run, _ = _open_completed(project_id, run_id, token, world)
    name = KINDS[project.result_type].file_object
    if not name:
        return None
    settings, key = world.settings, RunStore(project_id, run.run_id, world).result_key(name)
    credentials = world.credentials.issue_for_download(key, session_name=run.run_id)
    return StoreAccess(credentials, settings.upload_endpoint, settings.upload_secure, settings.store_bucket, key)


def _read_result(stored: RunStore, name: str) -> Result:
    size_bytes = stored.result_size(name)
    if size_bytes is None:
        raise FileNotFoundError(f"the result of run {stored.run_id} is gone")
    if size_bytes > stored.world.settings.inline_result_bytes:
        return Result(url=stored.presign_result(name))
    return Result(text=stored.read_result(name, size_bytes).decode())


def _open_completed(project_id: str, run_id: str, token: str, world: World) -> tuple[Project, Run, int | None]:
    """Return project, run, and the data set's index for a receipt token, None for the result token."""
    project, dataset = identify_reader(project_id, token, world)
    run = world.runs.get(project_id, run_id)
    if run is None:
        raise AccessDenied
    if run.state is RunState.ERROR:
        raise RunFailed
    if run.state is not RunState.COMPLETED:
        raise RunNotComplete
    return project, run, dataset
