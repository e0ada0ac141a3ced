"""Uploads in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, override

from psycopg2.errors import ForeignKeyViolation

from linkage.adapters.database import MOST_TRIES, Database
from linkage.errors import AccessDenied, DatabaseUnavailable
from linkage.models import Manifest, ReadyUpload, Upload, UploadState
from linkage.ports import Uploads

_COLUMNS = """upload_id, project_id, party_id, receipt_token_hash, manifest, state, time_added, message,
       time_moved, restarts"""

# The lock is a unique index: each party has at most one contribution.
_INSERT_UPLOAD = """
INSERT INTO uploads (upload_id, project_id, party_id, receipt_token_hash, manifest, state, time_added)
VALUES (%(upload_id)s, %(project_id)s, %(party_id)s, %(receipt_token_hash)s, %(manifest)s, %(state)s, %(time_added)s)
ON CONFLICT DO NOTHING
"""

_IS_CONTRIBUTION = "state IN ('received', 'ready')"

_SELECT_CONTRIBUTION = f"SELECT {_COLUMNS} FROM uploads WHERE party_id = %(party_id)s AND {_IS_CONTRIBUTION}"  # noqa: S608

_SELECT_NEWEST = f"""
SELECT {_COLUMNS} FROM uploads WHERE party_id = %(party_id)s
 ORDER BY time_added DESC, state <> 'error' DESC LIMIT 1
"""  # noqa: S608

_SELECT_OF_RECEIPT = f"""
SELECT {_COLUMNS} FROM uploads
 WHERE project_id = %(project_id)s AND receipt_token_hash = %(receipt_token_hash)s
"""  # noqa: S608

_SELECT_UPLOAD = f"SELECT {_COLUMNS} FROM uploads WHERE upload_id = %(upload_id)s"  # noqa: S608

# The project's row is locked, so that one of two uploads that end at once decides the size. It is locked first, as in a
# deletion, so that the two cannot deadlock.
_LOCK_SIZE = f"""
SELECT coalesce(p.encoding_size, %(expected_size)s, %(encoding_size)s)
  FROM uploads u JOIN projects p USING (project_id)
 WHERE u.upload_id = %(upload_id)s AND u.{_IS_CONTRIBUTION}
   FOR UPDATE OF p
"""  # noqa: S608

_MAKE_READY = """
UPDATE uploads SET state = 'ready', time_ended = %(now)s WHERE upload_id = %(upload_id)s AND state = 'received'
"""

_SET_SIZE = """
UPDATE projects SET encoding_size = %(size)s
 WHERE encoding_size IS NULL AND project_id = (SELECT project_id FROM uploads WHERE upload_id = %(upload_id)s)
"""

_FAIL_UPLOAD = """
UPDATE uploads SET state = 'error', message = %(message)s, time_ended = %(now)s
 WHERE upload_id = %(upload_id)s AND state = 'received'
RETURNING project_id
"""

_FAIL_WAITING_RUNS = """
UPDATE runs SET state = 'error', message = %(message)s, time_completed = %(now)s
 WHERE project_id = %(project_id)s AND state = 'created'
"""

_SELECT_READY = """
SELECT p.dataset_index, p.party_id, u.upload_id
  FROM uploads u JOIN parties p USING (party_id)
 WHERE u.project_id = %(project_id)s AND u.state = 'ready'
 ORDER BY p.dataset_index
"""

_SELECT_RECEIPTS = f"""
SELECT p.dataset_index, u.receipt_token_hash
  FROM uploads u JOIN parties p USING (party_id)
 WHERE u.project_id = %(project_id)s AND u.{_IS_CONTRIBUTION}
 ORDER BY p.dataset_index
"""  # noqa: S608

_SELECT_RECEIVED = f"SELECT {_COLUMNS} FROM uploads WHERE state = 'received' ORDER BY time_added"  # noqa: S608

_COUNT_RESTART = "UPDATE uploads SET time_moved = %(now)s, restarts = restarts + 1 WHERE upload_id = %(upload_id)s"


class PostgresUploads(Uploads):
    """Uploads in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def begin(self, upload: Upload) -> Upload:
        values = {
            "upload_id": upload.upload_id,
            "project_id": upload.project_id,
            "party_id": upload.party_id,
            "receipt_token_hash": upload.receipt_token_hash,
            "manifest": upload.manifest.model_dump_json(),
            "state": upload.state,
            "time_added": upload.time_added,
        }
        for _ in range(MOST_TRIES):
            try:
                inserted = self._database.execute(_INSERT_UPLOAD, values)
            except ForeignKeyViolation:  # the project was deleted a moment ago
                raise AccessDenied from None
            stored = upload if inserted else self.contribution(upload.party_id)
            if stored is not None:
                return stored
        raise DatabaseUnavailable  # each one that was in the way was gone when it was looked at

    @override
    def get(self, upload_id: str) -> Upload | None:
        return self._fetch(_SELECT_UPLOAD, {"upload_id": upload_id})

    @override
    def finish(self, upload_id: str, *, encoding_size: int, expected_size: int | None, now: datetime) -> int | None:
        with self._database.transaction() as cursor:
            sizes = {"encoding_size": encoding_size, "expected_size": expected_size}
            cursor.execute(_LOCK_SIZE, {"upload_id": upload_id} | sizes)
            row = cursor.fetchone()
            if row is None:
                return None
            (size,) = row
            if size == encoding_size:
                cursor.execute(_MAKE_READY, {"upload_id": upload_id, "now": now})
                cursor.execute(_SET_SIZE, {"upload_id": upload_id, "size": size})
            return int(size)

    @override
    def fail(self, upload_id: str, message: str, *, now: datetime) -> bool:
        with self._database.transaction() as cursor:
            cursor.execute(_FAIL_UPLOAD, {"upload_id": upload_id, "message": message, "now": now})
            row = cursor.fetchone()
            if row is None:
                return False
            cursor.execute(_FAIL_WAITING_RUNS, {"project_id": row[0], "message": message, "now": now})
            return True

    @override
    def contribution(self, party_id: str) -> Upload | None:
        return self._fetch(_SELECT_CONTRIBUTION, {"party_id": party_id})

    @override
    def newest(self, party_id: str) -> Upload | None:
        return self._fetch(_SELECT_NEWEST, {"party_id": party_id})

    @override
    def of_receipt(self, project_id: str, receipt_token_hash: bytes) -> Upload | None:
        values = {"project_id": project_id, "receipt_token_hash": receipt_token_hash}
        return self._fetch(_SELECT_OF_RECEIPT, values)

    @override
    def ready(self, project_id: str) -> Sequence[ReadyUpload]:
        rows = self._database.fetch_all(_SELECT_READY, {"project_id": project_id})
        return [ReadyUpload(*row) for row in rows]

    @override
    def receipts(self, project_id: str) -> Sequence[tuple[int, bytes]]:
        rows = self._database.fetch_all(_SELECT_RECEIPTS, {"project_id": project_id})
        return [(dataset_index, bytes(token_hash)) for dataset_index, token_hash in rows]

    @override
    def received(self) -> Sequence[Upload]:
        return [_upload(row) for row in self._database.fetch_all(_SELECT_RECEIVED)]

    @override
    def count_restart(self, upload_id: str, *, now: datetime) -> None:
        self._database.execute(_COUNT_RESTART, {"upload_id": upload_id, "now": now})

    def _fetch(self, statement: str, values: dict[str, Any]) -> Upload | None:
        row = self._database.fetch_one(statement, values)
        return None if row is None else _upload(row)


def _upload(row: tuple[Any, ...]) -> Upload:
    return Upload(
        upload_id=row[0],
        project_id=row[1],
        party_id=row[2],
        receipt_token_hash=bytes(row[3]),
        manifest=Manifest.model_validate(row[4]),
        state=UploadState(row[5]),
        time_added=row[6],
        message=row[7],
        time_moved=row[8],
        restarts=row[9],
    )
