"""Use case of the plan worker: cut a run's work into chunks, and send each to be compared."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from linkage.encodings.block_tables import BlockTable
from linkage.ending import is_over, refuse_run, request_removal
from linkage.errors import TooManyCandidates
from linkage.estimating import SampledRun, count_once, find_in_sample
from linkage.messages import CompareChunk, PlanRun, SolveRun
from linkage.models import Project, Run
from linkage.plans.chunking import Chunk, choose_work, count_comparisons, split_comparisons
from linkage.plans.plan import Plan, PlannedChunk
from linkage.plans.sampling import Estimate, estimate
from linkage.ports import World
from linkage.progress import restore_progress
from linkage.result_types.kinds import KINDS
from linkage.store.encoding_sets import EncodingSetStore
from linkage.store.rectangles import put_rectangles
from linkage.store.runs import RunStore
from linkage.timing import arm_timer

logger = logging.getLogger(__name__)


def plan_run(message: PlanRun, world: World) -> None:
    """Plan the run if every party's encodings are ready, and send its chunks to be compared.

    Safe to repeat: the first plan that was stored wins, a repeat reads it and sends the same messages again, and the
    progress is only ever restored from what is stored, never set back.
    """
    run = world.runs.get(message.project_id, message.run_id)
    project = world.projects.get(message.project_id)
    if run is None or project is None or run.state.is_final:
        return
    try:
        plan = RunStore(run.project_id, run.run_id, world).read_plan() or _store_plan(project, run, world)
    except TooManyCandidates as error:
        refuse_run(run, error, world)
        return
    except Exception:
        if not is_over(run, world):
            raise
        logger.info("run %s is over: its plan is dropped", run.run_id)
        request_removal(run.project_id, run.run_id, world)
        return
    if plan is None:
        return
    world.runs.start(run.run_id, total_comparisons=plan.total_comparisons, now=world.now())
    if is_over(run, world):  # then its plan must go too
        request_removal(run.project_id, run.run_id, world)
        return
    restore_progress(run.project_id, plan, world)
    arm_timer(world)
    send_chunks(run.project_id, plan, range(len(plan.chunks)), world)


def send_chunks(project_id: str, plan: Plan, chunks: Sequence[int], world: World) -> None:
    """Send the chunks to the compare worker; if there are none, send the run to the solve worker."""
    if chunks:
        world.queues.send(*(CompareChunk(project_id=project_id, run_id=plan.run_id, chunk=chunk) for chunk in chunks))
    else:
        world.queues.send(SolveRun(project_id=project_id, run_id=plan.run_id))


def _store_plan(project: Project, run: Run, world: World) -> Plan | None:
    """Make and store the plan; return the one that was stored first. None if a party is missing.

    The rectangles are stored before the plan that names them.
    """
    uploads = world.uploads.ready(project.project_id)
    if len(uploads) < project.number_parties or project.encoding_size is None:
        return None
    world.runs.queue(run.run_id)
    sets = [EncodingSetStore.of(project.project_id, each.party_id, each.upload_id, world) for each in uploads]
    prefixes, datasets = [each.prefix for each in sets], [each.read_blocks() for each in sets]
    chunks = _cut_work(run, project, prefixes, datasets, world)
    stored = RunStore(run.project_id, run.run_id, world)
    plan = Plan(
        run_id=run.run_id,
        threshold=run.threshold,
        encoding_size=project.encoding_size,
        datasets=tuple(prefixes),
        record_counts=tuple(each.count_records() for each in sets),
        total_comparisons=(total := count_comparisons(datasets)),
        rectangles_key=put_rectangles(stored, (chunk.rectangles for chunk in chunks)),
        chunks=_describe(chunks, total),
    )
    return plan if stored.put_plan_if_absent(plan) else stored.read_plan()


def _cut_work(
    run: Run, project: Project, prefixes: Sequence[str], datasets: Sequence[BlockTable], world: World
) -> list[Chunk]:
    """Cut the run's work into chunks of bounded comparisons, reading, and expected candidate pairs."""
    settings, encoding_size = world.settings, project.encoding_size or 0
    smallest, largest = settings.chunk_min_comparisons, settings.chunk_max_comparisons
    work = choose_work(datasets, encoding_size, smallest=smallest, largest=largest)
    chunks = list(split_comparisons(datasets, run.threshold, work))
    comparisons = sum(chunk.comparisons for chunk in chunks)
    if comparisons <= settings.sample_above_comparisons:
        return chunks
    sample = SampledRun(run.run_id, run.threshold, encoding_size, prefixes, datasets)
    sampled_pairs = find_in_sample(sample, world)
    estimated = estimate(sampled_pairs, comparisons)
    limit = KINDS[project.result_type].most_pairs(settings)
    if estimated.exceeds(limit):
        _refuse_too_many(estimate(count_once(sampled_pairs, sample, world), comparisons), run, limit)
    bounded = replace(work, candidate_bound=estimated.bound_chunk_size(settings.chunk_max_candidates))
    if bounded.max_comparisons == work.max_comparisons:
        return chunks
    return list(split_comparisons(datasets, run.threshold, bounded))


def _refuse_too_many(estimated: Estimate, run: Run, limit: int) -> None:
    if estimated.exceeds(limit):
        fitting = estimated.fitting_threshold(limit)
        raise TooManyCandidates(f"an estimated {estimated.candidates:,}", limit, run.threshold, fitting)


def _describe(chunks: Sequence[Chunk], total_comparisons: int) -> tuple[PlannedChunk, ...]:
    """Describe the chunks; the first one also counts the comparisons that are not made, as done."""
    bounds = pairwise(accumulate((len(chunk.rectangles) for chunk in chunks), initial=0))
    left_out = total_comparisons - sum(chunk.comparisons for chunk in chunks)
    return tuple(
        PlannedChunk(chunk.left, chunk.right, start, stop, chunk.comparisons + (0 if start else left_out))
        for chunk, (start, stop) in zip(chunks, bounds, strict=True)
    )
