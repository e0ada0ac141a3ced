"""Tombstones and the reconciler's timer in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, override

from linkage.adapters.database import Database
from linkage.models import Tombstone
from linkage.ports import Timer, Tombstones

_ONE = "project_id = %(project_id)s AND run_id = %(run_id)s"

_SELECT_ONE = f"SELECT project_id, run_id, sweep_until FROM tombstones WHERE {_ONE}"  # noqa: S608

_SELECT_DUE = """
SELECT project_id, run_id, sweep_until FROM tombstones WHERE due <= %(now)s ORDER BY due, project_id, run_id
"""

_ARM = """
INSERT INTO timer (due) VALUES (%(due)s)
    ON CONFLICT (single) DO UPDATE SET due = excluded.due
     WHERE timer.due <= %(overdue)s OR timer.due > excluded.due
"""

_REARM = "UPDATE timer SET due = %(due)s WHERE due = %(previous)s"


class PostgresTombstones(Tombstones):
    """Tombstones in PostgreSQL. A whole project's tombstone has an empty run ID there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def get(self, project_id: str, run_id: str | None) -> Tombstone | None:
        row = self._database.fetch_one(_SELECT_ONE, {"project_id": project_id, "run_id": run_id or ""})
        return None if row is None else _tombstone(row)

    @override
    def due(self, now: datetime) -> Sequence[Tombstone]:
        return [_tombstone(row) for row in self._database.fetch_all(_SELECT_DUE, {"now": now})]

    @override
    def postpone(self, tombstone: Tombstone, due: datetime) -> None:
        self._database.execute(f"UPDATE tombstones SET due = %(due)s WHERE {_ONE}", _values(tombstone) | {"due": due})  # noqa: S608

    @override
    def remove(self, tombstone: Tombstone) -> None:
        self._database.execute(f"DELETE FROM tombstones WHERE {_ONE}", _values(tombstone))  # noqa: S608

    @override
    def count(self) -> int:
        row = self._database.fetch_one("SELECT count(*) FROM tombstones")
        return int(row[0]) if row else 0


class PostgresTimer(Timer):
    """The reconciler's timer in PostgreSQL: one row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def arm(self, due: datetime, *, overdue: datetime) -> bool:
        return self._database.execute(_ARM, {"due": due, "overdue": overdue}) > 0

    @override
    def rearm(self, due: datetime, *, previous: datetime) -> bool:
        return self._database.execute(_REARM, {"due": due, "previous": previous}) > 0


def _values(tombstone: Tombstone) -> dict[str, Any]:
    return {"project_id": tombstone.project_id, "run_id": tombstone.run_id or ""}


def _tombstone(row: tuple[Any, ...]) -> Tombstone:
    project_id, run_id, sweep_until = row
    return Tombstone(project_id, run_id or None, sweep_until)
