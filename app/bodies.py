"""What requests say, as pydantic models: they validate, and unknown members are ignored."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from linkage.models import ResultType

MOST_PARTIES = 32_767


def _storable(text: str) -> str:
    """Refuse what PostgreSQL cannot keep in a text: NUL, and half a surrogate pair."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("text", "a text cannot hold NUL characters or lone surrogates")
    return text


Text = Annotated[StrictStr, AfterValidator(_storable), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]


def _block_id(value: object) -> object:
    """Refuse what is neither a text nor a whole number, and half a surrogate pair, which has no bytes to be hashed."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise PydanticCustomError("block", "neither a text nor a whole number")
    try:
        str(value).encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("block", "a text cannot hold lone surrogates") from None
    return value


BlockId = Annotated[
    Any, AfterValidator(_block_id), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]})
]
"""As a union of the two types, but a wrong one gives one error, not two."""
BlocksByRecord = dict[StrictStr, list[Annotated[StrictStr, AfterValidator(_block_id)]]]
"""Ids of the blocks of each record, by the record's index."""


class Body(BaseModel):
    """A request's body."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class ProjectBody(Body):
    """POST /projects."""

    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    result_type: ResultType
    number_parties: Annotated[StrictInt, Field(ge=2, le=MOST_PARTIES)] = 2
    name: Text = ""
    notes: Text = ""
    uses_blocking: StrictBool = False


class RunBody(Body):
    """POST /projects/{project_id}/runs."""

    threshold: Annotated[StrictFloat, Field(json_schema_extra={"exclusiveMinimum": 0, "maximum": 1})]
    name: Text = ""
    notes: Text = ""


class FileBody(Body):
    """An object of the uploads bucket. Its endpoint is never dialled: the service knows its own store."""

    bucket: Text
    path: Text


class StoredBody(Body):
    """A file that was put in the object store. The credentials that clients send along are ignored."""

    file: FileBody


class ClksBody(Body):
    """POST /projects/{project_id}/clks: the encodings themselves, base64; blocks are as with `EncodingsBody`."""

    clks: list[StrictStr]
    blocks: BlocksByRecord | None = None


class ClknblocksBody(Body):
    """POST /projects/{project_id}/clks: each encoding with the ids of its blocks, of which there may be none."""

    clknblocks: list[Annotated[list[BlockId], Field(min_length=1)]]


class EncodingsBody(Body):
    """POST /projects/{project_id}/clks: the encodings themselves, and the ids of their blocks by record index."""

    encodings: list[StrictStr]
    blocks: BlocksByRecord | None = None


class AnnouncedBody(Body):
    """POST /projects/{project_id}/clks: where the encodings were put, and where their blocks."""

    encodings: StoredBody
    blocks: StoredBody | None = None
