"""Tombstones and the reconciler's timer in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import override

from linkage.models import Tombstone
from linkage.ports import Timer, Tombstones
from linkage.testing.tables import Tables


@dataclass
class MemoryTombstones(Tombstones):
    """Tombstones in memory."""

    tables: Tables

    @override
    def get(self, project_id: str, run_id: str | None) -> Tombstone | None:
        row = self.tables.tombstones.get((project_id, run_id))
        return None if row is None else row[0]

    @override
    def due(self, now: datetime) -> Sequence[Tombstone]:
        return [tombstone for tombstone, due in self.tables.tombstones.values() if due <= now]

    @override
    def postpone(self, tombstone: Tombstone, due: datetime) -> None:
        self.tables.tombstones[tombstone.project_id, tombstone.run_id] = tombstone, due

    @override
    def remove(self, tombstone: Tombstone) -> None:
        self.tables.tombstones.pop((tombstone.project_id, tombstone.run_id), None)

    @override
    def count(self) -> int:
        return len(self.tables.tombstones)


@dataclass
class MemoryTimer(Timer):
    """The reconciler's timer in memory."""

    tables: Tables

    @override
    def arm(self, due: datetime, *, overdue: datetime) -> bool:
        if self.tables.timer is not None and overdue < self.tables.timer <= due:
            return False
        self.tables.timer = due
        return True

    @override
    def rearm(self, due: datetime, *, previous: datetime) -> bool:
        if self.tables.timer != previous:
            return False
        self.tables.timer = due
        return True
