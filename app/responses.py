"""Write answers."""

import json
from datetime import datetime
from http import HTTPStatus

from chalice.app import Response

JSON = {"Content-Type": "application/json"}


def answer(body: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Answer with JSON."""
    return Response(json.dumps(body), dict(JSON), int(status))


def no_content() -> Response:
    """Answer that it is done and that there is nothing to say."""
    return Response("", dict(JSON), int(HTTPStatus.NO_CONTENT))


def timestamp(time: datetime | None) -> str | None:
    """Write a time as clients expect it: UTC without saying so, always with microseconds."""
    return None if time is None else time.isoformat(timespec="microseconds")
