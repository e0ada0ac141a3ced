"""Projects and their parties in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import override

from linkage.models import Contributions, FailedUpload, Party, Project, RunState, Tombstone, Upload, UploadState
from linkage.ports import Projects
from linkage.testing.tables import Tables, drop_rows


@dataclass
class MemoryProjects(Projects):
    """Projects and their parties in memory."""

    tables: Tables

    @override
    def create(self, project: Project, parties: Sequence[Party]) -> None:
        self.tables.projects[project.project_id] = project
        self.tables.parties.update({party.party_id: party for party in parties})

    @override
    def get(self, project_id: str) -> Project | None:
        return self.tables.projects.get(project_id)

    @override
    def list(self) -> Sequence[tuple[str, datetime]]:
        added = [(project.time_added, project.project_id) for project in self.tables.projects.values()]
        return [(project_id, time_added) for time_added, project_id in sorted(added)]

    @override
    def count(self) -> int:
        return len(self.tables.projects)

    @override
    def parties(self, project_id: str) -> Sequence[Party]:
        parties = (party for party in self.tables.parties.values() if party.project_id == project_id)
        return sorted(parties, key=lambda party: party.dataset_index)

    @override
    def contributions(self, project_id: str) -> Contributions:
        last: dict[str, Upload] = {}
        for upload in self.tables.uploads.values():
            if upload.project_id == project_id and upload.state is not UploadState.BEGUN:
                last[upload.party_id] = upload
        states = [upload.state for upload in last.values()]
        return Contributions(
            contributed=sum(state is not UploadState.ERROR for state in states),
            ready=sum(state is UploadState.READY for state in states),
            failed=tuple(
                FailedUpload(last[party.party_id].upload_id, party.dataset_index, last[party.party_id].message or "")
                for party in self.parties(project_id)
                if party.party_id in last and last[party.party_id].state is UploadState.ERROR
            ),
        )

    @override
    def record_credentials(self, party_id: str, expiration: datetime) -> bool:
        if party_id not in self.tables.parties:
            return False
        self.tables.credentials[party_id] = max(expiration, self.tables.credentials.get(party_id, expiration))
        return True

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
        tables = self.tables
        if unused_since is not None and not self._is_unused(project_id, unused_since):
            return False
        if tables.projects.pop(project_id, None) is None:
            return False
        last = [tables.credentials.pop(p.party_id, sweep_until) for p in self.parties(project_id)]
        for rows in (tables.parties, tables.uploads, tables.runs):
            drop_rows(rows, project_id)
        for key in [key for key in tables.tombstones if key[0] == project_id]:
            del tables.tombstones[key]
        tables.tombstones[project_id, None] = Tombstone(project_id, None, max([sweep_until, *last])), now
        tables.audit.append((event, project_id, None))
        return True

    @override
    def unused(self, since: datetime, *, limit: int) -> Sequence[str]:
        return [project_id for project_id, _ in self.list() if self._is_unused(project_id, since)][:limit]

    @override
    def record_event(self, project_id: str, event: str, *, now: datetime) -> None:
        self.tables.audit.append((event, project_id, None))

    def _is_unused(self, project_id: str, since: datetime) -> bool:
        tables = self.tables
        runs = [run for run in tables.runs.values() if run.project_id == project_id]
        times = [
            *(project.time_added for project in tables.projects.values() if project.project_id == project_id),
            *(tables.credentials.get(party.party_id) for party in self.parties(project_id)),
            *(upload.time_added for upload in tables.uploads.values() if upload.project_id == project_id),
            *(time for run in runs for time in (run.time_added, run.time_completed)),
        ]
        busy = any(run.state in {RunState.QUEUED, RunState.RUNNING} for run in runs)
        return not busy and all(time is None or time < since for time in times)
