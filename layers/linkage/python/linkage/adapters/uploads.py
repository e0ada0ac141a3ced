"""Uploads in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, override

from psycopg2.errors import ForeignKeyViolation, UniqueViolation

from linkage.adapters.database import Database
from linkage.errors import AccessDenied, TokenAlreadyUsed
from linkage.models import Manifest, ReadyUpload, Upload, UploadState
from linkage.ports import Uploads

_COLUMNS = """upload_id, project_id, party_id, receipt_token_hash, manifest, state, time_added, message,
       time_moved, restarts"""

# The lock is a unique index: each party has at most one upload that has not failed.
_INSERT_UPLOAD = """
INSERT INTO uploads (upload_id, project_id, party_id, receipt_token_hash, manifest, state, time_added)
VALUES (%(upload_id)s, %(project_id)s, %(party_id)s, %(receipt_token_hash)s, %(manifest)s, %(state)s, %(time_added)s)
"""

_SELECT_UPLOAD = f"SELECT {_COLUMNS} FROM uploads WHERE upload_id = %(upload_id)s"  # noqa: S608

# The project's row is locked, so that one of two uploads that end at once decides the size. It is locked first, as in a
# deletion, so that the two cannot deadlock.
_LOCK_SIZE = """
SELECT coalesce(p.encoding_size, %(expected_size)s, (u.manifest ->> 'encoding_size')::int),
       (u.manifest ->> 'encoding_size')::int
  FROM uploads u JOIN projects p USING (project_id)
 WHERE u.upload_id = %(upload_id)s AND u.state <> 'error'
   FOR UPDATE OF p
"""

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

_SELECT_RECEIPTS = """
SELECT p.dataset_index, u.receipt_token_hash
  FROM uploads u JOIN parties p USING (party_id)
 WHERE u.project_id = %(project_id)s AND u.state <> 'error'
 ORDER BY p.dataset_index
"""

_SELECT_RECEIVED = f"SELECT {_COLUMNS} FROM uploads WHERE state = 'received' ORDER BY time_added"  # noqa: S608

_COUNT_RESTART = "UPDATE uploads SET time_moved = %(now)s, restarts = restarts + 1 WHERE upload_id = %(upload_id)s"


class PostgresUploads(Uploads):
    """Uploads in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def begin(self, upload: Upload) -> None:
        values = {
            "upload_id": upload.upload_id,
            "project_id": upload.project_id,
            "party_id": upload.party_id,
            "receipt_token_hash": upload.receipt_token_hash,
            "manifest": upload.manifest.model_dump_json(),
            "state": upload.state,
            "time_added": upload.time_added,
        }
        try:
            self._database.execute(_INSERT_UPLOAD, values)
        except UniqueViolation:
            raise TokenAlreadyUsed from None
        except ForeignKeyViolation:  # the project was deleted a moment ago
            raise AccessDenied from None

    @override
    def get(self, upload_id: str) -> Upload | None:
        row = self._database.fetch_one(_SELECT_UPLOAD, {"upload_id": upload_id})
        return None if row is None else _upload(row)

    @override
    def finish(self, upload_id: str, *, expected_size: int | None, now: datetime) -> int | None:
        with self._database.transaction() as cursor:
            cursor.execute(_LOCK_SIZE, {"upload_id": upload_id, "expected_size": expected_size})
            row = cursor.fetchone()
            if row is None:
                return None
            size, own_size = row
            if size == own_size:
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
