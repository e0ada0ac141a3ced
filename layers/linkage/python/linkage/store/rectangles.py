"""Stored rectangles of a plan: one object, of which a compare worker reads the part of its chunk."""

import hashlib
from collections.abc import Iterable

from linkage.encodings.rectangles import RECTANGLE_BYTES, Rectangles, dump_rectangles, load_rectangles
from linkage.plans.plan import Plan, PlannedChunk
from linkage.ports import World
from linkage.store import object_keys
from linkage.store.runs import RunStore


def put_rectangles(run: RunStore, parts: Iterable[Rectangles]) -> str:
    """Store the rectangles of all chunks under the digest of their bytes and return the key; plans share none."""
    body = dump_rectangles(parts)
    key = object_keys.rectangles(run.project_id, run.run_id, hashlib.sha256(body).hexdigest())
    run.world.objects.put(run.world.settings.store_bucket, key, body)
    return key


def read_rectangles(plan: Plan, chunk: PlannedChunk, world: World) -> Rectangles:
    """Return the rectangles of a chunk of the plan."""
    start, stop = chunk.first_rectangle * RECTANGLE_BYTES, chunk.stop_rectangle * RECTANGLE_BYTES
    body = world.objects.get_range(world.settings.store_bucket, plan.rectangles_key, start, stop)
    return load_rectangles(body)
