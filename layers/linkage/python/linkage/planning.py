"""Use case of the plan worker: cut a run's work into chunks, and have each compared."""

from collections.abc import Sequence

from linkage import object_keys
from linkage.blocking import BlockTable, load_blocks
from linkage.chunking import choose_chunk_size, count_comparisons, split_comparisons
from linkage.encoding_sets import BLOCKS
from linkage.messages import CompareChunk, PlanRun, SolveRun
from linkage.models import Project, Run, RunState
from linkage.plans import Plan, PlannedChunk
from linkage.ports import World
from linkage.progress import read_plan, restore_progress
from linkage.timing import arm_timer


def plan_run(message: PlanRun, world: World) -> None:
    """Plan the run if every party's encodings are ready, and send its chunks to be compared.

    Safe to repeat: the first plan that was stored wins, a repeat reads it and sends the same messages again, and the
    progress is only ever restored from what is stored, never set back.
    """
    run = world.runs.get(message.project_id, message.run_id)
    project = world.projects.get(message.project_id)
    if run is None or project is None or run.state in {RunState.COMPLETED, RunState.ERROR}:
        return
    plan = read_plan(run.project_id, run.run_id, world) or _store_plan(project, run, world)
    if plan is None:
        return
    world.runs.start(run.run_id, total_comparisons=plan.total_comparisons, now=world.now())
    restore_progress(run.project_id, plan, world)
    arm_timer(world)
    send_chunks(run.project_id, plan, range(len(plan.chunks)), world)


def send_chunks(project_id: str, plan: Plan, chunks: Sequence[int], world: World) -> None:
    """Have the chunks compared; where there are none left to compare, have the run solved."""
    if chunks:
        world.queues.send(*(CompareChunk(project_id=project_id, run_id=plan.run_id, chunk=chunk) for chunk in chunks))
    else:
        world.queues.send(SolveRun(project_id=project_id, run_id=plan.run_id))


def _store_plan(project: Project, run: Run, world: World) -> Plan | None:
    """Make the plan and store it, unless another worker did: then return that one. None if a party is missing."""
    uploads = world.uploads.ready(project.project_id)
    if len(uploads) < project.number_parties or project.encoding_size is None:
        return None
    world.runs.queue(run.run_id)
    prefixes = [object_keys.encoding_set(project.project_id, u.party_id, u.upload_id) for u in uploads]
    plan = _make_plan(run, project.encoding_size, prefixes, world)
    key = object_keys.plan(project.project_id, run.run_id)
    if world.objects.put_first(world.settings.store_bucket, key, plan.model_dump_json().encode()):
        return plan
    return read_plan(project.project_id, run.run_id, world)


def _make_plan(run: Run, encoding_size: int, prefixes: list[str], world: World) -> Plan:
    datasets = [_read_blocks(prefix, world) for prefix in prefixes]
    settings = world.settings
    max_comparisons = choose_chunk_size(
        count_comparisons(datasets), smallest=settings.chunk_min_comparisons, largest=settings.chunk_max_comparisons
    )
    return Plan(
        run_id=run.run_id,
        threshold=run.threshold,
        encoding_size=encoding_size,
        datasets=tuple(prefixes),
        chunks=tuple(
            PlannedChunk(left=chunk.left, right=chunk.right, rectangles=chunk.rectangles)
            for chunk in split_comparisons(datasets, max_comparisons=max_comparisons)
        ),
    )


def _read_blocks(prefix: str, world: World) -> BlockTable:
    text = world.objects.get(world.settings.store_bucket, prefix + BLOCKS)
    if text is None:
        raise FileNotFoundError(f"no block table under {prefix}")
    return load_blocks(text)
