"""Progress of runs. The stored chunks are the truth; Redis only counts them.

If Redis has forgotten the run or is unavailable, the caller goes back to the listing of stored chunks: a compare
worker, the plan worker, the reconciler and a status request alike. So a flush of Redis costs a listing, and no more.
"""

from contextlib import suppress

from linkage.errors import ProgressUnavailable
from linkage.models import ChunkCount, Progress, Run
from linkage.plans.plan import Plan
from linkage.ports import World
from linkage.store.runs import RunStore


def restore_progress(project_id: str, plan: Plan, world: World) -> list[ChunkCount]:
    """Return the counts of the stored chunks, and add them to Redis unless it is unavailable."""
    stored = RunStore(project_id, plan.run_id, world).list_chunks(plan)
    with suppress(ProgressUnavailable):
        world.progress.restore(plan.run_id, chunks=len(plan.chunks), comparisons=plan.total_comparisons, stored=stored)
    return stored


def count_chunk(project_id: str, plan: Plan, chunk: ChunkCount, world: World) -> int:
    """Count a stored chunk and return the number of chunks of the run that are left to compare."""
    try:
        left = world.progress.count(plan.run_id, chunk)
    except ProgressUnavailable:
        left = None
    if left is None:
        left = len(plan.chunks) - len(restore_progress(project_id, plan, world))
    return left


def read_progress(run: Run, world: World) -> Progress | None:
    """Return a running run's progress, from the listing if Redis does not have it; None if its plan is gone."""
    try:
        progress = world.progress.read(run.run_id)
    except ProgressUnavailable:
        progress = None
    if progress is None and (plan := RunStore(run.project_id, run.run_id, world).read_plan()) is not None:
        stored = restore_progress(run.project_id, plan, world)
        progress = Progress(
            chunks=len(plan.chunks),
            chunks_done=len(stored),
            comparisons_done=sum(count.comparisons for count in stored),
            comparisons_total=plan.total_comparisons,
            candidates=sum(count.candidates for count in stored),
        )
    return progress
