"""Write answers."""

import json
from datetime import datetime
from http import HTTPStatus

from chalice.app import Response
from pydantic import BaseModel

from linkage.models import Credentials, StoreAccess

JSON = {"Content-Type": "application/json"}
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Allow, Location, Retry-After"}
"""On every answer: a token is sent on purpose or not at all, never by a browser on its own."""
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Hash-Count, Hash-Size, RETURN-OBJECT-STORE-ADDRESS",
    "Access-Control-Max-Age": "86400",
}
"""What an OPTIONS request is told. The original left Authorization out, so that no page could send a token."""


def answer(body: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Answer with JSON. Of a model the members that were given are told, and no others."""
    text = body.model_dump_json(by_alias=True, exclude_unset=True) if isinstance(body, BaseModel) else json.dumps(body)
    return Response(text, dict(JSON), int(status))


def no_content() -> Response:
    """Answer that it is done and that there is nothing to say."""
    return Response("", dict(JSON), int(HTTPStatus.NO_CONTENT))


def timestamp(time: datetime | None) -> str | None:
    """Write a time as clients expect it: UTC without saying so, always with microseconds."""
    return None if time is None else time.isoformat(timespec="microseconds")


def credentials_body(credentials: Credentials) -> dict[str, str]:
    """Write temporary credentials as clients expect them."""
    return {
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key,
        "SessionToken": credentials.session_token,
        "Expiration": credentials.expiration.strftime("%Y-%m-%dT%H:%M:%S.%f"),
    }


def place_body(place: StoreAccess) -> dict[str, str | bool]:
    """Write where in the object store something is."""
    return {"endpoint": place.endpoint, "secure": place.secure, "bucket": place.bucket, "path": place.path}
