"""Use case of fetching a run's result."""

from dataclasses import dataclass

from linkage import object_keys
from linkage.errors import RunFailed, RunNotComplete
from linkage.models import RunState
from linkage.ports import World
from linkage.runs import open_run


@dataclass(frozen=True, slots=True)
class Result:
    """A result's JSON text, or, where that is too large for a Lambda's answer, an URL to read it from."""

    text: str | None = None
    url: str | None = None


def fetch_result(project_id: str, run_id: str, token: str, world: World) -> Result:
    """Return the result of a completed run; raises `RunFailed` or `RunNotComplete`."""
    _, run = open_run(project_id, run_id, token, world)
    if run.state is RunState.ERROR:
        raise RunFailed
    if run.state is not RunState.COMPLETED:
        raise RunNotComplete
    bucket, key = world.settings.store_bucket, object_keys.result(project_id, run_id)
    found = world.objects.look_at(bucket, key)
    if found is None:
        raise FileNotFoundError(f"the result of run {run_id} is gone")
    if found.size_bytes > world.settings.inline_result_bytes:
        return Result(url=world.objects.presign(bucket, key, expires_s=world.settings.result_url_expires_s))
    return Result(text=world.objects.get_range(bucket, key, 0, found.size_bytes).decode())
