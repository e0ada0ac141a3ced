"""Projects and their parties in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, override

from psycopg2.extras import execute_values

from linkage.adapters.database import Database
from linkage.models import Contributions, FailedUpload, Party, Project, ResultType
from linkage.ports import Projects

_INSERT_PROJECT = """
INSERT INTO projects (project_id, result_token_hash, schema, result_type, number_parties, name, notes,
                      uses_blocking, encoding_size, time_added)
VALUES (%(project_id)s, %(result_token_hash)s, %(schema)s, %(result_type)s, %(number_parties)s, %(name)s, %(notes)s,
        %(uses_blocking)s, %(encoding_size)s, %(time_added)s)
"""

_INSERT_PARTIES = "INSERT INTO parties (party_id, project_id, dataset_index, update_token_hash) VALUES %s"

_SELECT_PROJECT = """
SELECT project_id, result_token_hash, schema, result_type, number_parties, name, notes, uses_blocking, time_added,
       encoding_size
  FROM projects WHERE project_id = %(project_id)s
"""

_SELECT_PARTIES = """
SELECT party_id, project_id, dataset_index, update_token_hash
  FROM parties WHERE project_id = %(project_id)s ORDER BY dataset_index
"""

# The last upload of each party counts: an error is over once the party has uploaded again.
_SELECT_CONTRIBUTIONS = """
SELECT state, upload_id, dataset_index, coalesce(message, '')
  FROM (SELECT DISTINCT ON (party_id) party_id, state, upload_id, message
          FROM uploads WHERE project_id = %(project_id)s AND state <> 'begun'
         ORDER BY party_id, time_added DESC, state <> 'error' DESC) AS last_uploads
  JOIN parties USING (party_id)
 ORDER BY dataset_index
"""

_RECORD_CREDENTIALS = """
UPDATE parties SET credentials_expire = greatest(credentials_expire, %(expiration)s) WHERE party_id = %(party_id)s
"""

_LAST_CREDENTIALS = "SELECT max(credentials_expire) FROM parties WHERE project_id = %(project_id)s"

# The project was not used since a time. `greatest` ignores NULL.
_UNUSED = """
p.time_added < %(since)s
   AND NOT EXISTS (SELECT 1 FROM parties t WHERE t.project_id = p.project_id AND t.credentials_expire >= %(since)s)
   AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.project_id = p.project_id AND u.time_added >= %(since)s)
   AND NOT EXISTS (SELECT 1 FROM runs r
                    WHERE r.project_id = p.project_id
                      AND (r.state IN ('queued', 'running')
                           OR greatest(r.time_added, r.time_completed) >= %(since)s))
"""

_SELECT_UNUSED = f"SELECT project_id FROM projects p WHERE {_UNUSED} ORDER BY time_added, project_id LIMIT %(limit)s"  # noqa: S608

_DELETE_PROJECT = f"DELETE FROM projects p WHERE project_id = %(project_id)s AND (%(since)s IS NULL OR {_UNUSED})"  # noqa: S608

_INSERT_TOMBSTONE = """
INSERT INTO tombstones (project_id, run_id, time_added, sweep_until, due)
VALUES (%(project_id)s, '', %(now)s, %(sweep_until)s, %(now)s)
"""

# The sweep of the whole project includes its deleted runs.
_DELETE_RUN_TOMBSTONES = "DELETE FROM tombstones WHERE project_id = %(project_id)s AND run_id <> ''"

_INSERT_AUDIT = "INSERT INTO audit (time, event, project_id) VALUES (%(now)s, %(event)s, %(project_id)s)"


class PostgresProjects(Projects):
    """Projects and their parties in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def create(self, project: Project, parties: Sequence[Party]) -> None:
        rows = [(p.party_id, p.project_id, p.dataset_index, p.update_token_hash) for p in parties]
        with self._database.transaction() as cursor:
            cursor.execute(_INSERT_PROJECT, asdict(project))
            execute_values(cursor, _INSERT_PARTIES, rows, page_size=1000)

    @override
    def get(self, project_id: str) -> Project | None:
        row = self._database.fetch_one(_SELECT_PROJECT, {"project_id": project_id})
        return None if row is None else _project(row)

    @override
    def list(self) -> Sequence[tuple[str, datetime]]:
        rows = self._database.fetch_all("SELECT project_id, time_added FROM projects ORDER BY time_added, project_id")
        return [(project_id, time_added) for project_id, time_added in rows]

    @override
    def count(self) -> int:
        row = self._database.fetch_one("SELECT count(*) FROM projects")
        return int(row[0]) if row else 0

    @override
    def parties(self, project_id: str) -> Sequence[Party]:
        rows = self._database.fetch_all(_SELECT_PARTIES, {"project_id": project_id})
        return [Party(party_id, project, index, bytes(token_hash)) for party_id, project, index, token_hash in rows]

    @override
    def contributions(self, project_id: str) -> Contributions:
        rows = self._database.fetch_all(_SELECT_CONTRIBUTIONS, {"project_id": project_id})
        return Contributions(
            contributed=sum(state != "error" for state, *_ in rows),
            ready=sum(state == "ready" for state, *_ in rows),
            failed=tuple(FailedUpload(*rest) for state, *rest in rows if state == "error"),
        )

    @override
    def record_credentials(self, party_id: str, expiration: datetime) -> bool:
        return self._database.execute(_RECORD_CREDENTIALS, {"party_id": party_id, "expiration": expiration}) > 0

    @override
    def delete(
        self,
        project_id: str,
        *,
        now: datetime,
        sweep_until: datetime,
        event: str = "project deleted",
        unused_since: datetime | None = None,
    ) -> bool:
        with self._database.transaction() as cursor:
            cursor.execute(_LAST_CREDENTIALS, {"project_id": project_id})
            (last,) = cursor.fetchone() or (None,)
            cursor.execute(_DELETE_PROJECT, {"project_id": project_id, "since": unused_since})
            if not cursor.rowcount:
                return False
            until = max(sweep_until, last or sweep_until)
            values = {"project_id": project_id, "now": now, "sweep_until": until, "event": event}
            for statement in (_DELETE_RUN_TOMBSTONES, _INSERT_TOMBSTONE, _INSERT_AUDIT):
                cursor.execute(statement, values)
            return True

    @override
    def unused(self, since: datetime, *, limit: int) -> Sequence[str]:
        rows = self._database.fetch_all(_SELECT_UNUSED, {"since": since, "limit": limit})
        return [project_id for (project_id,) in rows]

    @override
    def record_event(self, project_id: str, event: str, *, now: datetime) -> None:
        self._database.execute(_INSERT_AUDIT, {"project_id": project_id, "event": event, "now": now})


def _project(row: tuple[Any, ...]) -> Project:
    return Project(
        project_id=row[0],
        result_token_hash=bytes(row[1]),
        schema=row[2],
        result_type=ResultType(row[3]),
        number_parties=row[4],
        name=row[5],
        notes=row[6],
        uses_blocking=row[7],
        time_added=row[8],
        encoding_size=row[9],
    )
