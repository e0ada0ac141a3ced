"""Write answers."""

import json
from datetime import datetime
from http import HTTPStatus

from chalice.app import Response

from linkage.models import Credentials
from linkage.results import ScoreFile
from linkage.uploads import UploadPermit

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


def credentials_body(credentials: Credentials) -> dict[str, str]:
    """Write temporary credentials as clients expect them."""
    return {
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key,
        "SessionToken": credentials.session_token,
        "Expiration": credentials.expiration.strftime("%Y-%m-%dT%H:%M:%S.%f"),
    }


def place_body(place: UploadPermit | ScoreFile) -> dict[str, str | bool]:
    """Write where in the object store something is."""
    return {"endpoint": place.endpoint, "secure": place.secure, "bucket": place.bucket, "path": place.path}
