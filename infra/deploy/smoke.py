"""Smoke-test a deployment: link two data sets of three records, as any client does.

It uses the standard library alone, leaves nothing, and takes as long as a person would wait.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from infra.deploy.errors import DeploymentFailed

PATIENCE_S = 180.0
_TIMEOUT_S = 35.0  # API Gateway answers sooner
_PAUSE_S = 1.0
# Records 0 and 1 of the second data set are records 1 and 0 of the first.
_LEFT = [bytes([value] * 16) for value in (0b11110000, 0b00001111, 0b10101010)]
_RIGHT = [_LEFT[1], _LEFT[0], bytes([0b00000001] * 16)]
_GROUPS = {frozenset({(0, 0), (1, 1)}), frozenset({(0, 1), (1, 0)})}


def smoke_test(server_url: str, progress: Callable[[str], None], *, patience_s: float = PATIENCE_S) -> None:
    """Ask for the service's status, link, and compare the groups with the known ones.

    Raises
    ------
    DeploymentFailed
        If the service does not answer, or its answer is wrong.
    """
    started = time.monotonic()
    server = _Server(server_url, started + patience_s)
    status, version = server.ask("GET", "/status"), server.ask("GET", "/version")
    progress(f"smoke test: status {status['status']}, version {version['entityservice']}, Python {version['python']}")
    project = server.ask("POST", "/projects", body={"schema": {}, "result_type": "groups", "name": "smoke test"})
    path, token = f"/projects/{project['project_id']}", project["result_token"]
    try:
        groups = _link(server, path, project)
    finally:
        server.ask("DELETE", path, token=token)
    if groups != _GROUPS:
        raise DeploymentFailed(f"the smoke test's linkage is wrong: {groups}")
    progress(f"smoke test: two data sets were linked, rightly, in {time.monotonic() - started:.1f} s")


def _link(server: _Server, path: str, project: dict[str, Any]) -> set[frozenset[tuple[int, int]]]:
    for token, records in zip(project["update_tokens"], (_LEFT, _RIGHT), strict=True):
        clks = [base64.b64encode(record).decode() for record in records]
        server.ask("POST", f"{path}/clks", token=token, body={"clks": clks})
    token = project["result_token"]
    run = server.ask("POST", f"{path}/runs", token=token, body={"threshold": 0.9})
    run_path = f"{path}/runs/{run['run_id']}"
    _await_completion(server, run_path, token)
    result = server.ask("GET", f"{run_path}/result", token=token)
    return {frozenset((dataset, record) for dataset, record in group) for group in result["groups"]}


def _await_completion(server: _Server, run_path: str, token: str) -> None:
    while (status := server.ask("GET", f"{run_path}/status", token=token))["state"] != "completed":
        if status["state"] == "error":
            raise DeploymentFailed(f"the smoke test's run failed: {status.get('message')}")
        if server.is_late:
            raise DeploymentFailed(f"the smoke test's run is still {status['state']}")
        time.sleep(_PAUSE_S)


@dataclass(frozen=True)
class _Server:
    """A client of the service that tries again until a deadline."""

    url: str
    deadline: float

    @property
    def is_late(self) -> bool:
        return time.monotonic() >= self.deadline

    def ask(self, method: str, path: str, *, token: str | None = None, body: object = None) -> Any:  # noqa: ANN401  JSON
        """Send a request, and repeat it while the answer is 503 or there is none, as clients do."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": token} if token else {})
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/api/v1{path}", data=data, headers=headers, method=method)
        while True:
            try:
                with urlopen(request, timeout=_TIMEOUT_S) as answer:
                    return json.loads(answer.read() or b"null")
            except HTTPError as error:
                failure = f"{error.code} {error.read().decode(errors='replace')[:500]}"
                again = error.code == HTTPStatus.SERVICE_UNAVAILABLE
            except (URLError, TimeoutError) as error:
                failure, again = str(error), True
            if not again or self.is_late:
                raise DeploymentFailed(f"the smoke test failed: {method} {request.full_url}: {failure}")
            time.sleep(_PAUSE_S)
