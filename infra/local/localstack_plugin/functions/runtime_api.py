"""Lambda's Runtime API for one execution environment, on a loopback port.

The runtime in the environment asks for the next invocation, runs the handler, and posts
what came of it. An environment has one invocation at a time, as on AWS.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from infra.local.localstack_plugin.functions.limits import RESPONSE_BYTES, response_too_large

_PREFIX = "/2018-06-01/runtime/"


@dataclass(frozen=True)
class Outcome:
    """The answer of an invocation, or its error."""

    payload: bytes
    is_error: bool


class InitFailed(Exception):
    """The handler's module could not be loaded; `payload` is the runtime's report."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload.decode(errors="replace"))
        self.payload = payload


@dataclass(frozen=True)
class Invocation:
    """One call of the handler, waiting for its outcome."""

    request_id: str
    headers: dict[str, str]
    payload: bytes
    outcome: "Future[Outcome]"


class RuntimeApi(ThreadingHTTPServer):
    """Serves invocations to one runtime and collects their outcomes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ready: Future[None] = Future()
        self._waiting: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._current: Invocation | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def submit(self, invocation: Invocation) -> None:
        """Give the runtime an invocation; it must have no other."""
        with self._lock:
            self._current = invocation
        self._waiting.put(invocation)

    def next_invocation(self) -> Invocation | None:
        """Wait for the next invocation; None means that there will be no more."""
        if not self.ready.done():
            self.ready.set_result(None)
        return self._waiting.get()

    def settle(self, request_id: str, outcome: Outcome) -> None:
        """Record an outcome; ignore one that comes too late."""
        with self._lock:
            current = self._current
            if current is None or current.request_id != request_id:
                return
            self._current = None
        current.outcome.set_result(outcome)

    def fail_init(self, payload: bytes) -> None:
        """Record that the runtime could not load the handler."""
        with self._lock:
            if not self.ready.done():
                self.ready.set_exception(InitFailed(payload))

    def close(self) -> None:
        """End the runtime's wait for invocations, and close the port."""
        self._waiting.put(None)
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing: a runtime that is killed breaks its connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: RuntimeApi

    def log_message(self, *_arguments: object) -> None:
        """Log nothing: the invocation has its own log."""

    def do_GET(self) -> None:
        invocation = self.server.next_invocation()
        if invocation is None:
            self.close_connection = True
            self._answer(HTTPStatus.GONE)
        else:
            self._answer(HTTPStatus.OK, invocation.payload, invocation.headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        match self.path.removeprefix(_PREFIX).split("/"):
            case ["init", "error"]:
                self.server.fail_init(body)
            case ["invocation", request_id, "error"]:
                self.server.settle(request_id, Outcome(body, is_error=True))
            case ["invocation", request_id, "response"]:
                self.server.settle(request_id, _checked(body))
        self._answer(HTTPStatus.ACCEPTED, b'{"status":"OK"}')

    def _answer(
        self,
        status: HTTPStatus,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _checked(body: bytes) -> Outcome:
    if len(body) > RESPONSE_BYTES:
        return Outcome(response_too_large(), is_error=True)
    return Outcome(body, is_error=False)
