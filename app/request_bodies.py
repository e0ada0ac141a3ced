"""Bodies of requests, as pydantic models: they validate, and ignore unknown members."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from linkage.models import ResultType

MOST_KEY_LENGTH = 255
IDEMPOTENCY_KEY_PATTERN = rf"^[!-~]{{1,{MOST_KEY_LENGTH}}}$"
"""An idempotency key: visible ASCII, so a quoted key is one with its quotes."""
MOST_PARTIES = 4_096
MOST_DEPTH = 100
MOST_SCHEMA_BYTES = 4 * 2**20
"""Bound on a linkage schema: the project's description holds it, and must fit into a Lambda function's response."""


def _storable(text: str) -> str:
    """Refuse characters that PostgreSQL cannot keep in a text: NUL, and half a surrogate pair."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("text", "a text cannot hold NUL characters or lone surrogates")
    return text


def _returnable(schema: dict[str, Any]) -> dict[str, Any]:
    """Refuse a schema that could not be returned: each description of the project would be an error."""
    if _depth(schema) > MOST_DEPTH:
        raise PydanticCustomError("schema", "nested more than {most} deep", {"most": MOST_DEPTH})
    try:
        size = len(json.dumps(schema, allow_nan=False, ensure_ascii=False).encode())
    except ValueError:
        raise PydanticCustomError("schema", "numbers must be finite, and texts have no lone surrogates") from None
    if size > MOST_SCHEMA_BYTES:
        raise PydanticCustomError("schema", "larger than {most} bytes", {"most": MOST_SCHEMA_BYTES})
    return schema


def _depth(value: object) -> int:
    """Return the number of levels of nested maps and arrays. No recursion: too deep a value would break that too."""
    depth, level = 0, [value]
    while level := [inner for outer in level for inner in _inner(outer)]:
        depth += 1
    return depth


def _inner(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


Text = Annotated[StrictStr, AfterValidator(_storable), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]


def _block_id(value: object) -> object:
    """Refuse a block id that is no text and no whole number, or has half a surrogate pair: that cannot be hashed."""
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
"""Like a union of the two types, but a wrong value gives one error, not two."""
BlocksByRecord = Annotated[
    dict[Annotated[StrictStr, AfterValidator(_block_id)], Annotated[list[BlockId], FailFast()]], FailFast()
]
"""Ids of the blocks of each record, by the record's index.

The first wrong value ends the validation, here and wherever there are many: an error for each would need gigabytes.
"""
Encodings = Annotated[list[StrictStr], FailFast()]
"""Encodings in base64."""


class Body(BaseModel):
    """A request's body."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class ProjectBody(Body):
    """POST /projects."""

    schema_: Annotated[dict[str, Any], AfterValidator(_returnable), Field(alias="schema")]
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

    clks: Annotated[Encodings, Field(examples=[["AAECAwQFBgc=", "CAkKCwwNDg8="]])]
    blocks: BlocksByRecord | None = None


class ClknblocksBody(Body):
    """POST /projects/{project_id}/clks: each encoding with the ids of its blocks, of which there may be none."""

    clknblocks: Annotated[
        list[
            Annotated[
                list[BlockId], FailFast(), Field(min_length=1, json_schema_extra={"prefixItems": [{"type": "string"}]})
            ],
        ],
        FailFast(),
        Field(examples=[[["AAECAwQFBgc=", "3170", 7], ["CAkKCwwNDg8="]]]),
    ]


class EncodingsBody(Body):
    """POST /projects/{project_id}/clks: the encodings themselves, and the ids of their blocks by record index."""

    encodings: Annotated[Encodings, Field(examples=[["AAECAwQFBgc=", "CAkKCwwNDg8="]])]
    blocks: Annotated[BlocksByRecord | None, Field(examples=[{"0": ["3170", "7"], "1": []}])] = None


class AnnouncedBody(Body):
    """POST /projects/{project_id}/clks: where the encodings were put, and where their blocks."""

    encodings: StoredBody
    blocks: StoredBody | None = None
