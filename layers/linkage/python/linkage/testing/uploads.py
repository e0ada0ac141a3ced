"""Uploads in memory."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import override

from linkage.errors import AccessDenied, TokenAlreadyUsed
from linkage.models import ReadyUpload, RunState, Upload, UploadState
from linkage.ports import Uploads
from linkage.testing.tables import Tables, check_storable


@dataclass
class MemoryUploads(Uploads):
    """Uploads in memory."""

    tables: Tables

    @override
    def begin(self, upload: Upload) -> None:
        if upload.party_id not in self.tables.parties:
            raise AccessDenied
        rows = self.tables.uploads.values()
        if any(row.party_id == upload.party_id and row.state is not UploadState.ERROR for row in rows):
            raise TokenAlreadyUsed
        self.tables.uploads[upload.upload_id] = upload

    @override
    def get(self, upload_id: str) -> Upload | None:
        return self.tables.uploads.get(upload_id)

    @override
    def finish(self, upload_id: str, *, expected_size: int | None, now: datetime) -> int | None:
        upload = self.tables.uploads.get(upload_id)
        if upload is None or upload.state is UploadState.ERROR:
            return None
        project = self.tables.projects[upload.project_id]
        own_size = upload.manifest.encoding_size
        size = project.encoding_size or expected_size or own_size
        if size == own_size:
            self.tables.uploads[upload_id] = dataclasses.replace(upload, state=UploadState.READY)
            self.tables.projects[project.project_id] = dataclasses.replace(project, encoding_size=size)
        return size

    @override
    def fail(self, upload_id: str, message: str, *, now: datetime) -> bool:
        check_storable(message)
        upload = self.tables.uploads.get(upload_id)
        if upload is None or upload.state is not UploadState.RECEIVED:
            return False
        self.tables.uploads[upload_id] = dataclasses.replace(upload, state=UploadState.ERROR, message=message)
        for run in [run for run in self.tables.runs.values() if run.project_id == upload.project_id]:
            if run.state is RunState.CREATED:
                self.tables.runs[run.run_id] = dataclasses.replace(
                    run, state=RunState.ERROR, message=message, time_completed=now
                )
        return True

    @override
    def ready(self, project_id: str) -> Sequence[ReadyUpload]:
        rows = [u for u in self.tables.uploads.values() if u.project_id == project_id and u.state is UploadState.READY]
        index = {party.party_id: party.dataset_index for party in self.tables.parties.values()}
        ready = [ReadyUpload(index[upload.party_id], upload.party_id, upload.upload_id) for upload in rows]
        return sorted(ready, key=lambda upload: upload.dataset_index)

    @override
    def receipts(self, project_id: str) -> Sequence[tuple[int, bytes]]:
        rows = [u for u in self.tables.uploads.values() if u.project_id == project_id]
        alive = [upload for upload in rows if upload.state is not UploadState.ERROR]
        return sorted((self.tables.parties[u.party_id].dataset_index, u.receipt_token_hash) for u in alive)

    @override
    def received(self) -> Sequence[Upload]:
        return [upload for upload in self.tables.uploads.values() if upload.state is UploadState.RECEIVED]

    @override
    def count_restart(self, upload_id: str, *, now: datetime) -> None:
        upload = self.tables.uploads.get(upload_id)
        if upload is not None:
            restarts = upload.restarts + 1
            self.tables.uploads[upload_id] = dataclasses.replace(upload, time_moved=now, restarts=restarts)
