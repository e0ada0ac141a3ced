"""Use case of the solve worker: make a run's result out of all its candidate pairs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain

from linkage.candidates.pairs import Candidates
from linkage.ending import complete_run, refuse_run, remove_leftovers
from linkage.engines.choice import engine
from linkage.engines.contract import Groups, SolverLimitReached
from linkage.errors import TooManyCandidates
from linkage.messages import SolveRun
from linkage.models import ResultType, Run, RunState
from linkage.plans.plan import Plan
from linkage.ports import World, Writer
from linkage.progress import list_stored_chunks, read_plan
from linkage.result_types.kinds import KINDS, Kind
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
    _WRITERS[result_type](_Solving(run, KINDS[result_type], plan, files, world))
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


def _too_many(run: Run, limit: int) -> TooManyCandidates:
    return TooManyCandidates(f"at least {limit + 1:,}", limit, run.threshold)


@dataclass(frozen=True, slots=True)
class _Solving:
    """A run whose chunks are all compared: where its candidate pairs are, and where its result goes."""

    run: Run
    kind: Kind
    plan: Plan
    files: list[CandidateFile]
    world: World

    def gather(self) -> Iterator[Candidates]:
        """Yield the run's candidate pairs in their order; stop where there are too many, each counted once."""
        left = limit = self.kind.most_pairs(self.world.settings)
        for batch in gather_candidates(self.files, self.world):
            left -= len(batch)
            if left < 0:
                raise _too_many(self.run, limit)
            yield batch

    def group(self) -> Groups:
        """Group the records: data sets and records of all members, and where each group begins."""
        settings, limit = self.world.settings, self.world.settings.max_pending
        solver = engine(settings.engine).new_solver(self.plan.record_counts, max_pending=limit)
        try:
            for batch in self.gather():
                solver.feed(batch)
        except SolverLimitReached:
            count = f"more than {limit:,} pairs of groups may still merge"
            raise TooManyCandidates(count, limit, self.run.threshold) from None
        return solver.groups()

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write an object of the result."""
        with self.writer(name) as file:
            for piece in pieces:
                file.write(piece)

    def writer(self, name: str) -> AbstractContextManager[Writer]:
        """Write an object of the result piece by piece."""
        key = object_keys.result(self.run.project_id, self.run.run_id, name)
        return self.world.objects.writer(self.world.settings.store_bucket, key)


def _write_groups(solving: _Solving) -> None:
    solving.write(solving.kind.object_for(), groups_text(*solving.group()))


def _write_scores(solving: _Solving) -> None:
    """Write the scores as JSON and as a file, while they are merged."""
    format_scores = engine(solving.world.settings.engine).format_scores
    with (
        solving.writer(solving.kind.file_object) as file,
        solving.writer(solving.kind.object_for()) as text,
    ):
        file.write(SCORE_FILE_HEADER)
        text.write(SCORES_OPEN)
        for number, batch in enumerate(solving.gather()):
            file.write(score_rows(batch))
            for piece in chain([b","] if number else [], scores_text(batch, format_scores)):
                text.write(piece)
        text.write(SCORES_CLOSE)


def _write_permutations(solving: _Solving) -> None:
    """Store what was drawn first, by whichever worker, and then the parts that clients read."""
    drawn = _draw_once(solving)
    solving.write(solving.kind.object_for(), mask_text(drawn.mask))
    for dataset, positions in enumerate((drawn.left, drawn.right)):
        solving.write(solving.kind.object_for(dataset), permutation_text(positions, len(drawn.mask)))


def _draw_once(solving: _Solving) -> Permutations:
    objects, bucket = solving.world.objects, solving.world.settings.store_bucket
    key = object_keys.permutations(solving.run.project_id, solving.run.run_id)
    stored = objects.get(bucket, key)
    if stored is None:
        _, records, _ = solving.group()
        left_count, right_count = solving.plan.record_counts
        drawn = draw_permutations(records[::2], records[1::2], (left_count, right_count))
        objects.put_if_absent(bucket, key, dump_permutations(drawn))
        stored = objects.get(bucket, key)
    if stored is None:
        raise FileNotFoundError(f"there is no {key}")
    return load_permutations(stored)


_WRITERS: Mapping[ResultType, Callable[[_Solving], None]] = {
    ResultType.GROUPS: _write_groups,
    ResultType.PERMUTATIONS: _write_permutations,
    ResultType.SIMILARITY_SCORES: _write_scores,
}
