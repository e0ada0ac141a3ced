"""Runs and their guarded states in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, override

from psycopg2.errors import ForeignKeyViolation, UndefinedColumn

from linkage.adapters.database import MOST_TRIES, Database
from linkage.errors import AccessDenied, DatabaseUnavailable
from linkage.models import Run, RunState
from linkage.ports import Runs

_COLUMNS = """run_id, project_id, threshold, name, notes, state, time_added, time_started, time_completed, message,
       total_comparisons, chunks_stored, time_moved, restarts"""

_INSERT_RUN = """
INSERT INTO runs (run_id, project_id, threshold, name, notes, state, time_added)
VALUES (%(run_id)s, %(project_id)s, %(threshold)s, %(name)s, %(notes)s, %(state)s, %(time_added)s)
"""

# Only a run with a key names the column: seconds before a migration ends, new code runs on the old tables.
_INSERT_RUN_WITH_KEY = """
INSERT INTO runs (run_id, project_id, threshold, name, notes, state, time_added, key_hash)
VALUES (%(run_id)s, %(project_id)s, %(threshold)s, %(name)s, %(notes)s, %(state)s, %(time_added)s, %(key_hash)s)
ON CONFLICT (project_id, key_hash) WHERE key_hash IS NOT NULL DO NOTHING
"""

_SELECT_OF_KEY = f"SELECT {_COLUMNS} FROM runs WHERE project_id = %(project_id)s AND key_hash = %(key_hash)s"  # noqa: S608

_SELECT_RUN = f"SELECT {_COLUMNS} FROM runs WHERE project_id = %(project_id)s AND run_id = %(run_id)s"  # noqa: S608

_SELECT_RUNS = f"""
SELECT {_COLUMNS} FROM runs WHERE project_id = %(project_id)s ORDER BY time_added, run_id
"""  # noqa: S608

_SELECT_WAITING = """
SELECT run_id FROM runs WHERE project_id = %(project_id)s AND state = 'created' ORDER BY time_added, run_id
"""

_QUEUE_RUN = "UPDATE runs SET state = 'queued', restarts = 0 WHERE run_id = %(run_id)s AND state = 'created'"

_START_RUN = """
UPDATE runs SET state = 'running', time_started = %(now)s, total_comparisons = %(total_comparisons)s,
                time_moved = %(now)s, restarts = 0
 WHERE run_id = %(run_id)s AND state IN ('created', 'queued')
"""

_COMPLETE_RUN = """
UPDATE runs SET state = 'completed', time_completed = %(now)s WHERE run_id = %(run_id)s AND state = 'running'
"""

_FAIL_RUN = """
UPDATE runs SET state = 'error', message = %(message)s, time_completed = %(now)s
 WHERE run_id = %(run_id)s AND state NOT IN ('completed', 'error')
"""

_SELECT_UNFINISHED = f"""
SELECT {_COLUMNS} FROM runs r
 WHERE state IN ('queued', 'running')
    OR state = 'created' AND (SELECT count(*) FROM uploads u WHERE u.project_id = r.project_id AND u.state = 'ready')
                           = (SELECT number_parties FROM projects p WHERE p.project_id = r.project_id)
 ORDER BY time_added, run_id
"""  # noqa: S608

_RECORD_PROGRESS = """
UPDATE runs SET chunks_stored = %(chunks_stored)s, time_moved = %(now)s, restarts = 0 WHERE run_id = %(run_id)s
"""

_COUNT_RESTART = "UPDATE runs SET time_moved = %(now)s, restarts = restarts + 1 WHERE run_id = %(run_id)s"

_DELETE_RUN = "DELETE FROM runs WHERE project_id = %(project_id)s AND run_id = %(run_id)s"

_INSERT_TOMBSTONE = """
INSERT INTO tombstones (project_id, run_id, time_added, sweep_until, due)
VALUES (%(project_id)s, %(run_id)s, %(now)s, %(sweep_until)s, %(now)s)
"""

_INSERT_AUDIT = """
INSERT INTO audit (time, event, project_id, run_id) VALUES (%(now)s, %(event)s, %(project_id)s, %(run_id)s)
"""

_SELECT_ENDED = f"""
SELECT {_COLUMNS} FROM runs WHERE time_completed < %(before)s ORDER BY time_completed, run_id LIMIT %(limit)s
"""  # noqa: S608

_SELECT_RATE = """
SELECT total_comparisons / greatest(extract(epoch FROM time_completed - time_started), 0.001)
  FROM runs WHERE state = 'completed' ORDER BY time_completed DESC LIMIT 1
"""


class PostgresRuns(Runs):
    """Runs in PostgreSQL; each state is guarded in a WHERE clause."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def create(self, run: Run) -> Run:
        for _ in range(MOST_TRIES):
            try:
                inserted = self._database.execute(_INSERT_RUN_WITH_KEY if run.key_hash else _INSERT_RUN, asdict(run))
            except ForeignKeyViolation:  # the project was deleted a moment ago
                raise AccessDenied from None
            except UndefinedColumn:
                raise DatabaseUnavailable from None
            stored = run if inserted or run.key_hash is None else self.of_key(run.project_id, run.key_hash)
            if stored is not None:
                return stored
        raise DatabaseUnavailable  # each one that was in the way was gone when it was looked at

    @override
    def of_key(self, project_id: str, key_hash: bytes) -> Run | None:
        try:
            row = self._database.fetch_one(_SELECT_OF_KEY, {"project_id": project_id, "key_hash": key_hash})
        except UndefinedColumn:
            raise DatabaseUnavailable from None
        return None if row is None else _run(row)

    @override
    def get(self, project_id: str, run_id: str) -> Run | None:
        row = self._database.fetch_one(_SELECT_RUN, {"project_id": project_id, "run_id": run_id})
        return None if row is None else _run(row)

    @override
    def list(self, project_id: str) -> Sequence[Run]:
        return [_run(row) for row in self._database.fetch_all(_SELECT_RUNS, {"project_id": project_id})]

    @override
    def waiting(self, project_id: str) -> Sequence[str]:
        return [run_id for (run_id,) in self._database.fetch_all(_SELECT_WAITING, {"project_id": project_id})]

    @override
    def queue(self, run_id: str) -> None:
        self._database.execute(_QUEUE_RUN, {"run_id": run_id})

    @override
    def start(self, run_id: str, *, total_comparisons: int, now: datetime) -> None:
        values = {"run_id": run_id, "total_comparisons": total_comparisons, "now": now}
        self._database.execute(_START_RUN, values)

    @override
    def complete(self, run_id: str, *, now: datetime) -> None:
        self._database.execute(_COMPLETE_RUN, {"run_id": run_id, "now": now})

    @override
    def fail(self, run_id: str, message: str, *, now: datetime) -> None:
        self._database.execute(_FAIL_RUN, {"run_id": run_id, "message": message, "now": now})

    @override
    def unfinished(self) -> Sequence[Run]:
        return [_run(row) for row in self._database.fetch_all(_SELECT_UNFINISHED)]

    @override
    def record_progress(self, run_id: str, chunks_stored: int, *, now: datetime) -> None:
        self._database.execute(_RECORD_PROGRESS, {"run_id": run_id, "chunks_stored": chunks_stored, "now": now})

    @override
    def count_restart(self, run_id: str, *, now: datetime) -> None:
        self._database.execute(_COUNT_RESTART, {"run_id": run_id, "now": now})

    @override
    def delete(
        self, project_id: str, run_id: str, *, now: datetime, sweep_until: datetime, event: str = "run deleted"
    ) -> bool:
        values = {"project_id": project_id, "run_id": run_id, "now": now, "sweep_until": sweep_until, "event": event}
        with self._database.transaction() as cursor:
            cursor.execute(_DELETE_RUN, values)
            if not cursor.rowcount:
                return False
            cursor.execute(_INSERT_TOMBSTONE, values)
            cursor.execute(_INSERT_AUDIT, values)
            return True

    @override
    def ended(self, before: datetime, *, limit: int) -> Sequence[Run]:
        return [_run(row) for row in self._database.fetch_all(_SELECT_ENDED, {"before": before, "limit": limit})]

    @override
    def rate(self) -> int:
        row = self._database.fetch_one(_SELECT_RATE)
        return max(1, int(row[0])) if row and row[0] is not None else 1


def _run(row: tuple[Any, ...]) -> Run:
    run_id, project_id, threshold, name, notes, state, *rest = row
    return Run(run_id, project_id, threshold, name, notes, RunState(state), *rest)
