"""Read tokens and bodies of requests, in the types that the use cases take."""

import io
import json
import re
from collections.abc import Collection
from typing import Any, NoReturn

from chalice.app import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from app.request_bodies import IDEMPOTENCY_KEY_PATTERN, MOST_KEY_LENGTH
from linkage.encodings.block_files import ORIGIN_PATHS
from linkage.encodings.json_files import load_members
from linkage.errors import MalformedRequest, UploadRejected

_TOKEN = re.compile("[0-9a-f]{48}")
_IDEMPOTENCY_KEY = "Idempotency-Key"
_KEY = re.compile(IDEMPOTENCY_KEY_PATTERN)
_SHOWN = 60
"""The most characters of a wrong value that are shown back."""
_TYPES = {
    "string_type": "string",
    "int_type": "integer",
    "float_type": "number",
    "bool_type": "boolean",
    "dict_type": "object",
    "list_type": "array",
    "model_type": "object",
}


def token(request: Request) -> str:
    """Return the Authorization header: the token itself, without a scheme."""
    value = request.headers.get("authorization")
    if value is None:
        raise MalformedRequest("Missing header parameter 'Authorization'")
    return str(value)


def idempotency_key(request: Request) -> str | None:
    """Return the Idempotency-Key header; None if there is none."""
    value = request.headers.get(_IDEMPOTENCY_KEY)
    if value is not None and not _KEY.fullmatch(value):
        raise MalformedRequest(
            f"Invalid value for {_IDEMPOTENCY_KEY} header: it must be 1 to {MOST_KEY_LENGTH} visible ASCII characters"
        )
    return value


def json_body(request: Request) -> Any:  # noqa: ANN401  JSON is anything
    """Parse the request's JSON strictly: NaN and infinities are no JSON."""
    try:
        return json.loads(request.raw_body or b"null", parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise MalformedRequest("Request body is not valid JSON") from None


def raw_body(request: Request) -> bytes:
    """Return the request's body as it came."""
    body = request.raw_body or b""
    return body if isinstance(body, bytes) else body.encode()


def upload_body(request: Request, members: Collection[str]) -> object:
    """Read these members of an upload's JSON body by the rules that hold for files in the object store."""
    try:
        body = io.BytesIO(raw_body(request) or b"null")
        return load_members(body, members, name="Request body", paths=ORIGIN_PATHS)
    except UploadRejected as rejection:
        raise MalformedRequest(str(rejection)) from None


def parse[Body: BaseModel](body: Any, kind: type[Body]) -> Body:  # noqa: ANN401  JSON is anything
    """Validate a parsed body; an error is in the words of the original."""
    if not isinstance(body, dict):
        raise MalformedRequest(f"{_shown(body)} is not of type 'object'")
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise MalformedRequest(_describe(error.errors()[0])) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _describe(error: ErrorDetails) -> str:
    """Describe the validation error of one member of a body."""
    name = ".".join(str(part) for part in error["loc"])
    value, context, kind = _shown(error["input"]), error.get("ctx", {}), error["type"]
    if kind == "missing":
        return f"'{error['loc'][-1]}' is a required property"
    if kind in _TYPES:
        return f"{value} is not of type '{_TYPES[kind]}' - '{name}'"
    if kind == "greater_than_equal":
        return f"{value} is less than the minimum of {context['ge']} - '{name}'"
    if kind == "less_than_equal":
        return f"{value} is greater than the maximum of {context['le']} - '{name}'"
    if kind == "enum":
        return f"{value} is not one of [{str(context['expected']).replace(' or ', ', ')}] - '{name}'"
    return f"{error['msg']} - '{name}'"


def _shown(value: object) -> str:
    """Return a wrong value as its sender is shown it: at most a line, and without a token that was put in its place."""
    text = _TOKEN.sub("...", repr(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
