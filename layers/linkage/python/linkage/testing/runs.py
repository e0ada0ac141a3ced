"""Runs in memory."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import override

from linkage.errors import AccessDenied
from linkage.models import Run, RunState, Tombstone
from linkage.ports import Runs
from linkage.testing.tables import Tables, check_storable
from linkage.testing.uploads import MemoryUploads

_FINAL = {RunState.COMPLETED, RunState.ERROR}


@dataclass
class MemoryRuns(Runs):
    """Runs in memory."""

    tables: Tables

    @override
    def create(self, run: Run) -> Run:
        if run.project_id not in self.tables.projects:
            raise AccessDenied
        if run.key_hash is not None and (stored := self.of_key(run.project_id, run.key_hash)) is not None:
            return stored
        self.tables.runs[run.run_id] = run
        return run

    @override
    def of_key(self, project_id: str, key_hash: bytes) -> Run | None:
        return next((run for run in self.list(project_id) if run.key_hash == key_hash), None)

    @override
    def get(self, project_id: str, run_id: str) -> Run | None:
        run = self.tables.runs.get(run_id)
        return run if run is not None and run.project_id == project_id else None

    @override
    def list(self, project_id: str) -> Sequence[Run]:
        runs = (run for run in self.tables.runs.values() if run.project_id == project_id)
        return sorted(runs, key=lambda run: (run.time_added, run.run_id))

    @override
    def waiting(self, project_id: str) -> Sequence[str]:
        return [run.run_id for run in self.list(project_id) if run.state is RunState.CREATED]

    @override
    def queue(self, run_id: str) -> None:
        self._move(run_id, {RunState.CREATED}, state=RunState.QUEUED, restarts=0)

    @override
    def start(self, run_id: str, *, total_comparisons: int, now: datetime) -> None:
        before = {RunState.CREATED, RunState.QUEUED}
        changes = {"total_comparisons": total_comparisons, "time_started": now, "time_moved": now, "restarts": 0}
        self._move(run_id, before, state=RunState.RUNNING, **changes)

    @override
    def complete(self, run_id: str, *, now: datetime) -> None:
        self._move(run_id, {RunState.RUNNING}, state=RunState.COMPLETED, time_completed=now)

    @override
    def fail(self, run_id: str, message: str, *, now: datetime) -> None:
        check_storable(message)
        before = set(RunState) - _FINAL
        self._move(run_id, before, state=RunState.ERROR, message=message, time_completed=now)

    @override
    def unfinished(self) -> Sequence[Run]:
        runs = sorted(self.tables.runs.values(), key=lambda run: (run.time_added, run.run_id))
        return [
            run
            for run in runs
            if run.state not in _FINAL and (run.state is not RunState.CREATED or self._can_start(run))
        ]

    @override
    def record_progress(self, run_id: str, chunks_stored: int, *, now: datetime) -> None:
        self._move(run_id, set(RunState), chunks_stored=chunks_stored, time_moved=now, restarts=0)

    @override
    def count_restart(self, run_id: str, *, now: datetime) -> None:
        if run_id in self.tables.runs:
            self._move(run_id, set(RunState), time_moved=now, restarts=self.tables.runs[run_id].restarts + 1)

    @override
    def delete(
        self, project_id: str, run_id: str, *, now: datetime, sweep_until: datetime, event: str = "run deleted"
    ) -> bool:
        if self.get(project_id, run_id) is None:
            return False
        del self.tables.runs[run_id]
        self.tables.tombstones[project_id, run_id] = Tombstone(project_id, run_id, sweep_until), now
        self.tables.audit.append((event, project_id, run_id))
        return True

    @override
    def ended(self, before: datetime, *, limit: int) -> Sequence[Run]:
        ended = [(run.time_completed, run.run_id) for run in self.tables.runs.values() if run.time_completed]
        return [self.tables.runs[run_id] for time, run_id in sorted(ended) if time < before][:limit]

    @override
    def rate(self) -> int:
        done = [run for run in self.tables.runs.values() if run.state is RunState.COMPLETED]
        last = max(done, key=lambda run: run.time_completed or run.time_added, default=None)
        if last is None or last.time_started is None or last.time_completed is None:
            return 1
        seconds = max(0.001, (last.time_completed - last.time_started).total_seconds())
        return max(1, int((last.total_comparisons or 0) / seconds))

    def _can_start(self, run: Run) -> bool:
        ready = MemoryUploads(self.tables).ready(run.project_id)
        return len(ready) == self.tables.projects[run.project_id].number_parties

    def _move(self, run_id: str, before: set[RunState], **changes: object) -> None:
        run = self.tables.runs.get(run_id)
        if run is not None and run.state in before:
            self.tables.runs[run_id] = dataclasses.replace(run, **changes)  # type: ignore[arg-type]
