"""What answers say, as pydantic models: views fill them, and the OpenAPI document is made of them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from linkage.models import ResultType, RunState

Identifier = Annotated[str, Field(pattern="^[0-9a-f]{48}$", examples=["0123456789abcdef" * 3])]
Token = Annotated[str, Field(pattern="^[0-9a-f]{48}$", examples=["fedcba9876543210" * 3])]
Timestamp = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$",
        examples=["2026-11-23T22:38:46.283170"],
        description="UTC, without saying so, in microseconds",
    ),
]
Index = Annotated[int, Field(ge=0)]
RecordOfDataset = Annotated[
    list[Index],
    Field(min_length=2, max_length=2, description="a data set's index, then a record's: its place in the upload"),
]


class Answer(BaseModel):
    """An answer's body."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)


class ServiceStatus(Answer):
    """That the service works."""

    status: Literal["ok"]
    project_count: Index
    rate: Annotated[int, Field(ge=1, description="comparisons a second of the run that completed last")]


class Version(Answer):
    """The versions of what the service is made of."""

    anonlink: str
    entityservice: str
    python: str


class ProjectListed(Answer):
    """A project in the list of all."""

    project_id: Identifier
    time_added: Timestamp


class ProjectCreated(Answer):
    """A new project's id and tokens. They are told this once: the service keeps their hashes alone."""

    project_id: Identifier
    result_token: Annotated[Token, Field(description="for whoever linked them: posts runs, reads and deletes")]
    update_tokens: Annotated[list[Token], Field(min_length=2, description="one for each party, to upload with")]


class ProjectDescription(Answer):
    """A project, and how far its uploads have come."""

    project_id: Identifier
    name: str
    notes: str
    schema_: Annotated[dict[str, Any], Field(alias="schema", description="the linkage schema, as it came")]
    result_type: ResultType
    number_parties: Annotated[int, Field(ge=2)]
    uses_blocking: bool
    parties_contributed: Annotated[Index, Field(description="parties that uploaded, whether or not it is read yet")]
    error: Annotated[bool, Field(description="whether an upload failed; its party may upload again")]


class Credentials(Answer):
    """Temporary credentials of the object store."""

    access_key_id: Annotated[str, Field(alias="AccessKeyId")]
    secret_access_key: Annotated[str, Field(alias="SecretAccessKey")]
    session_token: Annotated[str, Field(alias="SessionToken")]
    expiration: Annotated[Timestamp, Field(alias="Expiration")]


class Place(Answer):
    """A place in the object store: a party's folder, or an object."""

    endpoint: Annotated[str, Field(description="host, and port where it is not the usual one")]
    secure: Annotated[bool, Field(description="whether to use TLS")]
    bucket: str
    path: str


class UploadPermit(Answer):
    """Where to put files, and with what; may be asked for again at any time."""

    credentials: Credentials
    upload: Place


class UploadReceipt(Answer):
    """That an upload was taken."""

    message: Literal["Updated"]
    receipt_token: Annotated[Token, Field(description="opens the party's own permutation, told this once")]


class RunListed(Answer):
    """A run in the list of a project's."""

    run_id: Identifier
    time_added: Timestamp
    state: RunState


class RunDescription(Answer):
    """A run as it was posted."""

    run_id: Identifier
    threshold: Annotated[float, Field(gt=0, le=1)]
    name: str
    notes: str


class StageProgress(Answer):
    """How far a stage is; never goes down while the run is in it."""

    absolute: Index
    relative: Annotated[float, Field(ge=0, le=1)]
    description: str


class Stage(Answer):
    """The stage that a run is in; its number never goes down."""

    number: Annotated[int, Field(ge=1, le=3)]
    description: Literal["waiting for CLKs", "compute similarity scores", "compute output"]
    progress: StageProgress | None = None


class RunStatus(Answer):
    """How far a run is. Which members there are depends on its state."""

    state: RunState
    time_added: Timestamp
    time_started: Annotated[Timestamp | None, Field(description="not there in state error")] = None
    time_completed: Annotated[Timestamp | None, Field(description="in state completed alone")] = None
    stages: Literal[2, 3]
    current_stage: Stage
    total_number_comparisons: Annotated[int | None, Field(ge=0, description="in state completed alone")] = None
    message: Annotated[str | None, Field(description="why it failed; in state error alone")] = None


class Groups(Answer):
    """Result type groups: the records of each group belong to one entity."""

    groups: list[Annotated[list[RecordOfDataset], Field(min_length=2)]]


class SimilarityScores(Answer):
    """Result type similarity_scores: every pair at or above the threshold, the most similar first."""

    similarity_scores: list[tuple[RecordOfDataset, RecordOfDataset, Annotated[float, Field(gt=0, le=1)]]]


class Mask(Answer):
    """Result type permutations, to the result token: which rows match once both parties have moved theirs."""

    mask: list[Literal[0, 1]]


class Permutation(Answer):
    """Result type permutations, to a receipt token: where the party moves each of its rows."""

    permutation: list[Index]
    rows: Annotated[Index, Field(description="rows moved to this place or beyond are to be dropped")]


class ScoreFile(Answer):
    """Where the file of similarity scores is, and what reads it."""

    credentials: Credentials
    object: Place


class Problem(Answer):
    """What went wrong (RFC 9457)."""

    detail: str | None
    status: Annotated[int, Field(ge=400, le=599)]
    title: str | None
    type: Literal["about:blank"]
