"""Records that use cases and ports exchange: projects, parties, uploads and runs, as PostgreSQL keeps them.

Times are naive UTC. Byte strings ending in ``_hash`` are SHA-256 of tokens. Sizes of encodings are in bytes.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class ResultType(StrEnum):
    """What a run answers."""

    GROUPS = "groups"
    PERMUTATIONS = "permutations"
    SIMILARITY_SCORES = "similarity_scores"


class UploadState(StrEnum):
    """State of an upload: `begun` (not announced yet), `received` (not read yet), then `ready` or `error`."""

    BEGUN = "begun"
    RECEIVED = "received"
    READY = "ready"
    ERROR = "error"

    @property
    def is_contribution(self) -> bool:
        """Whether an upload that is in this state is its party's contribution, of which there is at most one."""
        return self in {UploadState.RECEIVED, UploadState.READY}


class RunState(StrEnum):
    """State of a run: `created`, `queued`, `running`, then `completed` or `error`; never backwards."""

    CREATED = "created"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    ERROR = "error"

    @property
    def is_final(self) -> bool:
        """Whether a run that is in this state is over."""
        return self in {RunState.COMPLETED, RunState.ERROR}


class FileFormat(StrEnum):
    """Format of an uploaded file of encodings, as its name says. The file itself decides."""

    JSON = "json"
    BINARY = "binary"


class StoredFile(BaseModel):
    """An object, pinned: another ETag later means that somebody changed it."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    bucket: str
    key: str
    etag: str
    size_bytes: int


class Manifest(BaseModel):
    """Contents of an upload: all that its intake needs to know."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    project_id: str
    party_id: str
    upload_id: str
    encodings: StoredFile
    format: FileFormat
    encoding_count: int
    encoding_size: int
    blocks: StoredFile | None = None
    """The file of the records' blocks; None if the upload has no blocking."""
    fingerprint: str | None = None
    """Fingerprint of the request that carried the encodings (see `linkage.receipts`); None for announced files."""

    @property
    def files(self) -> list[StoredFile]:
        """The encodings' file and, with blocking, that of their blocks."""
        return [file for file in (self.encodings, self.blocks) if file is not None]


@dataclass(frozen=True, slots=True)
class Project:
    """A linkage project. `schema` is the linkage schema's JSON text, kept as it came."""

    project_id: str
    result_token_hash: bytes = field(repr=False)
    schema: str
    result_type: ResultType
    number_parties: int
    name: str
    notes: str
    uses_blocking: bool
    time_added: datetime
    encoding_size: int | None = None

    @property
    def linkage_schema(self) -> dict[str, Any]:
        """The linkage schema, parsed."""
        parsed: dict[str, Any] = json.loads(self.schema)
        return parsed


@dataclass(frozen=True, slots=True)
class Party:
    """A data provider of a project; `dataset_index` is the index of its update token in the project's list."""

    party_id: str
    project_id: str
    dataset_index: int
    update_token_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload of one party, in any state."""

    upload_id: str
    project_id: str
    party_id: str
    receipt_token_hash: bytes = field(repr=False)
    manifest: Manifest
    state: UploadState
    time_added: datetime
    message: str | None = None
    time_moved: datetime | None = None
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class FailedUpload:
    """A party's last upload, which failed; `message` says why, and names the party."""

    upload_id: str
    dataset_index: int
    message: str


@dataclass(frozen=True, slots=True)
class Contributions:
    """Numbers of a project's parties that contributed and that are ready; a party whose upload failed is in neither.

    `failed` has the uploads of such parties, in the order of their data sets.
    """

    contributed: int
    ready: int
    failed: tuple[FailedUpload, ...]


@dataclass(frozen=True, slots=True)
class ReadyUpload:
    """A party's encodings, ready to be compared."""

    dataset_index: int
    party_id: str
    upload_id: str


@dataclass(frozen=True, slots=True)
class Run:
    """One linkage of a project's encodings at one threshold.

    The reconciler keeps three of the fields: `chunks_stored`, the number of chunks that it last saw; `time_moved`, the
    time when that changed or the run was restarted; `restarts`, the number of restarts since the run last moved itself.
    """

    run_id: str
    project_id: str
    threshold: float
    name: str
    notes: str
    state: RunState
    time_added: datetime
    time_started: datetime | None = None
    time_completed: datetime | None = None
    message: str | None = None
    total_comparisons: int | None = None
    chunks_stored: int = 0
    time_moved: datetime | None = None
    restarts: int = 0
    key_hash: bytes | None = field(default=None, repr=False, compare=False)
    """SHA-256 of the idempotency key that the run was posted with; it is stored, and never read again."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Ids of a deleted project, or of a deleted run of a living project, until nothing can write for it any more."""

    project_id: str
    run_id: str | None
    sweep_until: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that failed at every delivery to the worker; the queue needs `receipt` to drop it."""

    worker: str
    body: str
    receipt: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Temporary credentials of the object store."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: datetime


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """Temporary credentials, and the place in the object store that they open: a party's folder, or one object."""

    credentials: Credentials
    endpoint: str
    secure: bool
    bucket: str
    path: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a run's comparing, as counted in Redis."""

    chunks: int
    chunks_done: int
    comparisons_done: int
    comparisons_total: int
    candidates: int


@dataclass(frozen=True, slots=True)
class ChunkCount:
    """Counts of one compared chunk; `overflow` if it has more candidate pairs than a run may have."""

    chunk: int
    comparisons: int
    candidates: int
    overflow: bool = False


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a bucket, from a HEAD request or a listing. `metadata` keys are lower case.

    Only a listing gives `time_modified`.
    """

    key: str
    size_bytes: int
    etag: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    time_modified: datetime | None = None
