"""Drive the service in one process: requests to the real routes, messages to the real handlers.

The outside is whatever world is given. Nothing happens by itself: a message waits until a test delivers it, so a test
decides what comes twice, too late, or to a worker that dies.
"""

import base64
import importlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import app.environment
import functions.environment
from app import app as chalice_app
from linkage.messages import Message
from linkage.ports import World
from linkage.store.object_keys import MANIFEST_PREFIX
from linkage.testing.objects import MemoryObjects
from linkage.testing.queues import MemoryQueues
from tests.documented import assert_documented

Encodings = NDArray[np.uint8]
"""Encodings of a party, a row each."""
WORKERS = ("intake", "plan", "compare", "solve", "delete")


def texts(encodings: Encodings) -> list[str]:
    """Encodings as clients send them."""
    return [base64.b64encode(row.tobytes()).decode() for row in encodings]


@dataclass
class Answer:
    """A route's answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Driver:
    """The service in a world whose queues are in memory."""

    world: World
    queues: MemoryQueues
    delivered: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.use(self.world)

    def use(self, world: World) -> None:
        """Have routes and handlers see this world from now on."""
        for environment in (app.environment, functions.environment):
            environment.connect = lambda _environment: world  # type: ignore[attr-defined]
            environment.world.cache_clear()

    # -- requests ----------------------------------------------------------------------------------------------

    def request(self, method: str, path: str, *, token: str | None = None, body: Any = None, **headers: str) -> Answer:
        """Send a request; a body that is not bytes goes as JSON."""
        if token is not None:
            headers["Authorization"] = token
        if body is not None and "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = "application/json"
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        answer = chalice_app(gateway_event(method, f"/v1{path}", headers, raw), None)
        json.dumps(answer)  # as Lambda does
        status, said, text = answer["statusCode"], answer["headers"], answer["body"].encode()
        assert_documented(method, path, raw, status, said, text)
        return Answer(status, said, text)

    def create_project(self, parties: int = 2, **members: Any) -> dict[str, Any]:
        body = {"schema": {}, "result_type": "groups", "number_parties": parties} | members
        answer = self.request("POST", "/projects", body=body)
        assert answer.status == 201, answer.body
        created: dict[str, Any] = answer.json
        return created

    def upload(self, project: dict[str, Any], party: int, encodings: Encodings) -> Answer:
        path = f"/projects/{project['project_id']}/clks"
        return self.request("POST", path, token=project["update_tokens"][party], body={"clks": texts(encodings)})

    def put_upload(self, bucket: str, key: str, body: bytes, metadata: dict[str, str]) -> None:
        """Put a file as a party does with its temporary credentials."""
        if isinstance(self.world.objects, MemoryObjects):
            self.world.objects.put(bucket, key, body, metadata=metadata)
        else:
            objects: Any = self.world.objects
            objects._client.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)

    def post_run(self, project: dict[str, Any], threshold: float = 0.8) -> str:
        path = f"/projects/{project['project_id']}/runs"
        answer = self.request("POST", path, token=project["result_token"], body={"threshold": threshold})
        assert answer.status == 201, answer.body
        return str(answer.json["run_id"])

    def get_run(self, project: dict[str, Any], run_id: str, what: str = "status") -> Answer:
        path = f"/projects/{project['project_id']}/runs/{run_id}/{what}"
        return self.request("GET", path, token=project["result_token"])

    def link(self, datasets: list[Encodings], threshold: float = 0.8) -> bytes:
        """Link data sets from the first request to the result, and return the result."""
        project = self.create_project(len(datasets))
        for party, encodings in enumerate(datasets):
            assert self.upload(project, party, encodings).status == 201
        run_id = self.post_run(project, threshold)
        self.deliver_all()
        answer = self.get_run(project, run_id, "result")
        assert answer.status == 200, self.get_run(project, run_id).body
        return answer.body

    # -- messages ----------------------------------------------------------------------------------------------

    def waiting(self, worker: str) -> list[str]:
        """Take the bodies of the messages that wait for a worker."""
        if worker != "intake":
            return [message.model_dump_json() for message in self.queues.take(worker)]
        stored = self.world.objects.list(self.world.settings.store_bucket, MANIFEST_PREFIX)
        keys = [entry.key for entry in stored if entry.key not in self.delivered]
        self.delivered.update(keys)
        return [s3_event(key) for key in keys]

    def deliver(self, worker: str, body: str) -> list[str]:
        """Deliver a message; return the ids of those that failed."""
        handler = importlib.import_module(f"functions.{worker}").handler
        answer = handler({"Records": [sqs_record(worker, body)]}, None)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def deliver_all(self, workers: tuple[str, ...] = WORKERS) -> None:
        """Deliver messages until none waits."""
        while sum(self._deliver_waiting(worker) for worker in workers):
            pass

    def _deliver_waiting(self, worker: str) -> int:
        bodies = self.waiting(worker)
        for body in bodies:
            assert self.deliver(worker, body) == [], f"{worker} failed on {body}"
        return len(bodies)


def driver(world: World) -> Driver:
    """Drive a world; its queues are replaced with ones in memory."""
    queues = world.queues if isinstance(world.queues, MemoryQueues) else MemoryQueues()
    return Driver(replace(world, queues=queues), queues)


def gateway_event(method: str, path: str, headers: dict[str, str], body: bytes | None) -> dict[str, Any]:
    """A request as API Gateway hands it to the function: by the greedy route, like every path without a route."""
    return {
        "path": path,
        "headers": headers or None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": path.removeprefix("/")},
        "requestContext": {"resourcePath": "/{proxy+}", "httpMethod": method},
        "stageVariables": None,
        "body": None if body is None else base64.b64encode(body).decode(),
        "isBase64Encoded": body is not None,
    }


def body_of(message: Message) -> str:
    return message.model_dump_json()


def s3_event(key: str) -> str:
    """The notification that S3 sends for a new object."""
    return json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": key}}}]})


def sqs_record(worker: str, body: str, *, received: int = 1) -> dict[str, Any]:
    """A message as Lambda hands it to a worker."""
    return {
        "messageId": "message-1",
        "receiptHandle": "handle-1",
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(received)},
        "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{worker}",
    }
