"""HTTP as the deployed API speaks it, API Gateway's part included."""

import json

import pytest
import requests

from tests.e2e.client import Client
from tests.e2e.test_linkage import clients_of

PROJECT = {"schema": {}, "result_type": "groups"}
NOT_FOUND = {
    "detail": "The requested URL was not found on the server.",
    "status": 404,
    "title": "Not Found",
    "type": "about:blank",
}


@pytest.fixture
def client(stack):
    return Client(stack.server_url)


def is_problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert set(answer.json()) == {"detail", "status", "title", "type"}
    assert answer.json()["status"] == status
    return True


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/nothing", "/projects/", "/projects/x/nothing", "/projects/x/runs/y/result/z", ""])
def test_an_unknown_route_is_a_404_problem(client, method, path):
    answer = client.request(method, path)

    assert is_problem(answer, 404)
    assert answer.json() == NOT_FOUND


@pytest.mark.parametrize(("method", "path"), [("PUT", "/projects"), ("POST", "/status"), ("GET", "/projects/x/clks")])
def test_a_wrong_method_is_a_405_problem(client, method, path):
    answer = client.request(method, path)

    assert is_problem(answer, 405)
    assert "OPTIONS" in answer.headers["Allow"]


def test_doubled_slashes_work_wherever_clients_send_them(client, stack):
    created = requests.post(f"{stack.server_url}/api/v1//projects", json=PROJECT, timeout=60)
    assert created.status_code == 201
    project = created.json()
    token = {"Authorization": project["result_token"]}

    for path in (f"/projects//{project['project_id']}", f"//projects/{project['project_id']}//runs"):
        answer = requests.get(f"{stack.server_url}/api/v1{path}", headers=token, timeout=60)
        assert answer.status_code == 200, answer.text
    assert requests.get(f"{stack.server_url}/api//v1/status", timeout=60).status_code == 200


@pytest.mark.parametrize("path", ["/status", "/projects/x", "/nothing"])
def test_head_answers_as_get_does_without_a_body(client, path):
    get, head = (client.request(method, path, token="x") for method in ("GET", "HEAD"))

    assert (head.status_code, head.headers["Content-Type"], head.content) == (
        get.status_code,
        get.headers["Content-Type"],
        b"",
    )


@pytest.mark.parametrize("path", ["/projects", "/projects/x/clks", "/nothing"])
def test_a_browser_is_told_that_a_page_may_ask(client, path):
    answer = client.request("OPTIONS", path, headers={"Origin": "https://console.example"})

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]


def test_a_chunked_body_is_taken(client):
    headers = {"Content-Type": "application/json"}
    pieces = iter([b'{"schema": {}, ', b'"result_type": ', b'"groups"}'])

    assert client.request("POST", "/projects", data=pieces, headers=headers).status_code == 201


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_called_so_in_any_way(client, content_type):
    headers = {"Content-Type": content_type}

    assert client.request("POST", "/projects", data=json.dumps(PROJECT), headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", "/projects/x", None, 400),
        ("GET", "/projects/x", "", 403),
        ("GET", "/projects/x", "Bearer x", 403),
        ("GET", "/projects/x", "AWS4-HMAC-SHA256 Credential=x", 403),
        ("GET", "/nothing", "AWS4-HMAC-SHA256 Credential=x", 404),
    ],
)
def test_whatever_is_in_the_authorization_header_is_a_token(client, method, path, token, status):
    assert is_problem(client.request(method, path, token=token), status)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/octet-stream", "application/x-www-form-urlencoded"]
)
def test_what_is_not_json_is_a_415_problem(client, content_type):
    assert is_problem(client.request("POST", "/projects", data="x", headers={"Content-Type": content_type}), 415)


@pytest.mark.parametrize("size", [7_000_000, 11_000_000])
def test_a_body_beyond_the_limits_is_a_413_problem_that_says_what_to_do(client, size):
    """One that Lambda would refuse, and one that API Gateway already refuses."""
    headers = {"Content-Type": "application/json"}

    answer = client.request("POST", "/projects", data=b" " * size, headers=headers)

    assert is_problem(answer, 413)
    assert "object store" in answer.json()["detail"]


def test_a_function_that_cannot_answer_is_a_503_problem(client, stack):
    """As where it is throttled; here its code is taken away for a moment."""
    if not stack.aws_endpoint_url:
        pytest.skip("not where others may be served")
    functions = clients_of(stack, "lambda")
    name = stack.outputs["APIHandlerName"]
    handler = functions.get_function_configuration(FunctionName=name)["Handler"]
    change(functions, name, "app.nothing")
    try:
        answer = client.request("GET", "/version")
    finally:
        change(functions, name, handler)

    assert is_problem(answer, 503)
    assert int(answer.headers["Retry-After"]) >= 1
    assert client.request("GET", "/version").status_code == 200


def change(functions, name, handler):
    functions.update_function_configuration(FunctionName=name, Handler=handler)
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def test_the_document_and_the_page_are_served(client):
    document = client.request("GET", "/openapi.json")
    page = client.request("GET", "/docs")

    assert document.json()["openapi"] == "3.1.0"
    assert document.json()["servers"] == [{"url": "/api/v1"}]
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.text.startswith("<!doctype html>")


def test_the_local_stage_lists_projects(client):
    project = client.create_project()

    listed = client.request("GET", "/projects").json()

    assert project["project_id"] in [one["project_id"] for one in listed]


CHARACTERS = {"ascii": "n", "2 bytes": "é", "3 bytes": "語", "4 bytes": "😀"}
MOST_SCHEMA_BYTES = 4 * 2**20
MOST_EVENT_BYTES = 6_291_456


@pytest.mark.parametrize("character", CHARACTERS.values(), ids=CHARACTERS)
def test_a_schema_of_4_mib_is_told_back_whatever_its_characters(client, character):
    schema = {"a": character * ((MOST_SCHEMA_BYTES - len('{"a": ""}')) // len(character.encode()))}
    body = {"schema": schema, "result_type": "groups"}

    project = post_project(client, body)

    assert project.status_code == 201, project.text
    assert client.describe(project.json())["schema"] == schema
    schema["a"] += character
    assert is_problem(post_project(client, body), 400)


@pytest.mark.parametrize("character", CHARACTERS.values(), ids=CHARACTERS)
def test_notes_that_fill_an_event_are_told_back_and_longer_ones_are_a_413(client, character):
    """An event has more beside the body than an answer has, but hardly 8 KiB."""
    body = {"schema": {}, "result_type": "groups", "notes": ""}
    fitting = (MOST_EVENT_BYTES - 8_192) // len(character.encode())

    project = post_project(client, body | {"notes": character * fitting})

    assert project.status_code == 201, project.text
    assert client.describe(project.json())["notes"] == character * fitting
    beyond = MOST_EVENT_BYTES // len(character.encode())
    refused = post_project(client, body | {"notes": character * beyond})
    assert is_problem(refused, 413)
    assert "shorter" in refused.json()["detail"]


def test_what_would_be_longer_told_back_than_sent_is_a_413_that_says_so(client):
    """A number of four characters is told back with eighteen."""
    schema = {"a": [1e15] * 200_000}
    text = json.dumps(schema).replace("1000000000000000.0, ", "1e15,")
    most = 5_000_000

    def post(notes):
        body = f'{{"schema": {text}, "result_type": "groups", "notes": "{notes}"}}'
        return client.request("POST", "/projects", data=body, headers={"Content-Type": "application/json"})

    project = post("n" * 1_000_000)
    assert project.status_code == 201, project.text
    assert client.describe(project.json())["schema"] == schema
    refused = post("n" * most)
    assert is_problem(refused, 413)
    assert "Described again" in refused.json()["detail"]


def post_project(client, body):
    text = json.dumps(body, ensure_ascii=False).encode()
    return client.request("POST", "/projects", data=text, headers={"Content-Type": "application/json"})
