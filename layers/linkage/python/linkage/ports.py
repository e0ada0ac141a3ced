"""Ports: the interfaces to all that the use cases need from the outside, and nothing more.

`linkage.adapters` implements them with PostgreSQL, S3, SQS, STS and Redis, `linkage.testing` in memory; the same tests
run on both. Each method that changes a state names the change: it does nothing where the state has moved on, so that a
message that is delivered twice cannot move it back.
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
"""Bytes to write; those of a C-contiguous array are ``array.view(np.uint8).data``, without a copy."""


class Projects(Protocol):
    """Projects and their parties."""

    def create(self, project: Project, parties: Sequence[Party]) -> None:
        """Store a new project and its parties."""

    def get(self, project_id: str) -> Project | None:
        """Return the project, or None."""

    def list(self) -> Sequence[tuple[str, datetime]]:
        """Return the ID and creation time of every project, oldest first."""

    def count(self) -> int:
        """Return the number of projects."""

    def parties(self, project_id: str) -> Sequence[Party]:
        """Return the project's parties in the order of their data sets."""

    def contributions(self, project_id: str) -> Contributions:
        """Count the parties that contributed and that are ready, and return the failed uploads.

        A party's last upload that was announced counts; if it failed, the party has not contributed.
        """

    def record_credentials(self, party_id: str, expiration: datetime) -> bool:
        """Record when the party's credentials expire, unless a later time is recorded; False if the party is gone."""

    def delete(
        self,
        project_id: str,
        *,
        now: datetime,
        sweep_until: datetime,
        event: str = "project deleted",
        unused_since: datetime | None = None,
    ) -> bool:
        """Delete every row of the project, add a tombstone and an audit entry; False if the project does not exist.

        The project is swept until ``sweep_until`` or until its parties' last credentials expire, whichever is later.
        With ``unused_since``, a project that was used since that time stays, and the answer is False.
        """

    def unused(self, since: datetime, *, limit: int) -> Sequence[str]:
        """Return the IDs of at most ``limit`` projects that were not used since that time, oldest first.

        Uses of a project: it is created, a party asks for credentials or uploads, a run is posted or ends. A project
        with a queued or running run is in use.
        """

    def record_event(self, project_id: str, event: str, *, now: datetime) -> None:
        """Add an entry to the audit trail."""


class Uploads(Protocol):
    """The parties' uploads."""

    def begin(self, upload: Upload) -> Upload:
        """Store a new upload and return it; if the party has a contribution already, return that and store nothing.

        Raises `AccessDenied` if the party is gone.
        """

    def get(self, upload_id: str) -> Upload | None:
        """Return the upload, or None."""

    def finish(self, upload_id: str, *, encoding_size: int, expected_size: int | None, now: datetime) -> int | None:
        """Mark a received upload as ready if its encodings have the project's encoding size, and return that size.

        ``encoding_size`` is that of the upload, as it was read: its manifest may announce another one.

        The project's encoding size is that of the first upload that became ready; before there is one, it is
        ``expected_size`` (from the linkage schema), else this upload's own. An upload of another size is left as it is:
        the caller sees that the answer differs. None if the upload is gone or has failed; one that is ready stays so.
        """

    def fail(self, upload_id: str, message: str, *, now: datetime) -> bool:
        """Move a `received` upload and the project's `created` runs to `error`; False if it is not `received`."""

    def contribution(self, party_id: str) -> Upload | None:
        """Return the party's upload that was announced and did not fail, or None."""

    def newest(self, party_id: str) -> Upload | None:
        """Return the party's newest upload in whatever state, or None."""

    def of_receipt(self, project_id: str, receipt_token_hash: bytes) -> Upload | None:
        """Return the project's upload with this receipt token in whatever state, or None."""

    def ready(self, project_id: str) -> Sequence[ReadyUpload]:
        """Return the project's ready uploads in the order of their data sets."""

    def receipts(self, project_id: str) -> Sequence[tuple[int, bytes]]:
        """Return the data set index and receipt token hash of each party's contribution."""

    def received(self) -> Sequence[Upload]:
        """Return every upload that the intake worker has not finished yet."""

    def count_restart(self, upload_id: str, *, now: datetime) -> None:
        """Add 1 to the upload's restarts: its intake was started again now, or waits behind other messages."""


class Runs(Protocol):
    """Runs and their guarded states."""

    def create(self, run: Run) -> Run:
        """Store a new run and return it; if the project has one with the same key, return that and store nothing.

        Raises `AccessDenied` if the project is gone.
        """

    def of_key(self, project_id: str, key_hash: bytes) -> Run | None:
        """Return the run that was posted with this key, or None."""

    def get(self, project_id: str, run_id: str) -> Run | None:
        """Return the run, or None."""

    def list(self, project_id: str) -> Sequence[Run]:
        """Return the project's runs, oldest first."""

    def waiting(self, project_id: str) -> Sequence[str]:
        """Return the IDs of the project's runs in state `created`."""

    def queue(self, run_id: str) -> None:
        """Move `created` to `queued`."""

    def start(self, run_id: str, *, total_comparisons: int, now: datetime) -> None:
        """Move `created` or `queued` to `running`."""

    def complete(self, run_id: str, *, now: datetime) -> None:
        """Move `running` to `completed`."""

    def fail(self, run_id: str, message: str, *, now: datetime) -> None:
        """Move any state but `completed` and `error` to `error`."""

    def unfinished(self) -> Sequence[Run]:
        """Return the runs that should make progress: queued, running, or created with every party's upload ready."""

    def record_progress(self, run_id: str, chunks_stored: int, *, now: datetime) -> None:
        """Record the number of stored chunks, and set the run's restarts to 0, because it made progress by itself."""

    def count_restart(self, run_id: str, *, now: datetime) -> None:
        """Add 1 to the run's restarts: its messages were sent again now, or wait behind others."""

    def delete(
        self, project_id: str, run_id: str, *, now: datetime, sweep_until: datetime, event: str = "run deleted"
    ) -> bool:
        """Delete the run's row, add a tombstone and an audit entry; False if the run does not exist."""

    def ended(self, before: datetime, *, limit: int) -> Sequence[Run]:
        """Return at most ``limit`` runs that completed or failed before that time, oldest first."""

    def rate(self) -> int:
        """Return the comparisons per second of the run that completed last, at least 1."""


class Tombstones(Protocol):
    """Deleted projects and runs, to be swept until nothing can write to them any more."""

    def get(self, project_id: str, run_id: str | None) -> Tombstone | None:
        """Return the tombstone, or None."""

    def due(self, now: datetime) -> Sequence[Tombstone]:
        """Return the tombstones whose next sweep is due."""

    def postpone(self, tombstone: Tombstone, due: datetime) -> None:
        """Set the time of the next sweep."""

    def remove(self, tombstone: Tombstone) -> None:
        """Remove the tombstone, because its last sweep found nothing."""

    def count(self) -> int:
        """Return the number of tombstones."""


class Timer(Protocol):
    """The time of the reconciler's next message, of which at most one is pending."""

    def arm(self, due: datetime, *, overdue: datetime) -> bool:
        """Claim the sending of a message that is due at ``due``; False if one is pending that comes by then.

        A pending message that was due at ``overdue`` or before counts as lost.
        """

    def rearm(self, due: datetime, *, previous: datetime) -> bool:
        """Claim the sending of the message after the one that was due at ``previous``; False if another claimed it."""


class Writer(Protocol):
    """A stream that writes an object."""

    def write(self, piece: Piece, /) -> int:
        """Write any number of bytes and return that number."""


class Objects(Protocol):
    """An object store."""

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return the object's bytes, or None."""

    def get_range(self, bucket: str, key: str, start: int, stop: int) -> bytes:
        """Return the bytes from ``start`` up to, not including, ``stop``; fails if the object ends before."""

    def get_cached_range(self, bucket: str, key: str, start: int, stop: int) -> memoryview:
        """Return the same bytes of an object that never changes, from a cache if they were read lately."""

    def open(self, file: StoredFile) -> AbstractContextManager[BinaryIO]:
        """Stream the object with the file's ETag; raises `UploadRejected` if it was removed or changed."""

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """Return the object's size, ETag and metadata, or None."""

    def put(self, bucket: str, key: str, body: bytes) -> StoredFile:
        """Store the object, replacing one that exists."""

    def writer(self, bucket: str, key: str) -> AbstractContextManager[Writer]:
        """Stream an object into the store, in bounded memory, replacing one that exists.

        The object appears, whole, when the context ends. If that ends in an exception, no part of it is stored, and one
        that existed stays.
        """

    def put_if_absent(self, bucket: str, key: str, body: bytes) -> bool:
        """Store the object unless one exists; False if one does."""

    def list(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys begin with the prefix, in the order of their keys."""

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete the objects; one that does not exist is no error."""

    def abort_multipart_uploads(self, bucket: str, prefix: str) -> int:
        """Abort the multipart uploads under the prefix and return their number."""

    def presign(self, bucket: str, key: str, *, expires_s: int) -> str:
        """Return a URL that reads the object, without credentials, for ``expires_s`` seconds."""


class Queues(Protocol):
    """The workers' queues. A message's type determines its queue."""

    def send(self, *messages: Message, delay_s: int = 0) -> None:
        """Send the messages, in batches; fails if one cannot be sent, and may have sent others by then."""

    def backlog(self, worker: str) -> int:
        """Return the approximate number of messages that wait for the worker."""

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Yield each dead letter once; one that is not dropped comes again later."""

    def drop(self, letter: DeadLetter) -> None:
        """Delete a dead letter."""


class ProgressCounter(Protocol):
    """Counts of each run's compared chunks. They may be lost at any time; callers then restore them."""

    def restore(self, run_id: str, *, chunks: int, comparisons: int, stored: Sequence[ChunkCount]) -> None:
        """Create the run's counts if they are lost, and count each stored chunk that is not counted yet."""

    def count(self, run_id: str, chunk: ChunkCount) -> int | None:
        """Count the chunk, once, and return the number left; None if the counts are lost, -1 after `forget`."""

    def read(self, run_id: str) -> Progress | None:
        """Return the run's progress; None if the counts are lost, or after `forget`."""

    def forget(self, run_id: str) -> None:
        """Mark the run as deleted and delete its counts."""


class Cache(Protocol):
    """A cache of small values."""

    def get(self, key: str) -> str | None:
        """Return the value, or None if it is not there, has expired or the cache is unavailable."""

    def put(self, key: str, value: str, *, expires_s: int) -> None:
        """Keep the value for ``expires_s`` seconds; an unavailable cache is no error."""


class CredentialIssuer(Protocol):
    """Temporary credentials for uploads and downloads."""

    def issue_for_upload(self, prefix: str, *, session_name: str) -> Credentials:
        """Return credentials that can put objects under the prefix of the uploads bucket, and nothing else."""

    def issue_for_download(self, key: str, *, session_name: str) -> Credentials:
        """Return credentials that can read that object of the store bucket, and nothing else."""


@dataclass(frozen=True)
class World:
    """All ports, the settings and the clock: the last argument of each use case."""

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
