"""Send the events of MinIO's webhook to the intake queue: MinIO cannot send to SQS.

MinIO keeps each event in a file until its webhook answers 2xx, and retries every three seconds. So this answers 2xx
only once SQS has taken the message, keeps nothing itself, and loses nothing, whatever of the three is away: at worst
an event arrives twice, as S3's own may.
"""

import argparse
import hmac
import json
import os
import sys
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

TOKEN = "LINKAGE_BRIDGE_TOKEN"  # noqa: S105  the variable's name
_LARGEST_EVENT = 2**20
# MinIO retries by itself, so a request that will not succeed is given up soon.
_ASK_ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=10)

Send = Callable[[str], None]


def as_s3_event(event: dict[str, Any]) -> str:
    """Return the message that S3 would have sent for an event of MinIO's.

    Examples
    --------
    >>> record = {"eventSource": "minio:s3", "eventName": "s3:ObjectCreated:Put", "s3": {"object": {"key": "a%2Fb+c"}}}
    >>> as_s3_event({"EventName": "s3:ObjectCreated:Put", "Key": "bucket/a/b c", "Records": [record]})
    '{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"object":{"key":"a/b+c"}}}]}'
    """
    return json.dumps({"Records": [_as_s3_record(record) for record in event["Records"]]}, separators=(",", ":"))


def _as_s3_record(record: dict[str, Any]) -> dict[str, Any]:
    entity = record["s3"]
    key = quote_plus(unquote_plus(entity["object"]["key"]), safe="/")
    return {
        **record,
        "eventSource": "aws:s3",
        "eventName": record["eventName"].removeprefix("s3:"),
        "s3": {**entity, "object": {**entity["object"], "key": key}},
    }


class Bridge(ThreadingHTTPServer):
    """Receives events from a sender with the token, and sends them to the queue."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], *, token: str, send: Send) -> None:
        super().__init__(address, _Handler)
        self.token = token
        self.send = send


class _Handler(BaseHTTPRequestHandler):
    server: Bridge
    timeout = 30

    def do_POST(self) -> None:
        """Send one event to the queue, and answer 200 once it is there."""
        status, reason = self._take()
        if reason:
            print(f"{status.value}: {reason}", file=sys.stderr)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _take(self) -> tuple[HTTPStatus, str]:
        authorization = self.headers.get("Authorization", "")
        if not hmac.compare_digest(authorization.encode(), f"Bearer {self.server.token}".encode()):
            return HTTPStatus.FORBIDDEN, "the event has no valid token"
        size = int(self.headers.get("Content-Length", 0))
        if size > _LARGEST_EVENT:
            self.close_connection = True
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the event is too large: {size} bytes"
        try:
            message = as_s3_event(json.loads(self.rfile.read(size)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return HTTPStatus.BAD_REQUEST, f"the body is not an event: {error!r}"
        try:
            self.server.send(message)
        except (BotoCoreError, ClientError) as error:
            return HTTPStatus.SERVICE_UNAVAILABLE, f"cannot send an event to the queue, MinIO will retry: {error}"
        return HTTPStatus.OK, ""

    def log_message(self, *_arguments: object) -> None:
        """Log no requests: failed ones are logged with their reason."""


def to_queue(queue_url: str) -> Send:
    """Return a function that sends a message to a queue; boto3 takes the endpoint from the environment."""
    client = boto3.client("sqs", config=_ASK_ONCE)
    return lambda message: client.send_message(QueueUrl=queue_url, MessageBody=message) and None


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description="Send MinIO's events to an SQS queue.")
    parser.add_argument("port", type=int)
    parser.add_argument("queue_url")
    arguments = parser.parse_args(argv)
    send = to_queue(arguments.queue_url)
    with Bridge(("127.0.0.1", arguments.port), token=os.environ[TOKEN], send=send) as server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
