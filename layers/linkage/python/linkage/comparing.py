"""Use case of the compare worker, where the service's correctness lives.

It never asks the database, so that a thousand workers cost it nothing: the plan in the store bucket says all.
"""

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

import numpy as np

from linkage.candidates.pairs import CandidatePairs, Candidates, drop_duplicates, join_pairs
from linkage.encodings.rectangles import span
from linkage.engines.choice import engine
from linkage.messages import CompareChunk, SolveRun
from linkage.models import ChunkCount
from linkage.plans.plan import Plan, PlannedChunk
from linkage.ports import World
from linkage.progress import count_chunk
from linkage.store.chunks import ChunkStore
from linkage.store.encoding_sets import EncodingSetStore
from linkage.store.gathering import CandidateFile, gather_candidates
from linkage.store.rectangles import read_rectangles
from linkage.store.runs import RunStore
from linkage.tokens import new_id

logger = logging.getLogger(__name__)

MOST_REPEATS = 16
"""A pair is found once for each block that it shares. More than this multiple of a run's limit counts as too many pairs
before they are merged."""
_LOOK_AGAIN = timedelta(seconds=3)
"""Period at which a busy worker checks whether its run was deleted."""


class _RunDeleted(Exception):
    """The run's plan is gone: the run is over or was deleted, and nothing more may be written for it."""


def compare_chunk(message: CompareChunk, world: World) -> None:
    """Compare one chunk, keep its candidate pairs, and count it.

    Safe to repeat: the pairs are a function of the plan and are written under the chunk's own key before the chunk is
    counted, and it is counted once. A worker that finds no chunk left sends `SolveRun`, on a repeat too, because the
    first attempt may have died before it could ask. A run whose plan is gone is over, or was deleted: what attempts
    at the chunk wrote is removed, because the rest of the run may have been removed before they wrote it. An attempt
    that fails because of that is no failure.
    """
    run = RunStore(message.project_id, message.run_id, world)
    plan, stored = run.read_plan(), ChunkStore(run, message.chunk)
    if plan is None:
        stored.remove()
        return
    candidates = stored.count_pairs()  # None if no earlier delivery of the message came to storing them
    if candidates is None:
        try:
            candidates = _Comparison(plan, stored).store_candidates()
        except Exception as error:
            if not isinstance(error, _RunDeleted) and run.has_plan():
                raise
            logger.info("run %s is over: chunk %d is dropped", message.run_id, message.chunk)
            stored.remove()
            return
    count = ChunkCount(message.chunk, plan.chunks[message.chunk].comparisons, candidates)
    if count_chunk(message.project_id, plan, count, world) <= 0:
        world.queues.send(SolveRun(project_id=message.project_id, run_id=message.run_id))


class _Comparison:
    """One chunk's comparing. Candidate pairs that do not fit into memory are spilled, and merged in the end."""

    def __init__(self, plan: Plan, stored: ChunkStore) -> None:
        self._plan = plan
        self._stored = stored
        self._chunk: PlannedChunk = plan.chunks[stored.chunk]
        self._world = stored.run.world
        self._engine = engine(self._world.settings.engine)
        self._looked = self._world.now()
        # The order in which pairs are found depends on the threads. So an attempt merges its own spilled files alone,
        # not those of another attempt at the same time.
        self._attempt_id = new_id()

    def store_candidates(self) -> int:
        """Compare, write the file of candidate pairs, and return their number."""
        settings = self._world.settings
        held: list[CandidatePairs] = []
        spilled: list[CandidateFile] = []
        room = settings.spill_pairs
        for pairs in self._find_candidates():
            self._check_run()
            held.append(pairs)
            room -= len(pairs)
            if room < 0:
                spilled.append(self._spill(held, len(spilled)))
                held, room = [], settings.spill_pairs
            if sum(file.count for file in spilled) > MOST_REPEATS * settings.max_candidates:
                self._stored.put_overflow()
                self._check_run(now=True)
                return 0
        if spilled:
            return self._merge([*spilled, self._spill(held, len(spilled))])
        pairs = self._put_in_order(held)
        self._stored.put(pairs)
        self._check_run(now=True)
        return len(pairs)

    def _find_candidates(self) -> Iterator[CandidatePairs]:
        """Yield the chunk's candidate pairs by record index, in no order."""
        rectangles = read_rectangles(self._plan, self._chunk, self._world)
        sides = [span(rectangles, side) for side in (0, 1)]
        sets = [
            EncodingSetStore(self._plan.datasets[dataset], self._world)
            for dataset in (self._chunk.left, self._chunk.right)
        ]
        left, right = (
            each.read_encodings(self._plan.encoding_size, *rows) for each, rows in zip(sets, sides, strict=True)
        )
        left_records, right_records = (each.read_record_indices(*rows) for each, rows in zip(sets, sides, strict=True))
        settings = self._world.settings
        for pairs in self._engine.find_candidates(
            left,
            right,
            rectangles - np.repeat([start for start, _ in sides], 2),
            self._plan.threshold,
            threads=settings.compare_threads or len(os.sched_getaffinity(0)),
            max_pairs=settings.batch_pairs,
        ):
            pairs["left"] = left_records[pairs["left"]]
            pairs["right"] = right_records[pairs["right"]]
            yield pairs

    def _put_in_order(self, held: Sequence[CandidatePairs]) -> CandidatePairs:
        return drop_duplicates(self._engine.sort_pairs(join_pairs(held)))

    def _spill(self, held: Sequence[CandidatePairs], number: int) -> CandidateFile:
        return self._stored.spill(self._put_in_order(held), self._attempt_id, number)

    def _merge(self, spilled: Sequence[CandidateFile]) -> int:
        """Merge the spilled files into the chunk's one file, and remove them."""
        count = self._stored.write(self._while_run_lasts(gather_candidates(spilled, self._world)))
        self._check_run(now=True)
        self._stored.remove_spilled(spilled)
        return count

    def _while_run_lasts(self, batches: Iterable[Candidates]) -> Iterator[Candidates]:
        for batch in batches:
            self._check_run()
            yield batch

    def _check_run(self, *, now: bool = False) -> None:
        """Stop if the run has ended meanwhile; without ``now``, check from time to time only."""
        if now or self._world.now() - self._looked >= _LOOK_AGAIN:
            self._looked = self._world.now()
            if not self._stored.run.has_plan():
                raise _RunDeleted
