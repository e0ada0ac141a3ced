"""Write responses."""

import json
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import overload

from chalice.app import Response

from app.response_bodies import CredentialsBody, PlaceBody, ResponseBody
from linkage.errors import TooLargeToReturn
from linkage.models import StoreAccess

JSON = {"Content-Type": "application/json"}
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Allow, Location, Retry-After"}
"""On every answer: a token is sent on purpose or not at all, never by a browser on its own."""
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, Hash-Count, Hash-Size, Idempotency-Key, RETURN-OBJECT-STORE-ADDRESS"
    ),
    "Access-Control-Max-Age": "86400",
}
"""Headers of the answer to OPTIONS. The original left Authorization out, so that no page could send a token."""

MOST_RESPONSE_BYTES = 6_291_556
"""Of a Lambda function's response, as JSON in UTF-8, in which the body is a text."""
_ENVELOPE_BYTES = 1_024
"""What a response has beside its body, at most: status and headers."""
_MOST_BODY_BYTES = MOST_RESPONSE_BYTES - _ENVELOPE_BYTES


def answer(body: ResponseBody | Sequence[ResponseBody], status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Answer with a body, or with a list of bodies."""
    text = body.text() if isinstance(body, ResponseBody) else f"[{', '.join(item.text() for item in body)}]"
    return Response(text, dict(JSON), int(status))


def fits(body: ResponseBody, *, beside_bytes: int = 0) -> bool:
    """Tell whether a body fits into a Lambda function's response, with some bytes more."""
    return _size(body) + beside_bytes <= _MOST_BODY_BYTES


def require_returnable(body: ResponseBody, *, beside_bytes: int = 0) -> None:
    """Raise `TooLargeToReturn` if a description could not be answered, with some bytes more that it may get."""
    if not fits(body, beside_bytes=beside_bytes):
        raise TooLargeToReturn(_size(body), _MOST_BODY_BYTES - beside_bytes)


def _size(body: ResponseBody) -> int:
    """Return the bytes that a body takes in a response: quotes, backslashes and line breaks take two there.

    Characters beyond ASCII are not escaped by Lambda's runtimes from Python 3.12 on.
    """
    return len(json.dumps(body.text(), ensure_ascii=False).encode())


def no_content() -> Response:
    """Answer 204: it is done, and there is no body."""
    return Response("", dict(JSON), int(HTTPStatus.NO_CONTENT))


@overload
def timestamp(time: datetime) -> str: ...
@overload
def timestamp(time: None) -> None: ...
def timestamp(time: datetime | None) -> str | None:
    """Write a time as clients expect it: UTC without saying so, always with microseconds."""
    return None if time is None else time.isoformat(timespec="microseconds")


def credentials_body(access: StoreAccess) -> CredentialsBody:
    """Return the temporary credentials of an access to the object store."""
    credentials = access.credentials
    return CredentialsBody(
        access_key_id=credentials.access_key_id,
        secret_access_key=credentials.secret_access_key,
        session_token=credentials.session_token,
        expiration=timestamp(credentials.expiration),
    )


def place_body(access: StoreAccess) -> PlaceBody:
    """Return the place in the object store that an access opens."""
    return PlaceBody(endpoint=access.endpoint, secure=access.secure, bucket=access.bucket, path=access.path)
