"""What the service knows: projects, parties, uploads and runs, as PostgreSQL keeps them.

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
    """`received` (announced, not read yet), then `ready` or `error`."""

    RECEIVED = "received"
    READY = "ready"
    ERROR = "error"


class RunState(StrEnum):
    """`created`, `queued`, `running`, then `completed` or `error`; never backwards."""

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
    """How an uploaded file holds its encodings."""

    JSON = "json"
    BINARY = "binary"


class StoredFile(BaseModel):
    """An object, pinned: a different ETag later means that somebody changed it."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    bucket: str
    key: str
    etag: str
    size_bytes: int


class Manifest(BaseModel):
    """What an upload consists of: all that intake needs to know."""

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
    """A data provider of a project; `dataset_index` is the place of its update token in the project's list."""

    party_id: str
    project_id: str
    dataset_index: int
    update_token_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload of one party, whatever became of it."""

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
class Contributions:
    """How far a project's parties have come. A party whose last upload failed has not contributed."""

    contributed: int
    ready: int
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadyUpload:
    """A party's encodings, ready to be compared."""

    dataset_index: int
    party_id: str
    upload_id: str


@dataclass(frozen=True, slots=True)
class Run:
    """One linkage of a project's encodings at one threshold.

    The reconciler's are `chunks_stored`, how many chunks it last saw; `time_moved`, when that changed or the run was
    started again; and `restarts`, how often it was since the run last moved by itself.
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


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What remains of a deleted project, or of a deleted run of a living one, until nothing can write any more."""

    project_id: str
    run_id: str | None
    sweep_until: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that failed each time it was delivered to the worker; `receipt` is what the queue needs to drop it."""

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
    """How far a run's comparing has come, as counted in Redis."""

    chunks: int
    chunks_done: int
    comparisons_done: int
    comparisons_total: int
    candidates: int


@dataclass(frozen=True, slots=True)
class ChunkCount:
    """What one compared chunk adds to a run's progress; `overflow` if it has more candidate pairs than a run may."""

    chunk: int
    comparisons: int
    candidates: int
    overflow: bool = False


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a bucket, as a look at it or a listing tells. `metadata` keys are lower case.

    A listing alone tells when it was last written.
    """

    key: str
    size_bytes: int
    etag: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    time_modified: datetime | None = None
