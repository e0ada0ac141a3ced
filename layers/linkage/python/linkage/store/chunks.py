"""Stored objects of a chunk: its file of candidate pairs, and the files that attempts at a large chunk spill."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from linkage.candidates.files import HEADER, OVERFLOW, count_stored
from linkage.candidates.pairs import PAIR, CandidatePairs, Candidates
from linkage.store import object_keys
from linkage.store.gathering import CandidateFile
from linkage.store.removal import remove_prefix
from linkage.store.runs import RunStore


@dataclass(frozen=True, slots=True)
class ChunkStore:
    """The objects of one chunk of a run. Pairs are written in their total order, each once."""

    run: RunStore
    chunk: int

    def file(self, count: int, datasets: int) -> CandidateFile:
        """Describe the chunk's file of candidate pairs."""
        return CandidateFile(self._key, count, datasets)

    def count_pairs(self) -> int | None:
        """Return the number of stored candidate pairs; None if the chunk has no file yet."""
        stored = self.run.world.objects.head(self._bucket, self._key)
        return None if stored is None else count_stored(stored.size_bytes)

    def put(self, pairs: CandidatePairs) -> None:
        """Store the candidate pairs."""
        self._put(self._key, pairs)

    def put_overflow(self) -> None:
        """Store a mark in place of more candidate pairs than a run may have."""
        self.run.world.objects.put(self._bucket, self._key, OVERFLOW)

    def write(self, batches: Iterable[Candidates]) -> int:
        """Store batches of candidate pairs as they come and return the number of pairs."""
        count = 0
        with self.run.world.objects.writer(self._bucket, self._key) as file:
            file.write(HEADER)
            for batch in batches:
                pairs = np.empty(len(batch), dtype=PAIR)
                for name in PAIR.names or ():
                    pairs[name] = batch[name]
                file.write(pairs.data)
                count += len(pairs)
        return count

    def spill(self, pairs: CandidatePairs, attempt_id: str, number: int) -> CandidateFile:
        """Store a part of the candidate pairs of an attempt at the chunk that finds more than fit into memory."""
        key = object_keys.spilled_candidates(*self._ids, attempt_id, number)
        self._put(key, pairs)
        return CandidateFile(key, len(pairs))

    def remove_spilled(self, files: Sequence[CandidateFile]) -> None:
        """Remove files that an attempt spilled."""
        self.run.world.objects.delete(self._bucket, [file.key for file in files])

    def remove(self) -> None:
        """Remove the chunk's file, and the files that all attempts at it spilled."""
        self.run.world.objects.delete(self._bucket, [self._key])
        remove_prefix(self._bucket, object_keys.spilled(*self._ids), self.run.world)

    def _put(self, key: str, pairs: CandidatePairs) -> None:
        self.run.world.objects.put(self._bucket, key, HEADER + pairs.tobytes())

    @property
    def _ids(self) -> tuple[str, str, int]:
        return self.run.project_id, self.run.run_id, self.chunk

    @property
    def _key(self) -> str:
        return object_keys.chunk_candidates(*self._ids)

    @property
    def _bucket(self) -> str:
        return self.run.world.settings.store_bucket
