"""Bodies of responses, as pydantic models: views fill them, and the OpenAPI document is made of them.

Two kinds of JSON are not made here. A result is the text that the solve worker stored: it may take megabytes, and to
parse it, check it and write it again would take time and memory and could change its bytes. So its models
(`GroupsBody`, `SimilarityScoresBody`, `MaskBody`, `PermutationBody`) are for the document alone. And the document
itself is not described by itself.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from linkage.models import ResultType, RunState, UploadState

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
DatasetIndex = Annotated[Index, Field(description="its party's: the place of its token in update_tokens")]
_WHY_FAILED = "why it failed; in state error alone"
MOST_FAILED_UPLOADS = 100
"""Bound on the failed uploads in a project's description; beside a large schema there may be room for fewer."""
RecordOfDataset = Annotated[
    list[Index],
    Field(min_length=2, max_length=2, description="a data set's index, then a record's: its place in the upload"),
]


def name_of(body: type) -> str:
    """Return the name of a body in the OpenAPI document.

    >>> name_of(RunStatusBody)
    'RunStatus'
    """
    return body.__name__.removesuffix("Body")


class ResponseBody(BaseModel):
    """The JSON object of a response. Clients know it by its class's name without "Body": see `name_of`."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, model_title_generator=name_of)

    def text(self) -> str:
        """Return the JSON text: the members that were given, and no others."""
        return self.model_dump_json(by_alias=True, exclude_unset=True)


class SpacedBody(ResponseBody):
    """A body whose text is in ASCII, with a space after each comma and colon: clients have always got these so."""

    def text(self) -> str:
        """Return the JSON text: the members that were given, and no others."""
        return json.dumps(self.model_dump(by_alias=True, exclude_unset=True))


class ServiceStatusBody(ResponseBody):
    """That the service works."""

    status: Literal["ok"]
    project_count: Index
    rate: Annotated[int, Field(ge=1, description="comparisons a second of the run that completed last")]


class VersionBody(ResponseBody):
    """The versions of what the service is made of."""

    anonlink: str
    entityservice: str
    python: str


class ProjectListedBody(SpacedBody):
    """A project in the list of all."""

    project_id: Identifier
    time_added: Timestamp


class ProjectCreatedBody(ResponseBody):
    """A new project's id and tokens. They are told this once: the service keeps their hashes alone."""

    project_id: Identifier
    result_token: Annotated[Token, Field(description="for whoever linked them: posts runs, reads and deletes")]
    update_tokens: Annotated[list[Token], Field(min_length=2, description="one for each party, to upload with")]


class FailedUploadBody(ResponseBody):
    """The last upload of a party, which failed."""

    upload_id: Identifier
    dataset_index: DatasetIndex
    message: Annotated[str, Field(description="why it failed")]


class ProjectDescriptionBody(ResponseBody):
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
    failed_uploads: Annotated[
        list[FailedUploadBody],
        Field(
            max_length=MOST_FAILED_UPLOADS,
            description="if error is true: the uploads that failed and were not sent again, by data set",
        ),
    ] = []


class CredentialsBody(ResponseBody):
    """Temporary credentials of the object store."""

    access_key_id: Annotated[str, Field(alias="AccessKeyId")]
    secret_access_key: Annotated[str, Field(alias="SecretAccessKey")]
    session_token: Annotated[str, Field(alias="SessionToken")]
    expiration: Annotated[Timestamp, Field(alias="Expiration")]


class PlaceBody(ResponseBody):
    """A place in the object store: a party's folder, or an object."""

    endpoint: Annotated[str, Field(description="host, and port where it is not the usual one")]
    secure: Annotated[bool, Field(description="whether to use TLS")]
    bucket: str
    path: str


class UploadPermitBody(SpacedBody):
    """Where to put files, and with what; may be asked for again at any time."""

    credentials: CredentialsBody
    upload: PlaceBody


class UploadReceiptBody(SpacedBody):
    """That an upload was taken."""

    message: Literal["Updated"]
    receipt_token: Annotated[
        Token, Field(description="opens the upload's state, and the party's own permutation; the same if sent again")
    ]


class UploadStatusBody(ResponseBody):
    """An upload, and how far it is."""

    upload_id: Identifier
    dataset_index: DatasetIndex
    state: Annotated[
        UploadState,
        Field(description="begun: not announced yet; received: not read yet; ready: it is compared; error: it failed"),
    ]
    time_added: Timestamp
    message: Annotated[str | None, Field(description=_WHY_FAILED)] = None


class RunListedBody(SpacedBody):
    """A run in the list of a project's."""

    run_id: Identifier
    time_added: Timestamp
    state: RunState
    message: Annotated[str | None, Field(description=_WHY_FAILED)] = None


class RunDescriptionBody(ResponseBody):
    """A run as it was posted."""

    run_id: Identifier
    threshold: Annotated[float, Field(gt=0, le=1)]
    name: str
    notes: str
    message: Annotated[str | None, Field(description=_WHY_FAILED)] = None


class StageProgressBody(ResponseBody):
    """How far a stage is; never goes down while the run is in it."""

    absolute: Index
    relative: Annotated[float, Field(ge=0, le=1)]
    description: str


class StageBody(ResponseBody):
    """The stage that a run is in; its number never goes down."""

    number: Annotated[int, Field(ge=1, le=3)]
    description: Literal["waiting for CLKs", "compute similarity scores", "compute output"]
    progress: StageProgressBody | None = None


class RunStatusBody(ResponseBody):
    """How far a run is. Which members there are depends on its state."""

    state: RunState
    time_added: Timestamp
    time_started: Annotated[Timestamp | None, Field(description="not there in state error")] = None
    time_completed: Annotated[Timestamp | None, Field(description="in state completed alone")] = None
    stages: Literal[2, 3]
    current_stage: StageBody
    total_number_comparisons: Annotated[int | None, Field(ge=0, description="in state completed alone")] = None
    message: Annotated[str | None, Field(description=_WHY_FAILED)] = None


class GroupsBody(ResponseBody):
    """Result type groups: the records of each group belong to one entity."""

    groups: list[Annotated[list[RecordOfDataset], Field(min_length=2)]]


class SimilarityScoresBody(ResponseBody):
    """Result type similarity_scores: every pair at or above the threshold, the most similar first."""

    similarity_scores: list[tuple[RecordOfDataset, RecordOfDataset, Annotated[float, Field(gt=0, le=1)]]]


class MaskBody(ResponseBody):
    """Result type permutations, to the result token: which rows match once both parties have moved theirs."""

    mask: list[Literal[0, 1]]


class PermutationBody(ResponseBody):
    """Result type permutations, to a receipt token: where the party moves each of its rows."""

    permutation: list[Index]
    rows: Annotated[Index, Field(description="rows moved to this place or beyond are to be dropped")]


class ScoreFileBody(SpacedBody):
    """Where the file of similarity scores is, and what reads it."""

    credentials: CredentialsBody
    object: PlaceBody


class ProblemBody(SpacedBody):
    """What went wrong (RFC 9457)."""

    detail: str | None
    status: Annotated[int, Field(ge=400, le=599)]
    title: str | None
    type: Literal["about:blank"]
