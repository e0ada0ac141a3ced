"""Linkage on the deployed local stack: nothing is in this process but the client."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import boto3
import numpy as np
import psycopg2
import pytest
import requests

from tests.driving import texts
from tests.e2e.client import Client, as_json
from tests.oracle import groups_of_anonlink, groups_of_result

TABLES = ("projects", "parties", "uploads", "runs", "tombstones", "audit")


@pytest.fixture
def stack(each_stack):
    """The service with each object store in turn; OBJECT_STORE chooses one."""
    return each_stack


@pytest.fixture
def client(stack):
    return Client(stack.server_url)


@pytest.fixture(scope="module")
def many():
    """Three data sets of 400 records of 128 bytes, as large as CLKs are."""
    generator = np.random.default_rng(11)
    entities = generator.integers(0, 256, (500, 128), dtype=np.uint8)
    noise = [np.packbits(generator.random((400, 1024)) < 0.05, axis=1) for _ in range(3)]
    return [entities[generator.permutation(500)[:400]] ^ flips for flips in noise]


def test_two_parties_who_send_their_encodings(client, many):
    project = client.create_project()
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda party: client.post_encodings(project, party, many[party]), range(2)))
    assert [answer.status_code for answer in answers] == [201, 201]

    result = client.run_to_result(project)

    assert groups_of_result(result) == groups_of_anonlink(many[:2], 0.8)


def test_two_parties_who_put_files_in_the_object_store(client, many):
    project = client.create_project()
    for party, (name, body) in enumerate([("encodings.json", as_json(many[0])), ("encodings.bin", many[1].tobytes())]):
        answer = client.put_encodings(project, party, name, body, count=400, size=128)
        assert answer.status_code == 201, answer.text

    result = client.run_to_result(project)

    assert groups_of_result(result) == groups_of_anonlink(many[:2], 0.8)


def test_three_parties_by_different_ways(client, many):
    project = client.create_project(3)
    run_id = client.post_run(project)
    client.post_encodings(project, 0, many[0])
    assert client.status(project, run_id)["current_stage"]["progress"]["absolute"] == 1
    client.put_encodings(project, 1, "encodings.json", as_json(many[1]), count=400, size=128)
    client.put_encodings(project, 2, "encodings", many[2].tobytes(), count=400, size=128)

    result = client.result_of(project, run_id)

    assert groups_of_result(result) == groups_of_anonlink(many, 0.8)


def test_the_status_goes_only_forward(client, many):
    project = client.create_project()
    run_id = client.post_run(project)
    for party in range(2):
        client.post_encodings(project, party, many[party])

    seen = client.watch(project, run_id)

    stages = [(status["current_stage"]["number"], status["state"]) for status in seen]
    numbers = [number for number, _ in stages]
    assert numbers == sorted(numbers)
    assert stages[-1] == (3, "completed")


def test_a_wrong_upload_shows_and_can_be_mended(client, many):
    project = client.create_project()
    run_id = client.post_run(project)
    client.post_encodings(project, 0, many[0])
    client.put_encodings(project, 1, "encodings.json", as_json(many[1]), count=401, size=128)

    failed = client.watch(project, run_id)[-1]

    assert failed["state"] == "error"
    assert "401 encodings were announced, the file has 400" in failed["message"]
    assert client.describe(project)["error"] is True
    client.put_encodings(project, 1, "encodings.json", as_json(many[1]), count=400, size=128)
    assert groups_of_result(client.run_to_result(project)) == groups_of_anonlink(many[:2], 0.8)


def test_a_deleted_project_leaves_no_object_and_no_row(client, many, stack):
    project = client.create_project()
    for party in range(2):
        client.put_encodings(project, party, "upload-test", b"it works!", announce=False)
        client.put_encodings(project, party, "encodings.json", as_json(many[party]), count=400, size=128)
    client.run_to_result(project)
    client.post_run(project)

    assert client.request("DELETE", client.path(project), token=project["result_token"]).status_code == 204

    client.await_true(lambda: objects_of(stack, project["project_id"]) == [])
    assert client.request("GET", client.path(project), token=project["result_token"]).status_code == 403
    assert rows_of(stack, project["project_id"]) == {"audit", "tombstones"}


def test_a_deleted_run_leaves_the_project(client, many, stack):
    project = client.create_project()
    for party in range(2):
        client.post_encodings(project, party, many[party])
    run_id = client.post_run(project)
    path = client.path(project, "runs", run_id)
    assert client.request("DELETE", path, token=project["result_token"]).status_code == 204

    client.await_true(lambda: not [key for key in objects_of(stack, project["project_id"]) if run_id in key])
    assert client.request("GET", path, token=project["result_token"]).status_code == 403
    assert groups_of_result(client.run_to_result(project)) == groups_of_anonlink(many[:2], 0.8)


def test_the_logs_of_a_run_hold_ids_and_no_secret(client, many, stack):
    if not stack.logs_dir.is_dir():
        pytest.skip("the logs are not on this machine")
    project = client.create_project()
    credentials = client.permit(project, 0)["credentials"]
    client.post_encodings(project, 0, many[0])
    client.put_encodings(project, 1, "encodings.json", as_json(many[1]), count=400, size=128)
    run_id = client.post_run(project)
    client.result_of(project, run_id)
    client.post_encodings(project, 0, many[0])  # answered as before
    client.post_encodings(project, 0, many[0][::-1])  # refused
    bad = {"clks": [*texts(many[0])[:3], "A"]}
    client.request("POST", client.path(project, "clks"), token=project["update_tokens"][1], json=bad)
    client.request("DELETE", client.path(project), token=project["result_token"])
    client.await_true(lambda: objects_of(stack, project["project_id"]) == [])

    logs = "\n".join(log.read_text(errors="replace") for log in stack.logs_dir.rglob("*") if log.is_file())
    lines = [json.loads(line) for line in re.findall(r"^\{.*\}$", logs, re.MULTILINE)]
    assert any(line.get("run_id") == run_id and line.get("project_id") == project["project_id"] for line in lines)
    encodings = texts(np.concatenate(many))
    secrets = [
        project["result_token"],
        *project["update_tokens"],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
        *(text[:40] for text in encodings),
        *(row.tobytes().hex()[:40] for row in np.concatenate(many)),
    ]
    leaked = [secret[:8] for secret in secrets if secret in logs]
    assert leaked == []
    assert errors_about(stack, project["project_id"]) == []


def test_many_requests_at_once(client):
    with ThreadPoolExecutor(8) as pool:
        projects = list(pool.map(lambda _: client.create_project(), range(24)))
        described = list(pool.map(client.describe, projects))

    assert [d["project_id"] for d in described] == [p["project_id"] for p in projects]


def test_errors_are_problems(client):
    project = client.create_project()
    path = client.path(project)

    for answer, status in [
        (client.request("GET", path), 400),
        (client.request("GET", path, token="0" * 48), 403),
        (client.request("POST", "/projects", data="{", headers={"Content-Type": "application/json"}), 400),
        (client.request("POST", "/projects", data="x", headers={"Content-Type": "text/plain"}), 415),
    ]:
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == status


def test_a_body_beyond_what_lambda_carries_is_refused_and_the_connection_lives(client):
    project = client.create_project()
    body = json.dumps({"clks": ["A" * 172] * 40_000})

    answer = client.request(
        "POST",
        client.path(project, "clks"),
        token=project["update_tokens"][0],
        data=body,
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 413
    assert client.describe(project)["parties_contributed"] == 0


def test_a_body_close_to_the_limit_is_taken(client):
    encodings = np.random.default_rng(1).integers(0, 256, (30_000, 128), dtype=np.uint8)
    project = client.create_project()

    assert client.post_encodings(project, 0, encodings).status_code == 201


def test_status_and_version(client, stack):
    assert requests.get(f"{stack.server_url}/api/v1/status", timeout=30).json()["status"] == "ok"
    assert set(client.request("GET", "/version").json()) == {"anonlink", "entityservice", "python"}


def clients_of(stack, service):
    """A client of the cloud that the service is deployed to: AWS itself with the caller's credentials."""
    if not stack.aws_endpoint_url:
        return boto3.client(service)
    return boto3.client(
        service,
        endpoint_url=stack.s3_endpoint_url if service == "s3" else stack.aws_endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=stack.s3_credentials[0],
        aws_secret_access_key=stack.s3_credentials[1],
    )


def errors_about(stack, some_id):
    """The errors that are logged about a project or run; none if the logs are not on this machine."""
    logs = (log.read_text(errors="replace") for log in stack.logs_dir.rglob("*") if log.is_file())
    lines = (line for log in logs for line in re.findall(r"^\{.*\}$", log, re.MULTILINE) if some_id in line)
    return [line for line in lines if json.loads(line).get("level") in {"ERROR", "CRITICAL"}]


def objects_of(stack, project_id):
    s3 = clients_of(stack, "s3")
    buckets = [stack.outputs["StoreBucket"], stack.outputs["UploadsBucket"]]
    pages = [page for bucket in buckets for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)]
    return [entry["Key"] for page in pages for entry in page.get("Contents", []) if project_id in entry["Key"]]


def rows_of(stack, project_id):
    """The tables that have rows of a project; on AWS by the Data API, the only way in from outside."""
    if not stack.database_url:
        sql = clients_of(stack, "rds-data")
        where = {"resourceArn": stack.outputs["DatabaseArn"], "secretArn": stack.outputs["DatabaseSecretArn"]}
        asked = [{"name": "project_id", "value": {"stringValue": project_id}}]
        count = "SELECT count(*) FROM {} WHERE project_id = :project_id"
        answers = {
            table: sql.execute_statement(**where, database="linkage", sql=count.format(table), parameters=asked)
            for table in TABLES
        }
        return {table for table, answer in answers.items() if answer["records"][0][0]["longValue"]}
    connection = psycopg2.connect(stack.database_url)
    try:
        with connection, connection.cursor() as cursor:
            tables = set()
            for table in TABLES:
                cursor.execute(f"SELECT count(*) FROM {table} WHERE project_id = %s", [project_id])
                if cursor.fetchone()[0]:
                    tables.add(table)
            return tables
    finally:
        connection.close()
