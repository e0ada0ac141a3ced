"""Tokens, headers, bodies and statuses of each view: all of an operation that its route does not say.

A view that is missing here, or that answers otherwise, is found by the tests: they hold every answer that any of them
gets against the document.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from app import request_bodies as bodies
from app import response_bodies as answers

RESULT, UPDATE, RECEIPT = "result_token", "update_token", "receipt_token"
"""Names of the tokens in the document."""

BYTES = {"application/octet-stream": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}}
_COUNT = {"type": "integer", "minimum": 1}
_SIZE = {"type": "integer", "minimum": 1, "description": "bytes; a deployment sets bounds, 8 and 1,024 by default"}


@dataclass(frozen=True)
class Header:
    """A header that an operation takes beside the token."""

    name: str
    schema: Mapping[str, Any]
    description: str
    required: bool = True


@dataclass(frozen=True)
class Operation:
    """The requests that a view takes, and its answers.

    `answers` has the types of the body by status, more than one where that depends; `problems` the statuses of problems
    that not every operation has; `description` what the view's docstring has no room for, in Markdown.
    """

    tag: str
    answers: Mapping[int, tuple[Any, ...]]
    tokens: tuple[str, ...] = ()
    body: tuple[type[BaseModel], ...] = ()
    takes_bytes: bool = False
    headers: tuple[Header, ...] = ()
    problems: tuple[int, ...] = ()
    description: str = ""


_CLKS = """\
Encodings are base64 (standard alphabet, padded), all of one size. Blocks are lists of ids, texts or whole numbers
that are compared as text, by the record's index; a record that the map leaves out is in no block and is compared with
nobody. JSON is UTF-8, UTF-16 or UTF-32; a member that means something may be there once.

Announced files follow the same rules. The file of encodings is JSON `{"clks": [base64, ...]}` or raw bytes one after
the other: the whole file decides, not its name. Its metadata `x-amz-meta-hash-count` and `x-amz-meta-hash-size`
announce the number of encodings and the size of each in bytes, and it must hold exactly these. One tolerance: if
`hash-size` is 8, raw bytes have the size that `hash-count` divides them into, JSON has the size that its encodings
have, and encodings in JSON that are all shorter than 8 bytes are filled up with zeros. The blocks file is JSON
`{"blocks": {"0": [id, ...], ...}}` without metadata; if it has `meta.source.clk_count`, that must be the number of
encodings.

A body that breaks a rule is a 400. Files are read after the answer: one that breaks a rule, is compressed, damaged or
of another format fails the upload with the reason, the project's `error` is true, and the party may upload again.
"""
_BINARYCLKS = """\
The body is `Hash-Count` times `Hash-Size` bytes: the encodings one after the other, and nothing else. Text, such as
hexadecimal digits, is refused.
"""

_PROJECTS, _UPLOADS, _RUNS, _SERVICE = "projects", "uploads", "runs", "the service itself"
_READERS = (RESULT, RECEIPT)

OPERATIONS: Mapping[str, Operation] = {
    "get_status": Operation(_SERVICE, {200: (answers.ServiceStatusBody,)}),
    "get_version": Operation(_SERVICE, {200: (answers.VersionBody,)}),
    "get_document": Operation(_SERVICE, {200: (dict[str, Any],)}),
    "get_page": Operation(_SERVICE, {200: (str,)}),
    "get_projects": Operation(_PROJECTS, {200: (list[answers.ProjectListedBody],)}, problems=(403,)),
    "post_project": Operation(_PROJECTS, {201: (answers.ProjectCreatedBody,)}, body=(bodies.ProjectBody,)),
    "get_project": Operation(_PROJECTS, {200: (answers.ProjectDescriptionBody,)}, _READERS),
    "remove_project": Operation(_PROJECTS, {204: ()}, (RESULT,)),
    "get_upload_permit": Operation(_UPLOADS, {201: (answers.UploadPermitBody,)}, (UPDATE,)),
    "post_clks": Operation(
        _UPLOADS,
        {201: (answers.UploadReceiptBody,)},
        (UPDATE,),
        body=(bodies.ClksBody, bodies.ClknblocksBody, bodies.EncodingsBody, bodies.AnnouncedBody),
        description=_CLKS,
    ),
    "post_binaryclks": Operation(
        _UPLOADS,
        {201: (answers.UploadReceiptBody,)},
        (UPDATE,),
        takes_bytes=True,
        description=_BINARYCLKS,
        headers=(Header("Hash-Count", _COUNT, "how many encodings"), Header("Hash-Size", _SIZE, "how large each is")),
    ),
    "get_own_upload": Operation(_UPLOADS, {200: (answers.UploadStatusBody,)}, (UPDATE, RECEIPT), problems=(404,)),
    "get_upload": Operation(_UPLOADS, {200: (answers.UploadStatusBody,)}, (UPDATE, RECEIPT, RESULT)),
    "post_run": Operation(
        _RUNS,
        {201: (answers.RunDescriptionBody,)},
        (RESULT,),
        body=(bodies.RunBody,),
        headers=(
            Header(
                "Idempotency-Key",
                {"type": "string", "pattern": bodies.IDEMPOTENCY_KEY_PATTERN},
                "whatever the client chooses: with it, the same request again is answered by the same run",
                required=False,
            ),
        ),
        problems=(422,),
    ),
    "get_runs": Operation(_RUNS, {200: (list[answers.RunListedBody],)}, (RESULT,)),
    "get_run": Operation(_RUNS, {200: (answers.RunDescriptionBody,)}, (RESULT,)),
    "remove_run": Operation(_RUNS, {204: ()}, (RESULT,)),
    "get_run_status": Operation(_RUNS, {200: (answers.RunStatusBody,)}, _READERS),
    "get_result": Operation(
        _RUNS,
        {
            200: (
                answers.GroupsBody,
                answers.SimilarityScoresBody,
                answers.MaskBody,
                answers.PermutationBody,
                answers.ScoreFileBody,
            ),
            307: (),
        },
        _READERS,
        headers=(
            Header(
                "RETURN-OBJECT-STORE-ADDRESS",
                {"type": "string"},
                "whatever its value, asks for the address of the file of similarity scores",
                required=False,
            ),
        ),
        problems=(404,),
    ),
}
"""By the name of the view."""
