"""Progress counts and a cache in Redis: a hash and a set of counted chunks for each run.

``run:{run_id}`` holds state (active, complete or deleted), chunks, comparisons (done), total, candidates;
``run:{run_id}:done`` the counted chunks. Both expire. The braces are part of the keys (a hash tag): a Redis cluster
keeps keys with the same text in braces in one slot, and a script may touch the keys of one slot only.
"""

from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast, override

from redis.exceptions import RedisError

from linkage.errors import ProgressUnavailable
from linkage.models import ChunkCount, Progress
from linkage.ports import Cache, ProgressCounter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

EXPIRES_S = 7 * 24 * 3600

# One script for counting and for restoring, so that a message delivered twice is counted once, and a run whose counts
# are lost is either restored whole or left alone. KEYS: hash, set. ARGV: expiry, chunks and comparisons of the run
# (empty texts: count only, do not create), then chunk, comparisons and candidates of each stored chunk.
_COUNT = """
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'deleted' then return -1 end
if not state then
  if ARGV[2] == '' then return false end
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'state', 'active', 'chunks', ARGV[2], 'total', ARGV[3], 'comparisons', 0, 'candidates', 0)
end
for i = 4, #ARGV, 3 do
  if redis.call('SADD', KEYS[2], ARGV[i]) == 1 then
    redis.call('HINCRBY', KEYS[1], 'comparisons', ARGV[i + 1])
    redis.call('HINCRBY', KEYS[1], 'candidates', ARGV[i + 2])
  end
end
local left = redis.call('HGET', KEYS[1], 'chunks') - redis.call('SCARD', KEYS[2])
if left == 0 then redis.call('HSET', KEYS[1], 'state', 'complete') end
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[1])
return left
"""


class RedisProgress(ProgressCounter):
    """Progress counts in Redis; every method raises `ProgressUnavailable` where Redis fails."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    @override
    def restore(self, run_id: str, *, chunks: int, comparisons: int, stored: Sequence[ChunkCount]) -> None:
        self._count(run_id, [chunks, comparisons], stored)

    @override
    def count(self, run_id: str, chunk: ChunkCount) -> int | None:
        return self._count(run_id, ["", ""], [chunk])

    @override
    def read(self, run_id: str) -> Progress | None:
        with _reporting():
            counts = cast("dict[bytes, bytes]", self._redis.hgetall(_key(run_id)))
            chunks_done = int(self._redis.scard(_done_key(run_id)))
        if b"chunks" not in counts:
            return None
        return Progress(
            chunks=int(counts[b"chunks"]),
            chunks_done=chunks_done,
            comparisons_done=int(counts[b"comparisons"]),
            comparisons_total=int(counts[b"total"]),
            candidates=int(counts[b"candidates"]),
        )

    @override
    def forget(self, run_id: str) -> None:
        with _reporting(), self._redis.pipeline() as pipeline:
            pipeline.delete(_key(run_id), _done_key(run_id))
            pipeline.hset(_key(run_id), "state", "deleted")
            pipeline.expire(_key(run_id), EXPIRES_S)
            pipeline.execute()

    def _count(self, run_id: str, run: list[Any], stored: Sequence[ChunkCount]) -> int | None:
        counts = [number for count in stored for number in (count.chunk, count.comparisons, count.candidates)]
        with _reporting():
            left = self._redis.eval(_COUNT, 2, _key(run_id), _done_key(run_id), EXPIRES_S, *run, *counts)
        return None if left is None else int(left)


class RedisCache(Cache):
    """A cache in Redis."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    @override
    def get(self, key: str) -> str | None:
        try:
            value = cast("bytes | None", self._redis.get(key))
        except RedisError:
            return None
        return None if value is None else value.decode()

    @override
    def put(self, key: str, value: str, *, expires_s: int) -> None:
        try:
            self._redis.set(key, value, ex=expires_s)
        except RedisError:
            return


def _key(run_id: str) -> str:
    return f"run:{{{run_id}}}"


def _done_key(run_id: str) -> str:
    return f"{_key(run_id)}:done"


@contextmanager
def _reporting() -> "Iterator[None]":
    """Raise `ProgressUnavailable` in place of any error of Redis."""
    try:
        yield
    except RedisError as error:
        raise ProgressUnavailable(str(error)) from error
