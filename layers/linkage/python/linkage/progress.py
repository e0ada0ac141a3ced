"""How far a run has come. The stored chunks are the truth; Redis only counts them.

Whoever finds that Redis has forgotten the run, or cannot be asked, goes back to the listing of stored chunks: a compare
worker, the plan worker, the reconciler and a status request alike. So a flush of Redis costs a listing, and no more.
"""

from contextlib import suppress

from linkage.candidates.files import count_stored, is_overflow
from linkage.errors import ProgressUnavailable
from linkage.models import ChunkCount, Progress, Run
from linkage.plans.plan import Plan
from linkage.ports import World
from linkage.store import object_keys


def list_stored_chunks(project_id: str, plan: Plan, world: World) -> list[ChunkCount]:
    """Return what each chunk whose candidate pairs are stored adds to the run's progress."""
    prefix = object_keys.candidates(project_id, plan.run_id)
    found = ((object_keys.chunk_of(o.key), o) for o in world.objects.list(world.settings.store_bucket, prefix))
    return [
        ChunkCount(
            chunk, plan.chunks[chunk].comparisons, count_stored(stored.size_bytes), is_overflow(stored.size_bytes)
        )
        for chunk, stored in found
    ]


def restore_progress(project_id: str, plan: Plan, world: World) -> list[ChunkCount]:
    """Count in Redis what is stored, if Redis can be asked, and return it."""
    stored = list_stored_chunks(project_id, plan, world)
    with suppress(ProgressUnavailable):
        world.progress.restore(plan.run_id, chunks=len(plan.chunks), comparisons=plan.total_comparisons, stored=stored)
    return stored


def count_chunk(project_id: str, plan: Plan, chunk: ChunkCount, world: World) -> int:
    """Count a stored chunk and return how many chunks of the run are left to compare."""
    try:
        left = world.progress.count(plan.run_id, chunk)
    except ProgressUnavailable:
        left = None
    if left is None:
        left = len(plan.chunks) - len(restore_progress(project_id, plan, world))
    return left


def read_progress(run: Run, world: World) -> Progress | None:
    """Return a running run's progress, from the listing where Redis does not know it; None if its plan is gone."""
    try:
        progress = world.progress.read(run.run_id)
    except ProgressUnavailable:
        progress = None
    if progress is None and (plan := read_plan(run.project_id, run.run_id, world)) is not None:
        stored = restore_progress(run.project_id, plan, world)
        progress = Progress(
            chunks=len(plan.chunks),
            chunks_done=len(stored),
            comparisons_done=sum(count.comparisons for count in stored),
            comparisons_total=plan.total_comparisons,
            candidates=sum(count.candidates for count in stored),
        )
    return progress


def read_plan(project_id: str, run_id: str, world: World) -> Plan | None:
    """Return the run's plan; None if there is none yet, or no more."""
    text = world.objects.get(world.settings.store_bucket, object_keys.plan(project_id, run_id))
    return None if text is None else Plan.model_validate_json(text)
