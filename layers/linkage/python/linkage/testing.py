"""All of the service's outside in memory, for this project's tests and its users'.

The same tests run on these and on the real adapters, so these behave as they do: guarded states, unique uploads, a
deletion that takes everything with it. `in_memory_world` puts them together.
"""

import dataclasses
import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import BinaryIO

from linkage.errors import AccessDenied, ProgressUnavailable, TokenAlreadyUsed, UploadRejected
from linkage.messages import WORKERS, Message
from linkage.models import (
    ChunkCount,
    Contributions,
    Credentials,
    DeadLetter,
    Party,
    Progress,
    Project,
    ReadyUpload,
    Run,
    RunState,
    StoredFile,
    StoredObject,
    Tombstone,
    Upload,
    UploadState,
)
from linkage.ports import World, Writer
from linkage.settings import Settings

_FINAL = {RunState.COMPLETED, RunState.ERROR}


@dataclass
class Tables:
    """The rows that the in-memory repositories share, as the tables of one database."""

    projects: dict[str, Project] = field(default_factory=dict)
    parties: dict[str, Party] = field(default_factory=dict)
    credentials: dict[str, datetime] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    tombstones: dict[tuple[str, str | None], tuple[Tombstone, datetime]] = field(default_factory=dict)
    audit: list[tuple[str, str, str | None]] = field(default_factory=list)
    timer: datetime | None = None


@dataclass
class MemoryProjects:
    """See `linkage.ports.Projects`."""

    tables: Tables

    def create(self, project: Project, parties: Sequence[Party]) -> None:
        """Keep a new project and its parties."""
        self.tables.projects[project.project_id] = project
        self.tables.parties.update({party.party_id: party for party in parties})

    def get(self, project_id: str) -> Project | None:
        """Return the project, or None."""
        return self.tables.projects.get(project_id)

    def list(self) -> Sequence[tuple[str, datetime]]:
        """Return id and creation time of every project, oldest first."""
        added = [(project.time_added, project.project_id) for project in self.tables.projects.values()]
        return [(project_id, time_added) for time_added, project_id in sorted(added)]

    def count(self) -> int:
        """Return how many projects there are."""
        return len(self.tables.projects)

    def parties(self, project_id: str) -> Sequence[Party]:
        """Return the project's parties in the order of their data sets."""
        found = (party for party in self.tables.parties.values() if party.project_id == project_id)
        return sorted(found, key=lambda party: party.dataset_index)

    def contributions(self, project_id: str) -> Contributions:
        """Return how far the project's uploads have come."""
        last: dict[str, Upload] = {}
        for upload in self.tables.uploads.values():
            if upload.project_id == project_id:
                last[upload.party_id] = upload
        states = [upload.state for upload in last.values()]
        return Contributions(
            contributed=sum(state is not UploadState.ERROR for state in states),
            ready=sum(state is UploadState.READY for state in states),
            errors=tuple(last[party].message or "" for party in sorted(last) if last[party].state is UploadState.ERROR),
        )

    def note_credentials(self, party_id: str, expiration: datetime) -> bool:
        """Keep until when the party can write to the uploads bucket; False if the party is gone."""
        if party_id not in self.tables.parties:
            return False
        self.tables.credentials[party_id] = max(expiration, self.tables.credentials.get(party_id, expiration))
        return True

    def delete(
        self,
        project_id: str,
        *,
        now: datetime,
        sweep_until: datetime,
        event: str = "project deleted",
        unused_since: datetime | None = None,
    ) -> bool:
        """Remove every row of the project, leave a tombstone and an audit entry; False if there is none."""
        tables = self.tables
        if unused_since is not None and not self._is_unused(project_id, unused_since):
            return False
        if tables.projects.pop(project_id, None) is None:
            return False
        last = [tables.credentials.pop(p.party_id, sweep_until) for p in self.parties(project_id)]
        for rows in (tables.parties, tables.uploads, tables.runs):
            _drop(rows, project_id)
        for key in [key for key in tables.tombstones if key[0] == project_id]:
            del tables.tombstones[key]
        tables.tombstones[project_id, None] = Tombstone(project_id, None, max([sweep_until, *last])), now
        tables.audit.append((event, project_id, None))
        return True

    def unused(self, since: datetime, *, limit: int) -> Sequence[str]:
        """Return ids of projects in which nothing happened from then on, oldest first."""
        return [project_id for project_id, _ in self.list() if self._is_unused(project_id, since)][:limit]

    def note(self, project_id: str, event: str, *, now: datetime) -> None:  # noqa: ARG002
        """Keep an audit entry."""
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


@dataclass
class MemoryUploads:
    """See `linkage.ports.Uploads`."""

    tables: Tables

    def begin(self, upload: Upload) -> None:
        """Keep a new upload; raises `TokenAlreadyUsed` if the party has one that did not fail."""
        if upload.party_id not in self.tables.parties:
            raise AccessDenied
        rows = self.tables.uploads.values()
        if any(row.party_id == upload.party_id and row.state is not UploadState.ERROR for row in rows):
            raise TokenAlreadyUsed
        self.tables.uploads[upload.upload_id] = upload

    def get(self, upload_id: str) -> Upload | None:
        """Return the upload, or None."""
        return self.tables.uploads.get(upload_id)

    def finish(self, upload_id: str, *, expected_size: int | None, now: datetime) -> int | None:  # noqa: ARG002
        """Make a received upload ready if its encodings have the project's size, and return that size."""
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

    def fail(self, upload_id: str, message: str, *, now: datetime) -> bool:
        """Move a received upload to `error`, and the project's waiting runs with it; False if it is not received."""
        _check_storable(message)
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

    def ready(self, project_id: str) -> Sequence[ReadyUpload]:
        """Return the project's ready uploads in the order of their data sets."""
        found = [u for u in self.tables.uploads.values() if u.project_id == project_id and u.state is UploadState.READY]
        index = {party.party_id: party.dataset_index for party in self.tables.parties.values()}
        ready = [ReadyUpload(index[upload.party_id], upload.party_id, upload.upload_id) for upload in found]
        return sorted(ready, key=lambda upload: upload.dataset_index)

    def receipts(self, project_id: str) -> Sequence[tuple[int, bytes]]:
        """Return data set index and receipt token's hash of each of the project's uploads that did not fail."""
        rows = [u for u in self.tables.uploads.values() if u.project_id == project_id]
        alive = [upload for upload in rows if upload.state is not UploadState.ERROR]
        return sorted((self.tables.parties[u.party_id].dataset_index, u.receipt_token_hash) for u in alive)

    def received(self) -> Sequence[Upload]:
        """Return every upload that waits to be taken in."""
        return [upload for upload in self.tables.uploads.values() if upload.state is UploadState.RECEIVED]

    def note_restart(self, upload_id: str, *, now: datetime) -> None:
        """Count that the upload's intake was started again now, or let wait."""
        upload = self.tables.uploads.get(upload_id)
        if upload is not None:
            restarts = upload.restarts + 1
            self.tables.uploads[upload_id] = dataclasses.replace(upload, time_moved=now, restarts=restarts)


@dataclass
class MemoryRuns:
    """See `linkage.ports.Runs`."""

    tables: Tables

    def create(self, run: Run) -> None:
        """Keep a new run."""
        if run.project_id not in self.tables.projects:
            raise AccessDenied
        self.tables.runs[run.run_id] = run

    def get(self, project_id: str, run_id: str) -> Run | None:
        """Return the run, or None."""
        run = self.tables.runs.get(run_id)
        return run if run is not None and run.project_id == project_id else None

    def list(self, project_id: str) -> Sequence[Run]:
        """Return the project's runs, oldest first."""
        found = (run for run in self.tables.runs.values() if run.project_id == project_id)
        return sorted(found, key=lambda run: (run.time_added, run.run_id))

    def waiting(self, project_id: str) -> Sequence[str]:
        """Return the ids of the project's runs in state `created`."""
        return [run.run_id for run in self.list(project_id) if run.state is RunState.CREATED]

    def queue(self, run_id: str) -> None:
        """Move `created` to `queued`."""
        self._move(run_id, {RunState.CREATED}, state=RunState.QUEUED, restarts=0)

    def start(self, run_id: str, *, total_comparisons: int, now: datetime) -> None:
        """Move `created` or `queued` to `running`."""
        before = {RunState.CREATED, RunState.QUEUED}
        begun = {"total_comparisons": total_comparisons, "time_started": now, "time_moved": now, "restarts": 0}
        self._move(run_id, before, state=RunState.RUNNING, **begun)

    def complete(self, run_id: str, *, now: datetime) -> None:
        """Move `running` to `completed`."""
        self._move(run_id, {RunState.RUNNING}, state=RunState.COMPLETED, time_completed=now)

    def fail(self, run_id: str, message: str, *, now: datetime) -> None:
        """Move any state but `completed` and `error` to `error`."""
        _check_storable(message)
        before = set(RunState) - _FINAL
        self._move(run_id, before, state=RunState.ERROR, message=message, time_completed=now)

    def unfinished(self) -> Sequence[Run]:
        """Return the runs that should be moving."""
        runs = sorted(self.tables.runs.values(), key=lambda run: (run.time_added, run.run_id))
        return [
            run
            for run in runs
            if run.state not in _FINAL and (run.state is not RunState.CREATED or self._can_start(run))
        ]

    def note_progress(self, run_id: str, chunks_stored: int, *, now: datetime) -> None:
        """Keep how many chunks the reconciler saw, and that the run moved by itself: its restarts are forgotten."""
        self._move(run_id, set(RunState), chunks_stored=chunks_stored, time_moved=now, restarts=0)

    def note_restart(self, run_id: str, *, now: datetime) -> None:
        """Count that the run was started again now, or let wait."""
        if run_id in self.tables.runs:
            self._move(run_id, set(RunState), time_moved=now, restarts=self.tables.runs[run_id].restarts + 1)

    def delete(
        self, project_id: str, run_id: str, *, now: datetime, sweep_until: datetime, event: str = "run deleted"
    ) -> bool:
        """Remove the run's row, leave a tombstone and an audit entry; False if there is none."""
        if self.get(project_id, run_id) is None:
            return False
        del self.tables.runs[run_id]
        self.tables.tombstones[project_id, run_id] = Tombstone(project_id, run_id, sweep_until), now
        self.tables.audit.append((event, project_id, run_id))
        return True

    def ended(self, before: datetime, *, limit: int) -> Sequence[Run]:
        """Return runs that were completed, or failed, before then, oldest first."""
        ended = [(run.time_completed, run.run_id) for run in self.tables.runs.values() if run.time_completed]
        return [self.tables.runs[run_id] for time, run_id in sorted(ended) if time < before][:limit]

    def rate(self) -> int:
        """Return the comparisons a second of the run that completed last, at least 1."""
        done = [run for run in self.tables.runs.values() if run.state is RunState.COMPLETED]
        last = max(done, key=lambda run: run.time_completed or run.time_added, default=None)
        if last is None or last.time_started is None or last.time_completed is None:
            return 1
        seconds = max(0.001, (last.time_completed - last.time_started).total_seconds())
        return max(1, int((last.total_comparisons or 0) / seconds))

    def _can_start(self, run: Run) -> bool:
        ready = MemoryUploads(self.tables).ready(run.project_id)
        return len(ready) == self.tables.projects[run.project_id].number_parties

    def _move(self, run_id: str, before: set[RunState], **changes: object) -> None:
        run = self.tables.runs.get(run_id)
        if run is not None and run.state in before:
            self.tables.runs[run_id] = dataclasses.replace(run, **changes)  # type: ignore[arg-type]


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


@dataclass
class MemoryObjects:
    """See `linkage.ports.Objects`. `stored` holds body and metadata by bucket and key."""

    stored: dict[tuple[str, str], tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    multipart_uploads: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    clock: Callable[[], datetime] | None = None
    times: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return the whole object, or None."""
        found = self.stored.get((bucket, key))
        return None if found is None else found[0]

    def get_range(self, bucket: str, key: str, start: int, stop: int) -> bytes:
        """Return the bytes from ``start`` up to, not including, ``stop``; fails if the object has fewer."""
        body = self.stored[bucket, key][0][start:stop]
        if len(body) != stop - start:
            raise EOFError(f"{key} ends before byte {stop}")
        return body

    def get_fixed(self, bucket: str, key: str, start: int, stop: int) -> memoryview:
        """Return the same of an object that never changes."""
        return memoryview(self.get_range(bucket, key, start, stop))

    @contextmanager
    def open(self, file: StoredFile) -> Iterator[BinaryIO]:
        """Stream the object as it was pinned; raises `UploadRejected` if it is gone or was changed."""
        body = self.get(file.bucket, file.key)
        if body is None:
            raise UploadRejected("the file was removed after it was announced")
        if _etag(body) != file.etag:
            raise UploadRejected("the file was changed after it was announced")
        yield io.BytesIO(body)

    def look_at(self, bucket: str, key: str) -> StoredObject | None:
        """Return the object's size, ETag and metadata, or None."""
        found = self.stored.get((bucket, key))
        return None if found is None else StoredObject(key, len(found[0]), _etag(found[0]), dict(found[1]))

    def put(self, bucket: str, key: str, body: bytes, *, metadata: dict[str, str] | None = None) -> StoredFile:
        """Store the object, over any that is there."""
        self.stored[bucket, key] = bytes(body), metadata or {}
        if self.clock is not None:
            self.times[bucket, key] = self.clock()
        return StoredFile(bucket=bucket, key=key, etag=_etag(body), size_bytes=len(body))

    @contextmanager
    def writer(self, bucket: str, key: str) -> Iterator[Writer]:
        """Store an object piece by piece, over any that is there; nobody sees it before it is whole."""
        body = io.BytesIO()
        yield body
        self.put(bucket, key, body.getvalue())

    def put_first(self, bucket: str, key: str, body: bytes) -> bool:
        """Store the object unless there is one; False if there is."""
        if (bucket, key) in self.stored:
            return False
        self.put(bucket, key, body)
        return True

    def list(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys begin with the prefix, in the order of their keys."""
        for where, key in sorted(self.stored):
            if where == bucket and key.startswith(prefix):
                yield StoredObject(key, len(self.stored[where, key][0]), time_modified=self.times.get((where, key)))

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Remove the objects; one that is not there is no error."""
        for key in list(keys):
            self.stored.pop((bucket, key), None)

    def abort_multipart_uploads(self, bucket: str, prefix: str) -> int:
        """Abort the multipart uploads under the prefix and return how many there were."""
        found = {key for key in self.multipart_uploads[bucket] if key.startswith(prefix)}
        self.multipart_uploads[bucket] -= found
        return len(found)

    def presign(self, bucket: str, key: str, *, expires_s: int) -> str:
        """Return an URL that whoever has it can read the object from, for a time."""
        return f"memory://{bucket}/{key}?expires={expires_s}"


@dataclass
class MemoryQueues:
    """See `linkage.ports.Queues`. `sent` holds worker, message and delay in the order of sending.

    What waits and is none of our messages, such as S3's events, is in `held`: how many for each worker.
    """

    sent: list[tuple[str, Message, int]] = field(default_factory=list)
    dead: list[tuple[str, str]] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)

    def send(self, *messages: Message, delay_s: int = 0) -> None:
        """Keep the messages."""
        self.sent += [(WORKERS[type(message)], message, delay_s) for message in messages]

    def backlog(self, worker: str) -> int:
        """Return how many messages wait for a worker."""
        return sum(name == worker for name, _, _ in self.sent) + self.held.get(worker, 0)

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Yield the dead letters, each once; one that is not dropped is there again later."""
        for worker, body in list(self.dead):
            yield DeadLetter(worker, body)

    def drop(self, letter: DeadLetter) -> None:
        """Remove a dead letter."""
        self.dead.remove((letter.worker, letter.body))

    def take(self, worker: str) -> list[Message]:
        """Take the messages that wait for a worker."""
        taken = [message for name, message, _ in self.sent if name == worker]
        self.sent = [entry for entry in self.sent if entry[0] != worker]
        return taken


@dataclass
class MemoryProgress:
    """See `linkage.ports.ProgressCounter`. With `reachable` off, it is a Redis that cannot be asked."""

    runs: dict[str, tuple[int, int, dict[int, ChunkCount]]] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    reachable: bool = True

    def restore(self, run_id: str, *, chunks: int, comparisons: int, stored: Sequence[ChunkCount]) -> None:
        """Make the run's hash if it is not there, and count the stored chunks that are not counted."""
        self._check()
        if run_id not in self.forgotten:
            counted = self.runs.setdefault(run_id, (chunks, comparisons, {}))[2]
            counted.update({count.chunk: count for count in stored})

    def count(self, run_id: str, chunk: ChunkCount) -> int | None:
        """Count the chunk, once, and return how many are left; None if the run is forgotten."""
        self._check()
        if run_id in self.forgotten:
            return -1
        if run_id not in self.runs:
            return None
        chunks, _, counted = self.runs[run_id]
        counted.setdefault(chunk.chunk, chunk)
        return chunks - len(counted)

    def read(self, run_id: str) -> Progress | None:
        """Return the run's progress; None if it is forgotten."""
        self._check()
        if run_id not in self.runs:
            return None
        chunks, comparisons, counted = self.runs[run_id]
        return Progress(
            chunks=chunks,
            chunks_done=len(counted),
            comparisons_done=sum(count.comparisons for count in counted.values()),
            comparisons_total=comparisons,
            candidates=sum(count.candidates for count in counted.values()),
        )

    def forget(self, run_id: str) -> None:
        """Mark the run as deleted and drop its counts."""
        self._check()
        self.runs.pop(run_id, None)
        self.forgotten.add(run_id)

    def _check(self) -> None:
        if not self.reachable:
            raise ProgressUnavailable("Redis is switched off")


@dataclass
class MemoryCache:
    """See `linkage.ports.Cache`. Nothing expires."""

    kept: dict[str, str] = field(default_factory=dict)

    def get(self, key: str) -> str | None:
        """Return what was kept."""
        return self.kept.get(key)

    def put(self, key: str, value: str, *, expires_s: int) -> None:  # noqa: ARG002
        """Keep the value."""
        self.kept[key] = value


@dataclass
class MemoryCredentials:
    """See `linkage.ports.CredentialIssuer`. What it issues opens nothing."""

    clock: "Clock"

    def issue(self, prefix: str, *, session_name: str) -> Credentials:
        """Return made-up credentials for the prefix."""
        return Credentials(f"key-{session_name}", "secret", f"session-{prefix}", self.clock() + timedelta(hours=1))

    def issue_reading(self, key: str, *, session_name: str) -> Credentials:
        """Return made-up credentials for the object."""
        return self.issue(key, session_name=session_name)


@dataclass
class Clock:
    """A clock that stands still until it is moved on."""

    time: datetime = datetime(2025, 1, 1)  # noqa: DTZ001  naive UTC, as everywhere here

    def __call__(self) -> datetime:
        """Return the time, a microsecond later than before: no two things happen at once."""
        self.time += timedelta(microseconds=1)
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.time += timedelta(seconds=seconds)


def in_memory_world(**settings: object) -> World:
    """Return a world that lives and dies with its test; settings are those of `linkage.settings.Settings`."""
    tables, clock = Tables(), Clock()
    return World(
        settings=Settings.model_validate({"uploads_bucket": "uploads", "store_bucket": "store", **settings}),
        projects=MemoryProjects(tables),
        uploads=MemoryUploads(tables),
        runs=MemoryRuns(tables),
        tombstones=MemoryTombstones(tables),
        timer=MemoryTimer(tables),
        objects=MemoryObjects(clock=clock),
        queues=MemoryQueues(),
        progress=MemoryProgress(),
        cache=MemoryCache(),
        credentials=MemoryCredentials(clock),
        now=clock,
    )


def _check_storable(text: str) -> None:
    """Refuse what PostgreSQL refuses in a text."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("a text cannot hold NUL characters or lone surrogates")


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def _drop(rows: dict[str, Party] | dict[str, Upload] | dict[str, Run], project_id: str) -> None:
    for key in [key for key, row in rows.items() if row.project_id == project_id]:
        del rows[key]
