"""Progress counts and a cache in memory, in place of Redis."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import override

from linkage.errors import ProgressUnavailable
from linkage.models import ChunkCount, Progress
from linkage.ports import Cache, ProgressCounter


@dataclass
class MemoryProgress(ProgressCounter):
    """Progress counts in memory. With `reachable` off, every method fails as if Redis were unavailable."""

    runs: dict[str, tuple[int, int, dict[int, ChunkCount]]] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    reachable: bool = True

    @override
    def restore(self, run_id: str, *, chunks: int, comparisons: int, stored: Sequence[ChunkCount]) -> None:
        self._check()
        if run_id not in self.forgotten:
            counted = self.runs.setdefault(run_id, (chunks, comparisons, {}))[2]
            counted.update({count.chunk: count for count in stored})

    @override
    def count(self, run_id: str, chunk: ChunkCount) -> int | None:
        self._check()
        if run_id in self.forgotten:
            return -1
        if run_id not in self.runs:
            return None
        chunks, _, counted = self.runs[run_id]
        counted.setdefault(chunk.chunk, chunk)
        return chunks - len(counted)

    @override
    def read(self, run_id: str) -> Progress | None:
        self._check()
        if run_id not in self.runs:
            return None
        chunks, comparisons, counted = self.runs[run_id]
        return Progress(
            chunks=chunks,
            chunks_done=len(counted),
            comparisons_done=sum(count.comparisons for count in counted.values()),
            comparisons_total=comparisons,
            candidates=sum(count.candidates for count in counted.values()),
        )

    @override
    def forget(self, run_id: str) -> None:
        self._check()
        self.runs.pop(run_id, None)
        self.forgotten.add(run_id)

    def _check(self) -> None:
        if not self.reachable:
            raise ProgressUnavailable("Redis is unavailable")


@dataclass
class MemoryCache(Cache):
    """A cache in memory. Nothing expires."""

    kept: dict[str, str] = field(default_factory=dict)

    @override
    def get(self, key: str) -> str | None:
        return self.kept.get(key)

    @override
    def put(self, key: str, value: str, *, expires_s: int) -> None:
        self.kept[key] = value
