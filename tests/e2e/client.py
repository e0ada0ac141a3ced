"""A plain client of the deployed service: requests for the API, minio's protocol by boto3 for the object store."""

import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import requests
from botocore.config import Config

from tests.driving import Encodings, texts

PATIENCE_S = 90


def as_json(encodings: Encodings) -> bytes:
    """A file as the released client makes it."""
    return json.dumps({"clks": texts(encodings)}).encode()


@dataclass(frozen=True)
class Client:
    """Talks to a server; a project is the answer that created it."""

    server_url: str

    def request(self, method: str, path: str, *, token: str | None = None, **rest: Any) -> requests.Response:
        headers = rest.pop("headers", {}) | ({"Authorization": token} if token is not None else {})
        return requests.request(method, f"{self.server_url}/api/v1{path}", headers=headers, timeout=60, **rest)

    def path(self, project: dict[str, Any], *rest: str) -> str:
        return "/".join([f"/projects/{project['project_id']}", *rest])

    def create_project(self, parties: int = 2, **members: Any) -> dict[str, Any]:
        body = {"schema": {}, "result_type": "groups", "number_parties": parties} | members
        answer = self.request("POST", "/projects", json=body)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def describe(self, project: dict[str, Any]) -> dict[str, Any]:
        described: dict[str, Any] = self.request("GET", self.path(project), token=project["result_token"]).json()
        return described

    def post_encodings(self, project: dict[str, Any], party: int, encodings: Encodings) -> requests.Response:
        token = project["update_tokens"][party]
        return self.request("POST", self.path(project, "clks"), token=token, json={"clks": texts(encodings)})

    def upload_of(self, project: dict[str, Any], party: int) -> dict[str, Any]:
        """Get the state of the party's newest upload."""
        answer = self.request("GET", self.path(project, "uploads"), token=project["update_tokens"][party])
        assert answer.status_code == 200, answer.text
        upload: dict[str, Any] = answer.json()
        return upload

    def permit(self, project: dict[str, Any], party: int) -> dict[str, Any]:
        """Get the party's temporary credentials, and the place for its files."""
        path = self.path(project, "authorize-external-upload")
        answer = self.request("GET", path, token=project["update_tokens"][party])
        assert answer.status_code == 201, answer.text
        permit: dict[str, Any] = answer.json()
        return permit

    def put_encodings(
        self,
        project: dict[str, Any],
        party: int,
        name: str,
        body: bytes,
        *,
        count: int = 1,
        size: int = 8,
        announce: bool = True,
        in_parts: bool = False,
    ) -> requests.Response | None:
        """Put a file with the party's temporary credentials, and announce it."""
        permit = self.permit(project, party)
        upload, key = permit["upload"], f"{permit['upload']['path']}/{name}"
        metadata = {"hash-count": str(count), "hash-size": str(size)}
        store = object_store(permit)
        if in_parts:
            store.upload_fileobj(io.BytesIO(body), upload["bucket"], key, ExtraArgs={"Metadata": metadata})
        else:
            store.put_object(Bucket=upload["bucket"], Key=key, Body=body, Metadata=metadata)
        if not announce:
            return None
        file = {"bucket": upload["bucket"], "path": key}
        announced = {"encodings": {"file": file, "credentials": permit["credentials"]}}
        return self.request("POST", self.path(project, "clks"), token=project["update_tokens"][party], json=announced)

    def post_run(self, project: dict[str, Any], threshold: float = 0.8) -> str:
        path = self.path(project, "runs")
        answer = self.request("POST", path, token=project["result_token"], json={"threshold": threshold})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["run_id"])

    def status(self, project: dict[str, Any], run_id: str) -> dict[str, Any]:
        path = self.path(project, "runs", run_id, "status")
        answer = self.request("GET", path, token=project["result_token"])
        assert answer.status_code == 200, answer.text
        status: dict[str, Any] = answer.json()
        return status

    def watch(self, project: dict[str, Any], run_id: str) -> list[dict[str, Any]]:
        """Poll the run's status until the run is over, and return every status."""
        seen: list[dict[str, Any]] = []

        def over() -> bool:
            seen.append(self.status(project, run_id))
            return seen[-1]["state"] in {"completed", "error"}

        self.await_true(over)
        return seen

    def result_of(self, project: dict[str, Any], run_id: str) -> bytes:
        """Wait for the run's result."""
        last = self.watch(project, run_id)[-1]
        assert last["state"] == "completed", last
        answer = self.request("GET", self.path(project, "runs", run_id, "result"), token=project["result_token"])
        assert answer.status_code == 200, answer.text
        return answer.content

    def run_to_result(self, project: dict[str, Any], threshold: float = 0.8) -> bytes:
        """Post a run and wait for its result."""
        return self.result_of(project, self.post_run(project, threshold))

    def await_true(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "it does not become true"
            time.sleep(0.2)


def object_store(permit: dict[str, Any]) -> Any:
    """An S3 client with the temporary credentials of a permit, and nothing else."""
    credentials, upload = permit["credentials"], permit["upload"]
    return boto3.client(
        "s3",
        endpoint_url=f"{'https' if upload['secure'] else 'http'}://{upload['endpoint']}",
        region_name="us-east-1",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        config=Config(s3={"addressing_style": "path"}),
    )
