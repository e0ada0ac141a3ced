"""Raise `DownstreamUnavailable` where an AWS service throttles, fails or cannot be reached: a later retry helps.

A service that refuses a request raises botocore's `ClientError` as always. botocore has retried already, as often as
`linkage.adapters.world` says, when these hooks are called.
"""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.exceptions import HTTPClientError

from linkage.errors import DownstreamUnavailable

if TYPE_CHECKING:
    from botocore.client import BaseClient

_THROTTLED = {
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "OverLimit",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}


def report_unavailable(client: "BaseClient") -> None:
    """Make the client raise `DownstreamUnavailable` where its service throttles, fails or cannot be reached."""
    client.meta.events.register("after-call", _check_response, unique_id="linkage-response")
    client.meta.events.register("after-call-error", _check_error, unique_id="linkage-error")


def _check_response(parsed: dict[str, Any], **_others: object) -> None:
    """Raise if the service throttled the request or failed."""
    status = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", HTTPStatus.OK)
    throttled = status == HTTPStatus.TOO_MANY_REQUESTS or parsed.get("Error", {}).get("Code") in _THROTTLED
    if throttled or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise DownstreamUnavailable


def _check_error(exception: Exception, **_others: object) -> None:
    """Raise if there was no response."""
    if isinstance(exception, (BotoConnectionError, HTTPClientError)):
        raise DownstreamUnavailable from exception
