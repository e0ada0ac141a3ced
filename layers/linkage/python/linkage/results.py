"""Use case of fetching a run's result."""

from dataclasses import dataclass

from linkage.errors import AccessDenied, RunFailed, RunNotComplete
from linkage.models import Project, Run, RunState, StoreAccess
from linkage.ports import World
from linkage.projects import identify_reader
from linkage.result_types.kinds import KINDS
from linkage.store.runs import RunStore


@dataclass(frozen=True, slots=True)
class Result:
    """A result's JSON text, or, where that is too large for a Lambda's answer, a URL to read it from."""

    text: str | None = None
    url: str | None = None


def fetch_result(project_id: str, run_id: str, token: str, world: World) -> Result:
    """Return what the token opens of a completed run's result; raises `RunFailed` or `RunNotComplete`.

    The result token opens groups, similarity scores, or the mask of permutations; a receipt token its party's own
    permutation.
    """
    project, run, dataset = _open_completed(project_id, run_id, token, world)
    stored, name = RunStore(project_id, run.run_id, world), KINDS[project.result_type].object_for(dataset)
    size_bytes = stored.result_size(name)
    if size_bytes is None:
        raise FileNotFoundError(f"the result of run {run_id} is gone")
    if size_bytes > world.settings.inline_result_bytes:
        return Result(url=stored.presign_result(name))
    return Result(text=stored.read_result(name, size_bytes).decode())


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


def _open_completed(project_id: str, run_id: str, token: str, world: World) -> tuple[Project, Run, int | None]:
    """Return project, run, and the data set of the party whose receipt token it is, if it is one."""
    project, dataset = identify_reader(project_id, token, world)
    run = world.runs.get(project_id, run_id)
    if run is None:
        raise AccessDenied
    if run.state is RunState.ERROR:
        raise RunFailed
    if run.state is not RunState.COMPLETED:
        raise RunNotComplete
    return project, run, dataset
