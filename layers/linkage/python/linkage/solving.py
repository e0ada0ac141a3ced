"""Use case of the solve worker: make a run's result out of all its candidate pairs."""

from collections.abc import Iterable, Iterator
from itertools import chain

from linkage.candidates.pairs import Candidates
from linkage.ending import complete_run, refuse_run, remove_leftovers
from linkage.engines.choice import engine
from linkage.engines.contract import Groups, SolverLimitReached
from linkage.errors import TooManyCandidates
from linkage.messages import SolveRun
from linkage.models import ResultType, Run, RunState
from linkage.plans.plan import Plan
from linkage.ports import World
from linkage.progress import list_stored_chunks, read_plan
from linkage.result_types.permutations import Permutations, draw_permutations, dump_permutations, load_permutations
from linkage.result_types.texts import (
    SCORE_FILE_HEADER,
    SCORES_CLOSE,
    SCORES_OPEN,
    groups_text,
    mask_text,
    permutation_text,
    score_rows,
    scores_text,
)
from linkage.store import object_keys
from linkage.store.gathering import CandidateFile, gather_candidates


def solve_run(message: SolveRun, world: World) -> None:
    """Solve the run if all its chunks are compared, store its result and complete it.

    Safe to repeat: the result is a function of the stored candidate pairs, or of the permutations that were stored
    first, and is written under the run's own keys; the state moves once; what was only needed on the way is removed
    last, and all of it if the run failed or was deleted. A message that comes too early does nothing: whoever compares
    the last chunk sends another.
    """
    run = world.runs.get(message.project_id, message.run_id)
    project = world.projects.get(message.project_id)
    if run is not None and project is not None and run.state is RunState.RUNNING:
        try:
            _solve(run, project.result_type, world)
        except TooManyCandidates as error:
            refuse_run(run, error, world)
    remove_leftovers(message.project_id, message.run_id, world)


def _solve(run: Run, result_type: ResultType, world: World) -> None:
    plan = read_plan(run.project_id, run.run_id, world)
    files = None if plan is None else _list_files(run, plan, world)
    if plan is None or files is None:
        return
    if result_type is ResultType.SIMILARITY_SCORES:
        _store_scores(run, files, world)
    elif result_type is ResultType.GROUPS:
        _store(object_keys.result(run.project_id, run.run_id), groups_text(*_group(run, plan, files, world)), world)
    else:
        _store_permutations(run, plan, files, world)
    complete_run(run, world)


def _list_files(run: Run, plan: Plan, world: World) -> list[CandidateFile] | None:
    """Return the files of the run's chunks; None if a chunk is not compared yet."""
    stored = list_stored_chunks(run.project_id, plan, world)
    if len(stored) < len(plan.chunks):
        return None
    if any(chunk.overflow for chunk in stored):
        raise _too_many(run, world.settings.max_candidates)
    return [
        CandidateFile(
            object_keys.chunk_candidates(run.project_id, run.run_id, chunk.chunk),
            chunk.candidates,
            plan.dataset_pair(plan.chunks[chunk.chunk]),
        )
        for chunk in stored
    ]


def _gather(run: Run, files: list[CandidateFile], limit: int, world: World) -> Iterator[Candidates]:
    """Yield the run's candidate pairs in their order; stop where there are too many, each counted once."""
    left = limit
    for batch in gather_candidates(files, world):
        left -= len(batch)
        if left < 0:
            raise _too_many(run, limit)
        yield batch


def _too_many(run: Run, limit: int) -> TooManyCandidates:
    return TooManyCandidates(f"at least {limit + 1:,}", limit, run.threshold)


def _group(run: Run, plan: Plan, files: list[CandidateFile], world: World) -> Groups:
    """Group the records: data sets and records of all members, and where each group begins."""
    settings = world.settings
    solver = engine(settings.engine).new_solver(plan.record_counts, max_pending=settings.max_pending)
    try:
        for batch in _gather(run, files, settings.max_candidates, world):
            solver.feed(batch)
    except SolverLimitReached:
        raise TooManyCandidates(
            f"more than {settings.max_pending:,} pairs of groups may still merge", settings.max_pending, run.threshold
        ) from None
    return solver.groups()


def _store_scores(run: Run, files: list[CandidateFile], world: World) -> None:
    """Write the scores as JSON and as a file, while they are merged."""
    bucket, ids = world.settings.store_bucket, (run.project_id, run.run_id)
    format_scores = engine(world.settings.engine).format_scores
    with (
        world.objects.writer(bucket, object_keys.score_file(*ids)) as file,
        world.objects.writer(bucket, object_keys.result(*ids)) as text,
    ):
        file.write(SCORE_FILE_HEADER)
        text.write(SCORES_OPEN)
        for number, batch in enumerate(_gather(run, files, world.settings.most_pairs(scored=True), world)):
            file.write(score_rows(batch))
            for piece in chain([b","] if number else [], scores_text(batch, format_scores)):
                text.write(piece)
        text.write(SCORES_CLOSE)


def _store_permutations(run: Run, plan: Plan, files: list[CandidateFile], world: World) -> None:
    """Store what was drawn first, by whichever worker, and then the parts that clients read."""
    ids = run.project_id, run.run_id
    drawn = _draw_once(run, plan, files, world)
    _store(object_keys.result(*ids), mask_text(drawn.mask), world)
    for dataset, positions in enumerate((drawn.left, drawn.right)):
        _store(object_keys.permutation(*ids, dataset), permutation_text(positions, len(drawn.mask)), world)


def _draw_once(run: Run, plan: Plan, files: list[CandidateFile], world: World) -> Permutations:
    bucket, key = world.settings.store_bucket, object_keys.permutations(run.project_id, run.run_id)
    stored = world.objects.get(bucket, key)
    if stored is None:
        _, records, _ = _group(run, plan, files, world)
        left_count, right_count = plan.record_counts
        drawn = draw_permutations(records[::2], records[1::2], (left_count, right_count))
        world.objects.put_if_absent(bucket, key, dump_permutations(drawn))
        stored = world.objects.get(bucket, key)
    if stored is None:
        raise FileNotFoundError(f"there is no {key}")
    return load_permutations(stored)


def _store(key: str, pieces: Iterable[bytes], world: World) -> None:
    with world.objects.writer(world.settings.store_bucket, key) as file:
        for piece in pieces:
            file.write(piece)
