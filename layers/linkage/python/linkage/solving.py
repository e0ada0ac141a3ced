"""Use case of the solve worker: make a run's result out of all its candidate pairs."""

from linkage import object_keys
from linkage.candidate_files import HEADER_BYTES, load_count
from linkage.candidates import CandidatePairs, join_pairs, load_pairs, sort_pairs
from linkage.deletion import remove_prefix
from linkage.groups import dump_groups, solve_groups
from linkage.messages import SolveRun
from linkage.models import Run, RunState
from linkage.plans import Plan
from linkage.ports import World
from linkage.progress import list_stored_chunks, read_plan


def solve_run(message: SolveRun, world: World) -> None:
    """Solve the run if all its chunks are compared, store its result and complete it.

    Safe to repeat: the result is a function of the stored candidate pairs and is written under the run's own key, the
    state moves once, and what was only needed on the way is removed last. A message that comes too early does nothing:
    whoever compares the last chunk sends another.
    """
    run = world.runs.get(message.project_id, message.run_id)
    if run is not None and run.state is RunState.RUNNING:
        _solve(run, world)
        run = world.runs.get(message.project_id, message.run_id)
    if run is not None and run.state is RunState.COMPLETED:
        _remove_intermediates(run, world)


def _solve(run: Run, world: World) -> None:
    plan = read_plan(run.project_id, run.run_id, world)
    if plan is None or len(list_stored_chunks(run.project_id, plan, world)) < len(plan.chunks):
        return
    count = sum(_stored_count(run, chunk, world) for chunk in range(len(plan.chunks)))
    if count > world.settings.max_candidates:
        world.runs.fail(run.run_id, _too_many(count, run, world), now=world.now())
        return
    result = dump_groups(solve_groups(_read_candidates(run, plan, world)))
    world.objects.put(world.settings.store_bucket, object_keys.result(run.project_id, run.run_id), result)
    world.runs.complete(run.run_id, now=world.now())


def _too_many(count: int, run: Run, world: World) -> str:
    return (
        f"This run has created more than the global limit of candidate pairs: at least {count}, allowed are"
        f" {world.settings.max_candidates}. Post a run with a threshold above {run.threshold}."
    )


def _stored_count(run: Run, chunk: int, world: World) -> int:
    key = object_keys.chunk_candidates(run.project_id, run.run_id, chunk)
    return load_count(world.objects.get_range(world.settings.store_bucket, key, 0, HEADER_BYTES))


def _read_candidates(run: Run, plan: Plan, world: World) -> dict[tuple[int, int], CandidatePairs]:
    """Read all candidate pairs, by pair of data sets, each pair once."""
    found: dict[tuple[int, int], list[CandidatePairs]] = {}
    for number, chunk in enumerate(plan.chunks):
        raw = world.objects.get(
            world.settings.store_bucket, object_keys.chunk_candidates(run.project_id, run.run_id, number)
        )
        if raw is None:
            raise FileNotFoundError(f"the candidate pairs of chunk {number} are gone")
        found.setdefault((chunk.left, chunk.right), []).append(load_pairs(raw))
    return {datasets: sort_pairs(join_pairs(parts)) for datasets, parts in found.items()}


def _remove_intermediates(run: Run, world: World) -> None:
    """Remove the plan, which stops late compare workers, and then the candidate pairs."""
    world.objects.delete(world.settings.store_bucket, [object_keys.plan(run.project_id, run.run_id)])
    remove_prefix(object_keys.candidates(run.project_id, run.run_id), world)
