"""Requests that S3 refuses for their form, whoever sends them, and that LocalStack would take.

They are looked at before LocalStack's own handling of presigned URLs, which writes an Authorization header of its own
into the request. Codes, statuses and messages are those of S3.
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from localstack.aws.api import CommonServiceException

ALGORITHM = "AWS4-HMAC-SHA256"
MOST_KEY_BYTES = 1_024
MOST_METADATA_BYTES = 2_048
_MOST_SKEW = timedelta(minutes=15)
_LONGEST_EXPIRY_S = 7 * 24 * 3_600
_TIME = "%Y%m%dT%H%M%SZ"
_DIGEST = "x-amz-content-sha256"
_METADATA = "x-amz-meta-"
_NOT_A_DIGEST = re.compile("UNSIGNED-PAYLOAD|STREAMING-.+")
_PRESIGNED = ("X-Amz-Algorithm", "X-Amz-Signature")
_PRESIGNED_V2 = ("AWSAccessKeyId", "Signature")


class Refusal(CommonServiceException):
    """An error of S3."""

    def __init__(self, code: str, message: str, status: int = HTTPStatus.FORBIDDEN) -> None:
        super().__init__(code, message, status_code=int(status))


def refuse_ill_formed(request: Any, now: datetime) -> None:
    """Raise a `Refusal` if the request's form is one that S3 refuses.

    Not looked at: whether its signature is right, and its region.
    """
    names, authorization = request.args, request.headers.get("Authorization")
    is_presigned = any(name in names for name in (*_PRESIGNED, *_PRESIGNED_V2))
    if is_presigned and authorization is not None:
        raise Refusal(
            "InvalidArgument",
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string "
            "parameter or the Authorization header should be specified",
            HTTPStatus.BAD_REQUEST,
        )
    if is_presigned:
        _refuse_presigned(names, now)
    elif authorization is not None:
        _refuse_signed(request, authorization, now)
    _refuse_body(request)
    _refuse_metadata(request.headers)


def refuse_long_key(key: str | None) -> None:
    """Raise a `Refusal` if a key has more than 1,024 bytes."""
    if key is not None and len(key.encode(errors="surrogatepass")) > MOST_KEY_BYTES:
        raise Refusal("KeyTooLongError", "Your key is too long", HTTPStatus.BAD_REQUEST)


def _refuse_presigned(names: Mapping[str, str], now: datetime) -> None:
    if not any(name in names for name in _PRESIGNED):
        raise _of_version_2()
    expires, message = names.get("X-Amz-Expires", ""), ""
    if not re.fullmatch(r"-?\d+", expires):
        message = "X-Amz-Expires should be a number"
    elif int(expires) < 0:
        message = "X-Amz-Expires must be non-negative"
    elif int(expires) > _LONGEST_EXPIRY_S:
        message = f"X-Amz-Expires must be less than a week (in seconds) of {_LONGEST_EXPIRY_S}"
    elif (time := _parsed(names.get("X-Amz-Date"))) is None:
        message = "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
    elif time - now > _MOST_SKEW:
        raise Refusal("AccessDenied", "Request is not yet valid")
    if message:
        raise Refusal("AuthorizationQueryParametersError", message, HTTPStatus.BAD_REQUEST)


def _refuse_signed(request: Any, authorization: str, now: datetime) -> None:
    scheme, _, rest = authorization.partition(" ")
    if scheme == "AWS":
        raise _of_version_2()
    if scheme != ALGORITHM:
        raise Refusal("InvalidArgument", "Unsupported Authorization Type", HTTPStatus.BAD_REQUEST)
    time = _parsed(request.headers.get("X-Amz-Date"))
    if time is None:
        raise Refusal("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    if abs(time - now) > _MOST_SKEW:
        raise Refusal(
            "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
        )
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    _, date, _, *service = [*fields.get("Credential", "").split("/"), "", ""]
    if date != f"{time:%Y%m%d}" or service != ["s3", "aws4_request", "", ""]:
        message = "The authorization header is malformed; the Credential's scope is not that of this request."
        raise Refusal("AuthorizationHeaderMalformed", message, HTTPStatus.BAD_REQUEST)
    signed = set(fields.get("SignedHeaders", "").split(";"))
    present = {name.lower() for name, _ in request.headers.items() if name.lower().startswith("x-amz-")} | {"host"}
    if unsigned := sorted(present - signed):
        message = f"There were headers present in the request which were not signed: {', '.join(unsigned)}"
        raise Refusal("AccessDenied", message)
    if _DIGEST not in request.headers:
        message = f"Missing required header for this request: {_DIGEST}"
        raise Refusal("InvalidRequest", message, HTTPStatus.BAD_REQUEST)


def _refuse_body(request: Any) -> None:
    """Refuse a body of unannounced length, and one that is not what was signed."""
    headers = request.headers
    if "Transfer-Encoding" in headers and "x-amz-decoded-content-length" not in headers:
        message = "A header you provided implies functionality that is not implemented"
        raise Refusal("NotImplemented", message, HTTPStatus.NOT_IMPLEMENTED)
    digest = headers.get(_DIGEST)
    if digest is None or _NOT_A_DIGEST.fullmatch(digest):
        return
    if not re.fullmatch("[0-9a-f]{64}", digest):
        message = f"{_DIGEST} must be UNSIGNED-PAYLOAD, STREAMING-..., or a valid sha256 value."
        raise Refusal("InvalidArgument", message, HTTPStatus.BAD_REQUEST)
    if hashlib.sha256(request.get_data(parse_form_data=False)).hexdigest() != digest:
        message = f"The provided '{_DIGEST}' header does not match what was computed."
        raise Refusal("XAmzContentSHA256Mismatch", message, HTTPStatus.BAD_REQUEST)


def _refuse_metadata(headers: Any) -> None:
    metadata = [(name, value) for name, value in headers.items() if name.lower().startswith(_METADATA)]
    size = sum(len(name) - len(_METADATA) + len(value.encode(errors="surrogatepass")) for name, value in metadata)
    if size > MOST_METADATA_BYTES:
        message = "Your metadata headers exceed the maximum allowed metadata size"
        raise Refusal("MetadataTooLarge", message, HTTPStatus.BAD_REQUEST)


def _of_version_2() -> Refusal:
    message = f"The authorization mechanism you have provided is not supported. Please use {ALGORITHM}."
    return Refusal("InvalidRequest", message, HTTPStatus.BAD_REQUEST)


def _parsed(time: str | None) -> datetime | None:
    with suppress(ValueError):
        return datetime.strptime(time or "", _TIME).replace(tzinfo=UTC)
    return None
