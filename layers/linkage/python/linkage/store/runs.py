"""Stored objects of a run: its plan, the files of its chunks, and its result.

Numbers are in `linkage.store.chunks` and `linkage.store.rectangles`: this module needs no numpy, so that the API can
use it.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import lru_cache

from linkage.candidates.files import count_stored, is_overflow
from linkage.models import ChunkCount, StoredObject
from linkage.plans.plan import Plan
from linkage.ports import World, Writer
from linkage.store import object_keys
from linkage.store.removal import remove_prefix, remove_prefix_and_uploads


@lru_cache(maxsize=1)
def _parse_plan(text: bytes) -> Plan:
    """Parse a plan; a worker that takes chunk after chunk of a run parses the run's plan once."""
    return Plan.model_validate_json(text)


@dataclass(frozen=True, slots=True)
class RunStore:
    """The objects of one run."""

    project_id: str
    run_id: str
    world: World = field(repr=False)

    def read_plan(self) -> Plan | None:
        """Return the run's plan; None if there is none yet, or no more."""
        text = self.world.objects.get(self._bucket, self._plan_key)
        return None if text is None else _parse_plan(text)

    def has_plan(self) -> bool:
        """Tell whether the run has a plan; without one, no worker may write anything for it."""
        return self.world.objects.head(self._bucket, self._plan_key) is not None

    def put_plan_if_absent(self, plan: Plan) -> bool:
        """Store the run's plan; False if there is one already."""
        return self.world.objects.put_if_absent(self._bucket, self._plan_key, plan.model_dump_json().encode())

    def list_chunks(self, plan: Plan) -> list[ChunkCount]:
        """Return the counts of each chunk that is compared, from the stored files and the plan."""
        stored = self.world.objects.list(self._bucket, object_keys.candidates(self.project_id, self.run_id))
        return [_count_chunk(each, plan) for each in stored]

    def result_key(self, name: str) -> str:
        """Return the key of an object of the result; `linkage.result_types.kinds` has the names."""
        return object_keys.result(self.project_id, self.run_id, name)

    def result_writer(self, name: str) -> AbstractContextManager[Writer]:
        """Write an object of the result piece by piece."""
        return self.world.objects.writer(self._bucket, self.result_key(name))

    def result_size(self, name: str) -> int | None:
        """Return the size of an object of the result in bytes; None if it is not there."""
        stored = self.world.objects.head(self._bucket, self.result_key(name))
        return None if stored is None else stored.size_bytes

    def read_result(self, name: str, size_bytes: int) -> bytes:
        """Return an object of the result."""
        return self.world.objects.get_range(self._bucket, self.result_key(name), 0, size_bytes)

    def presign_result(self, name: str) -> str:
        """Return a presigned URL of an object of the result: for a time, anybody can read it there."""
        expires_s = self.world.settings.result_url_expires_s
        return self.world.objects.presign(self._bucket, self.result_key(name), expires_s=expires_s)

    def read_draw(self) -> bytes | None:
        """Return the permutations that were drawn for the run; None if none were."""
        return self.world.objects.get(self._bucket, self._draw_key)

    def put_draw_if_absent(self, drawn: bytes) -> bool:
        """Store the permutations that were drawn for the run; False if there are some already."""
        return self.world.objects.put_if_absent(self._bucket, self._draw_key, drawn)

    def remove_intermediates(self) -> None:
        """Remove all objects that the run needs no more; the plan first, which stops late compare workers."""
        for prefix in object_keys.intermediates(self.project_id, self.run_id):
            remove_prefix(self._bucket, prefix, self.world)

    def remove(self) -> int:
        """Remove every object of the run, the plan first, and return their number."""
        run = object_keys.run(self.project_id, self.run_id)
        return self._remove_plan() + remove_prefix(self._bucket, run, self.world)

    def remove_with_uploads(self) -> int:
        """Remove half-written objects too, as the delete worker alone may, and return the number of all."""
        run = object_keys.run(self.project_id, self.run_id)
        return self._remove_plan() + remove_prefix_and_uploads(self._bucket, run, self.world)

    def _remove_plan(self) -> int:
        return remove_prefix(self._bucket, self._plan_key, self.world)

    @property
    def _bucket(self) -> str:
        return self.world.settings.store_bucket

    @property
    def _plan_key(self) -> str:
        return object_keys.plan(self.project_id, self.run_id)

    @property
    def _draw_key(self) -> str:
        return object_keys.permutations(self.project_id, self.run_id)


def _count_chunk(stored: StoredObject, plan: Plan) -> ChunkCount:
    chunk, size_bytes = object_keys.chunk_of(stored.key), stored.size_bytes
    return ChunkCount(chunk, plan.chunks[chunk].comparisons, count_stored(size_bytes), is_overflow(size_bytes))
