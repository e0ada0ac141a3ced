"""Use case of the compare worker, where the service's correctness lives.

It never asks the database, so that a thousand workers cost it nothing: the plan in the store bucket says all.
"""

import numpy as np

from linkage import object_keys
from linkage.candidate_files import count_stored, dump_header
from linkage.candidates import CandidatePairs, dump_pairs, join_pairs, sort_pairs
from linkage.encoding_sets import ENCODINGS, RECORD_INDEX, ROWS, Encodings, Rows, load_encodings, load_rows
from linkage.messages import CompareChunk, SolveRun
from linkage.models import ChunkCount
from linkage.plans import Chunk, Plan, Rectangle
from linkage.ports import World
from linkage.progress import count_chunk, read_plan
from linkage.similarity import find_candidates


def compare_chunk(message: CompareChunk, world: World) -> None:
    """Compare one chunk, keep its candidate pairs, and count it.

    Safe to repeat: the pairs are a function of the plan and are written under the chunk's own key before the chunk is
    counted, and it is counted once. Whoever finds no chunk left asks for the run to be solved, on a repeat too, because
    the first attempt may have died before it could ask. A run whose plan is gone was deleted: nothing is written.
    """
    plan = read_plan(message.project_id, message.run_id, world)
    if plan is None:
        return
    chunk = plan.chunks[message.chunk].chunk
    candidates = _stored_candidates(message, world)
    if candidates is None:
        candidates = _store_candidates(message, plan, chunk, world)
    count = ChunkCount(message.chunk, chunk.comparisons, candidates)
    if count_chunk(message.project_id, plan, count, world) <= 0:
        world.queues.send(SolveRun(project_id=message.project_id, run_id=message.run_id))


def _key(message: CompareChunk) -> str:
    return object_keys.chunk_candidates(message.project_id, message.run_id, message.chunk)


def _stored_candidates(message: CompareChunk, world: World) -> int | None:
    """Return how many pairs an earlier delivery of the message stored, None if it did not come to that."""
    found = world.objects.look_at(world.settings.store_bucket, _key(message))
    return None if found is None else count_stored(found.size_bytes)


def _store_candidates(message: CompareChunk, plan: Plan, chunk: Chunk, world: World) -> int:
    found: list[CandidatePairs] = []
    count = 0
    for rectangle in chunk.rectangles:
        found.append(_compare_rectangle(rectangle, chunk, plan, world))
        count += len(found[-1])
        if count > world.settings.max_candidates:
            body = dump_header(count)
            break
    else:
        body = dump_pairs(sort_pairs(join_pairs(found)))
    world.objects.put(world.settings.store_bucket, _key(message), body)
    return count_stored(len(body))


def _compare_rectangle(rectangle: Rectangle, chunk: Chunk, plan: Plan, world: World) -> CandidatePairs:
    """Return the rectangle's candidate pairs, by record index."""
    left, left_rows = _read_rows(plan, chunk.left, rectangle.left_start, rectangle.left_stop, world)
    right, right_rows = _read_rows(plan, chunk.right, rectangle.right_start, rectangle.right_stop, world)
    pairs = find_candidates(left, right, plan.threshold)
    pairs["left"] = np.take(left_rows, pairs["left"])
    pairs["right"] = np.take(right_rows, pairs["right"])
    return pairs


def _read_rows(plan: Plan, dataset: int, start: int, stop: int, world: World) -> tuple[Encodings, Rows]:
    """Read the rows' encodings and record indices: one contiguous range of each object."""
    bucket, prefix = world.settings.store_bucket, plan.datasets[dataset]
    size, index = plan.encoding_size, RECORD_INDEX.itemsize
    encodings = world.objects.get_range(bucket, prefix + ENCODINGS, start * size, stop * size)
    rows = world.objects.get_range(bucket, prefix + ROWS, start * index, stop * index)
    return load_encodings(encodings, size), load_rows(rows)
