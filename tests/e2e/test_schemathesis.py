"""Schemathesis sends the deployed API valid and invalid requests generated from our own OpenAPI document.

It fails on any answer that is not in the document, on a 5xx but those that the contract has, on nonsense that is taken,
and on an answer that does not come. Who asks: somebody who knows no project, an analyst, and a party.
"""

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.client import Client
from tests.e2e.conftest import program

SETTINGS = Path(__file__).with_name("schemathesis.toml")
MOST_SECONDS = 240
"""The time limit of one Schemathesis run, on a busy machine; it takes about twenty seconds."""
ANALYST = ["get_project", "get_runs", "post_run", "get_run", "get_run_status", "get_result", "get_upload"]
PARTY = ["post_clks", "post_binaryclks", "get_upload_permit", "get_own_upload"]


@pytest.fixture(scope="module")
def schemathesis():
    return program("schemathesis", "schemathesis")


@pytest.fixture
def client(stack):
    return Client(stack.server_url)


@pytest.fixture
def check(schemathesis, client, tmp_path):
    """A function that runs Schemathesis with these ids and this token in place of made-up ones."""

    def run(*operations: str, token: str | None = None, **ids: str) -> dict[str, set[int]]:
        settings = tmp_path / "schemathesis.toml"
        parameters = "".join(f'"path.{name}" = "{value}"\n' for name, value in ids.items())
        headers = "" if token is None else f'[headers]\nAuthorization = "{token}"\n'
        settings.write_text(f"{SETTINGS.read_text()}\n[parameters]\n{parameters}{headers}")
        report = tmp_path / "report.ndjson"
        url = f"{client.server_url}/api/v1"
        command = [schemathesis, "--config-file", settings, "run", f"{url}/openapi.json", "--url", url, "--no-color"]
        command += ["--report-ndjson-path", report]
        command += [option for operation in operations for option in ("--include-operation-id", operation)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
        return statuses_of(report)

    return run


def statuses_of(report: Path) -> dict[str, set[int]]:
    """Return the status codes that each operation answered with."""
    statuses: dict[str, set[int]] = {}
    for line in report.read_text().splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for interaction in recorder.get("interactions", {}).values():
            statuses.setdefault(recorder["label"], set()).add(interaction["response"]["status_code"])
    return statuses


def test_somebody_who_knows_no_project(check, client):
    statuses = check()

    paths = client.request("GET", "/openapi.json").json()["paths"]
    operations = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert statuses.keys() >= operations - {"GET /openapi.json"}  # which it has read to begin with
    for operation, codes in statuses.items():
        refused = {204, 400, 403, 404, 405, 415}  # 204 is what OPTIONS is answered
        assert codes <= refused if "{" in operation else codes & {200, 201}, (operation, codes)


def test_an_analyst(check, client, datasets):
    project = client.create_project()
    for party in range(2):
        assert client.post_encodings(project, party, datasets[party]).status_code == 201
    run_id = client.post_run(project)
    client.result_of(project, run_id)
    ids = {
        "project_id": project["project_id"],
        "run_id": run_id,
        "upload_id": client.upload_of(project, 0)["upload_id"],
    }

    statuses = check(*ANALYST, token=project["result_token"], **ids)

    assert len(statuses) == len(ANALYST)
    assert all(codes & {200, 201} for codes in statuses.values())


def test_a_party(check, client):
    project = client.create_project()

    statuses = check(*PARTY, token=project["update_tokens"][0], project_id=project["project_id"])

    assert len(statuses) == len(PARTY)
    assert {operation for operation, codes in statuses.items() if 201 in codes} >= {
        "POST /projects/{project_id}/clks",
        "GET /projects/{project_id}/authorize-external-upload",
    }
    assert client.describe(project)["parties_contributed"] == 1
