"""Uploads in memory."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import override

from linkage.errors import AccessDenied
from linkage.models import ReadyUpload, RunState, Upload, UploadState
from linkage.ports import Uploads
from linkage.testing.tables import Tables, check_storable


@dataclass
class MemoryUploads(Uploads):
    """Uploads in memory."""

    tables: Tables

    @override
    def begin(self, upload: Upload) -> Upload:
        if upload.party_id not in self.tables.parties:
            raise AccessDenied
        if upload.state.is_contribution and (stored := self.contribution(upload.party_id)) is not None:
            return stored
        self.tables.uploads[upload.upload_id] = upload
        return upload

    @override
    def get(self, upload_id: str) -> Upload | None:
        return self.tables.uploads.get(upload_id)

    @override
    def finish(self, upload_id: str, *, encoding_size: int, expected_size: int | None, now: datetime) -> int | None:
        upload = self.tables.uploads.get(upload_id)
        if upload is None or not upload.state.is_contribution:
            return None
        project = self.tables.projects[upload.project_id]
        size = project.encoding_size or expected_size or encoding_size
        if size == encoding_size:
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
    def contribution(self, party_id: str) -> Upload | None:
        uploads = self._of_party(party_id)
        return next((upload for upload in uploads if upload.state.is_contribution), None)

    @override
    def newest(self, party_id: str) -> Upload | None:
        uploads = self._of_party(party_id)
        return max(uploads, key=lambda upload: (upload.time_added, upload.state is not UploadState.ERROR), default=None)

    @override
    def of_receipt(self, project_id: str, receipt_token_hash: bytes) -> Upload | None:
        uploads = [upload for upload in self.tables.uploads.values() if upload.project_id == project_id]
        return next((upload for upload in uploads if upload.receipt_token_hash == receipt_token_hash), None)

    @override
    def ready(self, project_id: str) -> Sequence[ReadyUpload]:
        rows = [u for u in self.tables.uploads.values() if u.project_id == project_id and u.state is UploadState.READY]
        index = {party.party_id: party.dataset_index for party in self.tables.parties.values()}
        ready = [ReadyUpload(index[upload.party_id], upload.party_id, upload.upload_id) for upload in rows]
        return sorted(ready, key=lambda upload: upload.dataset_index)

    @override
    def receipts(self, project_id: str) -> Sequence[tuple[int, bytes]]:
        rows = [u for u in self.tables.uploads.values() if u.project_id == project_id]
        contributions = [upload for upload in rows if upload.state.is_contribution]
        return sorted((self.tables.parties[u.party_id].dataset_index, u.receipt_token_hash) for u in contributions)

    @override
    def received(self) -> Sequence[Upload]:
        return [upload for upload in self.tables.uploads.values() if upload.state is UploadState.RECEIVED]

    @override
    def count_restart(self, upload_id: str, *, now: datetime) -> None:
        upload = self.tables.uploads.get(upload_id)
        if upload is not None:
            restarts = upload.restarts + 1
            self.tables.uploads[upload_id] = dataclasses.replace(upload, time_moved=now, restarts=restarts)

    def _of_party(self, party_id: str) -> list[Upload]:
        return [upload for upload in self.tables.uploads.values() if upload.party_id == party_id]
