"""Tombstones and the reconciler's timer in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from linkage.models import (
    Tombstone,
)
from linkage.testing.tables import Tables


@dataclass
class MemoryTombstones:
    """See `linkage.ports.Tombstones`."""

    tables: Tables

    def get(self, project_id: str, run_id: str | None) -> Tombstone | None:
        """Return the tombstone, or None."""
        found = self.tables.tombstones.get((project_id, run_id))
        return None if found is None else found[0]

    def due(self, now: datetime) -> Sequence[Tombstone]:
        """Return the tombstones whose next sweep is due."""
        return [tombstone for tombstone, due in self.tables.tombstones.values() if due <= now]

    def postpone(self, tombstone: Tombstone, due: datetime) -> None:
        """Have the next sweep at ``due``."""
        self.tables.tombstones[tombstone.project_id, tombstone.run_id] = tombstone, due

    def remove(self, tombstone: Tombstone) -> None:
        """Forget it: the last sweep found nothing."""
        self.tables.tombstones.pop((tombstone.project_id, tombstone.run_id), None)

    def count(self) -> int:
        """Return how many there are."""
        return len(self.tables.tombstones)


@dataclass
class MemoryTimer:
    """See `linkage.ports.Timer`."""

    tables: Tables

    def arm(self, due: datetime, *, overdue: datetime) -> bool:
        """Claim the sending of the next message; False if one is on its way that comes by then."""
        if self.tables.timer is not None and overdue < self.tables.timer <= due:
            return False
        self.tables.timer = due
        return True

    def rearm(self, due: datetime, *, previous: datetime) -> bool:
        """Claim the sending of the message after the one that was due at ``previous``; False if that was done."""
        if self.tables.timer != previous:
            return False
        self.tables.timer = due
        return True
