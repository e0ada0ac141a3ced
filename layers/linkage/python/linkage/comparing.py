"""Use case of the compare worker, where the service's correctness lives.

It never asks the database, so that a thousand workers cost it nothing: the plan in the store bucket says all.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import timedelta

import numpy as np

from linkage.candidates.files import HEADER, OVERFLOW, count_stored
from linkage.candidates.pairs import PAIR, CandidatePairs, drop_duplicates, join_pairs
from linkage.encodings.rectangles import RECTANGLE_BYTES, Rectangles, load_rectangles, span
from linkage.engines.choice import engine
from linkage.messages import CompareChunk, SolveRun
from linkage.models import ChunkCount
from linkage.plans.plan import Plan, PlannedChunk
from linkage.ports import World
from linkage.progress import count_chunk, read_plan
from linkage.store import object_keys
from linkage.store.gathering import CandidateFile, gather_candidates
from linkage.store.removal import remove_prefix
from linkage.store.row_reading import read_encodings, read_record_indices
from linkage.tokens import new_id

MOST_REPEATS = 16
"""A pair may be found once for each block that it shares. Of so many times a run's limit it can be told, before they
are put together, that they are too many."""
_LOOK_AGAIN = timedelta(seconds=3)
"""How often a busy worker looks whether its run was deleted."""


class _RunDeleted(Exception):
    """The run's plan is gone, because it is over or was deleted: nothing more may be written for it."""


def compare_chunk(message: CompareChunk, world: World) -> None:
    """Compare one chunk, keep its candidate pairs, and count it.

    Safe to repeat: the pairs are a function of the plan and are written under the chunk's own key before the chunk is
    counted, and it is counted once. Whoever finds no chunk left asks for the run to be solved, on a repeat too, because
    the first attempt may have died before it could ask. A run whose plan is gone is over, or was deleted: nothing is
    left behind.
    """
    plan = read_plan(message.project_id, message.run_id, world)
    if plan is None:
        _remove_files(message, world)
        return
    candidates = _stored_candidates(message, world)
    if candidates is None:
        try:
            candidates = _Comparison(message, plan, world).store_candidates()
        except _RunDeleted:
            _remove_files(message, world)
            return
    count = ChunkCount(message.chunk, plan.chunks[message.chunk].comparisons, candidates)
    if count_chunk(message.project_id, plan, count, world) <= 0:
        world.queues.send(SolveRun(project_id=message.project_id, run_id=message.run_id))


def _remove_files(message: CompareChunk, world: World) -> None:
    """Remove what attempts at the chunk of a run that is over wrote, one that died too.

    Who removed the rest of the run may have been there before it was written.
    """
    ids = message.project_id, message.run_id, message.chunk
    world.objects.delete(world.settings.store_bucket, [object_keys.chunk_candidates(*ids)])
    remove_prefix(object_keys.spilled(*ids), world)


def _stored_candidates(message: CompareChunk, world: World) -> int | None:
    """Return how many pairs an earlier delivery of the message stored, None if it did not come to that."""
    key = object_keys.chunk_candidates(message.project_id, message.run_id, message.chunk)
    found = world.objects.head(world.settings.store_bucket, key)
    return None if found is None else count_stored(found.size_bytes)


class _Comparison:
    """One chunk's comparing. What does not fit into memory is spilled to the store bucket and merged in the end."""

    def __init__(self, message: CompareChunk, plan: Plan, world: World) -> None:
        self._message = message
        self._plan = plan
        self._chunk: PlannedChunk = plan.chunks[message.chunk]
        self._world = world
        self._engine = engine(world.settings.engine)
        self._looked = world.now()
        # Which pairs are found first depends on the threads. So what is spilled is this attempt's alone: of two at
        # once, neither may merge what the other wrote.
        self._attempt_id = new_id()

    def store_candidates(self) -> int:
        """Compare, write the file of candidate pairs, and return how many it holds."""
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
                return self._write(OVERFLOW)
        if not spilled:
            return self._write(HEADER + self._put_in_order(held).tobytes())
        return self._merge([*spilled, self._spill(held, len(spilled))])

    def _find_candidates(self) -> Iterator[CandidatePairs]:
        """Yield the chunk's candidate pairs by record index, in no order."""
        rectangles = self._read_rectangles()
        sides = [span(rectangles, side) for side in (0, 1)]
        prefixes = [self._plan.datasets[dataset] for dataset in (self._chunk.left, self._chunk.right)]
        left, right = (
            read_encodings(prefix, self._plan.encoding_size, *rows, self._world)
            for prefix, rows in zip(prefixes, sides, strict=True)
        )
        left_records, right_records = (
            read_record_indices(prefix, *rows, self._world) for prefix, rows in zip(prefixes, sides, strict=True)
        )
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

    def _read_rectangles(self) -> Rectangles:
        where = (number * RECTANGLE_BYTES for number in self._chunk[2:4])
        raw = self._world.objects.get_range(self._world.settings.store_bucket, self._plan.rectangles_key, *where)
        return load_rectangles(raw)

    def _put_in_order(self, held: Sequence[CandidatePairs]) -> CandidatePairs:
        return drop_duplicates(self._engine.sort_pairs(join_pairs(held)))

    def _spill(self, held: Sequence[CandidatePairs], number: int) -> CandidateFile:
        pairs = self._put_in_order(held)
        ids = self._message.project_id, self._plan.run_id, self._message.chunk
        key = object_keys.spilled_candidates(*ids, self._attempt_id, number)
        self._world.objects.put(self._world.settings.store_bucket, key, HEADER + pairs.tobytes())
        return CandidateFile(key, len(pairs))

    def _merge(self, spilled: Sequence[CandidateFile]) -> int:
        """Merge what was spilled into the chunk's one file, and remove it."""
        count = 0
        with self._world.objects.writer(self._world.settings.store_bucket, self._key) as file:
            file.write(HEADER)
            for batch in gather_candidates(spilled, self._world):
                self._check_run()
                pairs = np.empty(len(batch), dtype=PAIR)
                for name in PAIR.names or ():
                    pairs[name] = batch[name]
                file.write(pairs.data)
                count += len(pairs)
        self._check_run(now=True)
        self._world.objects.delete(self._world.settings.store_bucket, [file.key for file in spilled])
        return count

    def _write(self, body: bytes) -> int:
        self._world.objects.put(self._world.settings.store_bucket, self._key, body)
        self._check_run(now=True)
        return count_stored(len(body))

    @property
    def _key(self) -> str:
        return object_keys.chunk_candidates(self._message.project_id, self._plan.run_id, self._message.chunk)

    def _check_run(self, *, now: bool = False) -> None:
        """Stop if the run is over meanwhile."""
        if now or self._world.now() - self._looked >= _LOOK_AGAIN:
            self._looked = self._world.now()
            key = object_keys.plan(self._message.project_id, self._plan.run_id)
            if self._world.objects.head(self._world.settings.store_bucket, key) is None:
                raise _RunDeleted
