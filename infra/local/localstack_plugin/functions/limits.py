"""Lambda's limits on payloads, as AWS enforces them and LocalStack does not.

Binary bodies travel as base64, so about 4.5 MB of binary fill a request.
"""

import json

SYNCHRONOUS_REQUEST_BYTES = 6_291_456
ASYNCHRONOUS_REQUEST_BYTES = 1_048_576
# AWS grants an answer 100 bytes for its own envelope.
RESPONSE_BYTES = 6_291_556
# What API Gateway takes before it looks at the function behind it.
GATEWAY_REQUEST_BYTES = 10_485_760


def request_complaint(size: int, *, asynchronous: bool) -> str | None:
    """Return the reason to refuse a request of this many bytes, or None."""
    kind, limit = (
        ("Event", ASYNCHRONOUS_REQUEST_BYTES) if asynchronous else ("RequestResponse", SYNCHRONOUS_REQUEST_BYTES)
    )
    if size <= limit:
        return None
    return f"{size} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"


def error_payload(kind: str, message: str) -> bytes:
    """Write an error as Lambda answers it."""
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def response_too_large() -> bytes:
    """Write the error that takes the place of an answer beyond the limit."""
    return error_payload(
        "Function.ResponseSizeTooLarge",
        f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES} bytes).",
    )
