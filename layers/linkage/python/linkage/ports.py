"""What the use cases need from the outside, and nothing more.

`linkage.adapters` speaks to PostgreSQL, S3, SQS, STS and Redis; `linkage.testing` holds all of it in memory. The same
tests run on both. Each method that changes a state says which change it guards: it does nothing where the state has
moved on, so that a message delivered twice cannot move it back.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from linkage.messages import Message
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
    StoredFile,
    StoredObject,
    Tombstone,
    Upload,
)
from linkage.settings import Settings

Piece = bytes | bytearray | memoryview
"""Bytes to be written; a C-contiguous array's are ``array.view(np.uint8).data``, without a copy."""


class Projects(Protocol):
    """Projects and their parties."""

    def create(self, project: Project, parties: Sequence[Party]) -> None:
        """Keep a new project and its parties."""

    def get(self, project_id: str) -> Project | None:
        """Return the project, or None."""

    def list(self) -> Sequence[tuple[str, datetime]]:
        """Return id and creation time of every project, oldest first."""

    def count(self) -> int:
        """Return how many projects there are."""

    def parties(self, project_id: str) -> Sequence[Party]:
        """Return the project's parties in the order of their data sets."""

    def contributions(self, project_id: str) -> Contributions:
        """Return how far the project's uploads have come."""

    def record_credentials(self, party_id: str, expiration: datetime) -> bool:
        """Keep until when the party can write to the uploads bucket; False if the party is gone."""

    def delete(
        self,
        project_id: str,
        *,
        now: datetime,
        sweep_until: datetime,
        event: str = "project deleted",
        unused_since: datetime | None = None,
    ) -> bool:
        """Remove every row of the project, leave a tombstone and an audit entry; False if there is none.

        The sweep goes on until ``sweep_until`` or until the last credentials expired, whichever is later. With
        ``unused_since``, a project that was used from then on is left alone.
        """

    def unused(self, since: datetime, *, limit: int) -> Sequence[str]:
        """Return ids of projects in which nothing happened from then on, oldest first.

        What happens: it is created, a party asks for credentials or uploads, a run is posted or ends.
        """

    def note(self, project_id: str, event: str, *, now: datetime) -> None:
        """Keep an audit entry."""


class Uploads(Protocol):
    """The parties' uploads."""

    def begin(self, upload: Upload) -> None:
        """Keep a new upload; raises `TokenAlreadyUsed` if the party has one that did not fail."""

    def get(self, upload_id: str) -> Upload | None:
        """Return the upload, or None."""

    def finish(self, upload_id: str, *, expected_size: int | None, now: datetime) -> int | None:
        """Make a received upload ready if its encodings have the project's size, and return that size.

        The project's size is ``expected_size`` (what its linkage schema says), else that of the first upload that
        became ready. An upload of another size is left as it is: the caller sees that the answer differs. None if the
        upload is gone or has failed; one that is ready already stays so.
        """

    def fail(self, upload_id: str, message: str, *, now: datetime) -> bool:
        """Move a received upload to `error`, and the project's waiting runs with it; False if it is not received."""

    def ready(self, project_id: str) -> Sequence[ReadyUpload]:
        """Return the project's ready uploads in the order of their data sets."""

    def receipts(self, project_id: str) -> Sequence[tuple[int, bytes]]:
        """Return data set index and receipt token's hash of each of the project's uploads that did not fail."""

    def received(self) -> Sequence[Upload]:
        """Return every upload that waits to be taken in."""

    def count_restart(self, upload_id: str, *, now: datetime) -> None:
        """Count that the upload's intake was started again now, or let wait."""


class Runs(Protocol):
    """The runs and their guarded states."""

    def create(self, run: Run) -> None:
        """Keep a new run."""

    def get(self, project_id: str, run_id: str) -> Run | None:
        """Return the run, or None."""

    def list(self, project_id: str) -> Sequence[Run]:
        """Return the project's runs, oldest first."""

    def waiting(self, project_id: str) -> Sequence[str]:
        """Return the ids of the project's runs in state `created`."""

    def queue(self, run_id: str) -> None:
        """Move `created` to `queued`."""

    def start(self, run_id: str, *, total_comparisons: int, now: datetime) -> None:
        """Move `created` or `queued` to `running`."""

    def complete(self, run_id: str, *, now: datetime) -> None:
        """Move `running` to `completed`."""

    def fail(self, run_id: str, message: str, *, now: datetime) -> None:
        """Move any state but `completed` and `error` to `error`."""

    def unfinished(self) -> Sequence[Run]:
        """Return the runs that should be moving: queued or running, or created with every party's upload ready."""

    def record_progress(self, run_id: str, chunks_stored: int, *, now: datetime) -> None:
        """Keep how many chunks the reconciler saw, and that the run moved by itself: its restarts are forgotten."""

    def count_restart(self, run_id: str, *, now: datetime) -> None:
        """Count that the run was started again now, or let wait."""

    def delete(
        self, project_id: str, run_id: str, *, now: datetime, sweep_until: datetime, event: str = "run deleted"
    ) -> bool:
        """Remove the run's row, leave a tombstone and an audit entry; False if there is none."""

    def ended(self, before: datetime, *, limit: int) -> Sequence[Run]:
        """Return runs that were completed, or failed, before then, oldest first."""

    def rate(self) -> int:
        """Return the comparisons a second of the run that completed last, at least 1."""


class Tombstones(Protocol):
    """What was deleted and must be swept until nothing can write to it any more."""

    def get(self, project_id: str, run_id: str | None) -> Tombstone | None:
        """Return the tombstone, or None."""

    def due(self, now: datetime) -> Sequence[Tombstone]:
        """Return the tombstones whose next sweep is due."""

    def postpone(self, tombstone: Tombstone, due: datetime) -> None:
        """Have the next sweep at ``due``."""

    def remove(self, tombstone: Tombstone) -> None:
        """Forget it: the last sweep found nothing."""

    def count(self) -> int:
        """Return how many there are."""


class Timer(Protocol):
    """When the reconciler comes next: one pending message at most."""

    def arm(self, due: datetime, *, overdue: datetime) -> bool:
        """Claim the sending of the next message; False if one is on its way that comes by then.

        One that was due at ``overdue`` or before is lost; one that is due later than ``due`` is not waited for.
        """

    def rearm(self, due: datetime, *, previous: datetime) -> bool:
        """Claim the sending of the message after the one that was due at ``previous``; False if that was done."""


class Writer(Protocol):
    """An object that is being written."""

    def write(self, piece: Piece, /) -> int:
        """Take any number of bytes, and return how many there were."""


class Objects(Protocol):
    """An object store."""

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return the whole object, or None."""

    def get_range(self, bucket: str, key: str, start: int, stop: int) -> bytes:
        """Return the bytes from ``start`` up to, not including, ``stop``; fails if the object has fewer."""

    def get_fixed(self, bucket: str, key: str, start: int, stop: int) -> memoryview:
        """Return the same of an object that never changes; what was read lately may come from memory."""

    def open(self, file: StoredFile) -> AbstractContextManager[BinaryIO]:
        """Stream the object as it was pinned; raises `UploadRejected` if it is gone or was changed."""

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """Return the object's size, ETag and metadata, or None."""

    def put(self, bucket: str, key: str, body: bytes) -> StoredFile:
        """Store the object, over any that is there."""

    def writer(self, bucket: str, key: str) -> AbstractContextManager[Writer]:
        """Store an object piece by piece, in bounded memory, over any that is there.

        It is there, whole, once the context ends; if that ends in an exception it is not, nor any part of it.
        """

    def put_if_absent(self, bucket: str, key: str, body: bytes) -> bool:
        """Store the object unless there is one; False if there is."""

    def list(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys begin with the prefix, in the order of their keys."""

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Remove the objects; one that is not there is no error."""

    def abort_multipart_uploads(self, bucket: str, prefix: str) -> int:
        """Abort the multipart uploads under the prefix and return how many there were."""

    def presign(self, bucket: str, key: str, *, expires_s: int) -> str:
        """Return an URL that whoever has it can read the object from, for a time."""


class Queues(Protocol):
    """The workers' queues; a message goes to the queue of its own type."""

    def send(self, *messages: Message, delay_s: int = 0) -> None:
        """Send the messages, in batches; fails if one is refused, and may have sent others by then."""

    def backlog(self, worker: str) -> int:
        """Return about how many messages wait for a worker to have time."""

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Yield the dead letters, each once; one that is not dropped is there again later."""

    def drop(self, letter: DeadLetter) -> None:
        """Remove a dead letter."""


class ProgressCounter(Protocol):
    """The count of each run's chunks. It may forget everything at any moment; callers then restore it."""

    def restore(self, run_id: str, *, chunks: int, comparisons: int, stored: Sequence[ChunkCount]) -> None:
        """Make the run's hash if it is not there, and count the stored chunks that are not counted."""

    def count(self, run_id: str, chunk: ChunkCount) -> int | None:
        """Count the chunk, once, and return how many are left; None if the run is forgotten."""

    def read(self, run_id: str) -> Progress | None:
        """Return the run's progress; None if it is forgotten."""

    def forget(self, run_id: str) -> None:
        """Mark the run as deleted and drop its counts."""


class Cache(Protocol):
    """Small answers that may be a little old."""

    def get(self, key: str) -> str | None:
        """Return what was kept, None if it is too old or the cache cannot be asked."""

    def put(self, key: str, value: str, *, expires_s: int) -> None:
        """Keep the value for a time; failing is no error."""


class CredentialIssuer(Protocol):
    """Temporary credentials for uploads."""

    def issue(self, prefix: str, *, session_name: str) -> Credentials:
        """Return credentials that can put objects under the prefix of the uploads bucket, and nothing else."""

    def issue_reading(self, key: str, *, session_name: str) -> Credentials:
        """Return credentials that can read the one object of the store bucket, and nothing else."""


@dataclass(frozen=True)
class World:
    """Everything outside of the process, as the use cases see it."""

    settings: Settings
    projects: Projects
    uploads: Uploads
    runs: Runs
    tombstones: Tombstones
    timer: Timer
    objects: Objects
    queues: Queues
    progress: ProgressCounter
    cache: Cache
    credentials: CredentialIssuer
    now: Callable[[], datetime]
