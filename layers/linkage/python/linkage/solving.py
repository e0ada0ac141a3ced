"""Use case of the solve worker: make a run's result out of all its candidate pairs."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from linkage.candidates.pairs import Candidates
from linkage.ending import complete_run, is_over, refuse_run, remove_leftovers
from linkage.engines.choice import engine
from linkage.engines.contract import Groups, SolverLimitReached
from linkage.errors import TooManyCandidates
from linkage.messages import SolveRun
from linkage.models import ResultType, Run, RunState
from linkage.plans.plan import Plan
from linkage.ports import World
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
from linkage.settings import Settings
from linkage.store.chunks import ChunkStore
from linkage.store.gathering import CandidateFile, gather_candidates
from linkage.store.runs import RunStore

logger = logging.getLogger(__name__)


def solve_run(message: SolveRun, world: World) -> None:
    """Solve the run if all its chunks are compared, store its result and complete it.

    Safe to repeat: the result is a function of the stored candidate pairs, or of the permutations that were stored
    first, and is written under the run's own keys; the state moves once; intermediate objects are removed last, and all
    objects if the run failed or was deleted. A message that comes too early does nothing: the worker that compares the
    last chunk sends another.
    """
    run = world.runs.get(message.project_id, message.run_id)
    project = world.projects.get(message.project_id)
    if run is not None and project is not None and run.state is RunState.RUNNING:
        try:
            _solve(run, project.result_type, world)
        except TooManyCandidates as error:
            refuse_run(run, error, world)
        except Exception:
            if not is_over(run, world):
                raise
            logger.info("run %s is over: its result is dropped", run.run_id)
    remove_leftovers(message.project_id, message.run_id, world)


def _solve(run: Run, result_type: ResultType, world: World) -> None:
    stored = RunStore(run.project_id, run.run_id, world)
    plan = stored.read_plan()
    files = None if plan is None else _list_files(run, plan, stored)
    if plan is None or files is None:
        return
    _WRITERS[result_type](_Solving(run, KINDS[result_type], plan, files, stored))
    complete_run(run, world)


def _list_files(run: Run, plan: Plan, stored: RunStore) -> list[CandidateFile] | None:
    """Return the files of the run's chunks; None if a chunk is not compared yet."""
    chunks = stored.list_chunks(plan)
    if len(chunks) < len(plan.chunks):
        return None
    if any(chunk.overflow for chunk in chunks):
        raise _too_many(run, stored.world.settings.max_candidates)
    return [
        ChunkStore(stored, each.chunk).file(each.candidates, plan.dataset_pair(plan.chunks[each.chunk]))
        for each in chunks
    ]


def _too_many(run: Run, limit: int) -> TooManyCandidates:
    return TooManyCandidates(f"at least {limit + 1:,}", limit, run.threshold)


@dataclass(frozen=True, slots=True)
class _Solving:
    """A run whose chunks are all compared, its files of candidate pairs, and the store that takes its result."""

    run: Run
    kind: Kind
    plan: Plan
    files: list[CandidateFile]
    stored: RunStore

    @property
    def settings(self) -> Settings:
        """The service's settings."""
        return self.stored.world.settings

    def gather(self) -> Iterator[Candidates]:
        """Yield the run's candidate pairs in their order, each once; raise `TooManyCandidates` beyond the limit."""
        left = limit = self.kind.most_pairs(self.settings)
        for batch in gather_candidates(self.files, self.stored.world):
            left -= len(batch)
            if left < 0:
                raise _too_many(self.run, limit)
            yield batch

    def group(self) -> Groups:
        """Group the records; return data sets and records of all members, and the offset of each group."""
        limit = self.settings.max_pending
        solver = engine(self.settings.engine).new_solver(self.plan.record_counts, max_pending=limit)
        try:
            for batch in self.gather():
                solver.feed(batch)
        except SolverLimitReached:
            count = f"more than {limit:,} pairs of groups may still merge"
            raise TooManyCandidates(count, limit, self.run.threshold) from None
        return solver.groups()

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write an object of the result."""
        with self.stored.result_writer(name) as file:
            for piece in pieces:
                file.write(piece)


def _write_groups(solving: _Solving) -> None:
    solving.write(solving.kind.object_for(), groups_text(*solving.group()))


def _write_scores(solving: _Solving) -> None:
    """Write the scores as JSON and as a file, while the candidate pairs are merged."""
    format_scores = engine(solving.settings.engine).format_scores
    with (
        solving.stored.result_writer(solving.kind.file_object) as file,
        solving.stored.result_writer(solving.kind.object_for()) as text,
    ):
        file.write(SCORE_FILE_HEADER)
        text.write(SCORES_OPEN)
        for number, batch in enumerate(solving.gather()):
            file.write(score_rows(batch))
            for piece in chain([b","] if number else [], scores_text(batch, format_scores)):
                text.write(piece)
        text.write(SCORES_CLOSE)


def _write_permutations(solving: _Solving) -> None:
    """Store the draw, unless another worker stored one before, and then the parts that clients read."""
    drawn = _draw_once(solving)
    solving.write(solving.kind.object_for(), mask_text(drawn.mask))
    for dataset, positions in enumerate((drawn.left, drawn.right)):
        solving.write(solving.kind.object_for(dataset), permutation_text(positions, len(drawn.mask)))


def _draw_once(solving: _Solving) -> Permutations:
    first = solving.stored.read_draw()
    if first is None:
        _, records, _ = solving.group()
        left_count, right_count = solving.plan.record_counts
        drawn = draw_permutations(records[::2], records[1::2], (left_count, right_count))
        solving.stored.put_draw_if_absent(dump_permutations(drawn))
        first = solving.stored.read_draw()
    if first is None:
        raise FileNotFoundError(f"the permutations of run {solving.run.run_id} are gone")
    return load_permutations(first)


_WRITERS: Mapping[ResultType, Callable[[_Solving], None]] = {
    ResultType.GROUPS: _write_groups,
    ResultType.PERMUTATIONS: _write_permutations,
    ResultType.SIMILARITY_SCORES: _write_scores,
}
