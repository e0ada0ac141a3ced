"""HTTP of every route: methods, paths, content types, origins, and errors as problem documents."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import app
from app.openapi.operations import OPERATIONS
from app.problems import PROBLEMS, logger
from linkage import errors
from linkage.testing.world import in_memory_world
from tests.driving import driver

NOWHERE = "0" * 48
PROJECT = {"schema": {}, "result_type": "groups"}
PATHS = [route.removeprefix("/v1") for route in app.routes]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
HOSTILE = ["%00", "%2e%2e", "\u00e9", "\ud800", "a b", "'; DROP TABLE projects; --", "x" * 5000, "%"]


@pytest.fixture
def service():
    return driver(in_memory_world(project_listing=True))


@pytest.fixture
def log(monkeypatch):
    """The log records from now on."""
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


def filled(path, value=NOWHERE):
    return path.format(project_id=value, run_id=value, upload_id=value)


def assert_problem(answer, status, detail=None, title=None):
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json == {"detail": detail, "status": status, "title": title, "type": "about:blank"}


@pytest.mark.parametrize("path", ["/nothing", "/projects/", "/projects/x/nothing", "/status/", "", "/Status"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_route_is_404(service, method, path):
    assert_problem(service.request(method, path), 404, "The requested URL was not found on the server.", "Not Found")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
def test_a_wrong_method_is_405_and_says_which_are_right(service, method, path):
    methods = set(app.routes[f"/v1{path}"])
    allowed = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())

    answer = service.request(method, filled(path))

    if method in allowed:
        assert answer.status != 405
    elif method == "HEAD":
        assert (answer.status, answer.body) == (405, b"")
    else:
        detail = "The method is not allowed for the requested URL."
        assert_problem(answer, 405, detail, "Method Not Allowed")
        assert answer.headers["Allow"] == ", ".join(sorted(allowed))


@pytest.mark.parametrize("path", [path for path in PATHS if "GET" in app.routes[f"/v1{path}"]])
def test_head_answers_as_get_does_but_for_the_body(service, path):
    get, head = (service.request(method, filled(path), token="") for method in ("GET", "HEAD"))

    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


@pytest.mark.parametrize("path", [*PATHS, "/nothing"])
def test_a_page_of_any_origin_may_ask_for_anything(service, path):
    asked = {"Origin": "https://console.example", "Access-Control-Request-Method": "DELETE"}

    answer = service.request("OPTIONS", filled(path), **asked)

    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) >= {"GET", "POST", "DELETE", "OPTIONS"}
    headers = answer.headers["Access-Control-Allow-Headers"].split(", ")
    documented = {header.name for operation in OPERATIONS.values() for header in operation.headers}
    assert {"Hash-Count", "Hash-Size", "Idempotency-Key"} <= documented
    assert {"Authorization", "Content-Type", *documented} <= set(headers)


@pytest.mark.parametrize(("method", "path"), [("GET", "/status"), ("GET", "/nothing"), ("DELETE", "/projects/x")])
def test_every_answer_may_be_read_by_a_page_of_any_origin(service, method, path):
    assert service.request(method, path).headers["Access-Control-Allow-Origin"] == "*"


def test_doubled_slashes_work(service):
    created = service.request("POST", "//projects", body=PROJECT)
    assert created.status == 201

    path = f"//projects///{created.json['project_id']}"
    assert service.request("GET", path, token=created.json["result_token"]).status == 200


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;a=b"]
)
def test_json_may_be_called_so_in_any_way(service, content_type):
    assert service.request("POST", "/projects", body=PROJECT, **{"Content-Type": content_type}).status == 201


def test_header_names_may_be_in_any_case(service):
    answer = service.request("POST", "/projects", body=PROJECT, **{"content-TYPE": "text/plain"})

    assert answer.status == 415


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", "x"])
def test_what_has_no_body_has_no_content_type(service, content_type):
    project = service.create_project()
    path, headers = f"/projects/{project['project_id']}", {"Content-Type": content_type}

    assert service.request("GET", path, token=project["result_token"], **headers).status == 200
    assert service.request("DELETE", path, token=project["result_token"], **headers).status == 204


@pytest.mark.parametrize("path", [path for path in PATHS if path.endswith(("projects", "runs", "/clks"))])
@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", "multipart/form-data", "json", ""])
def test_what_is_not_json_is_415(service, path, content_type):
    answer = service.request("POST", filled(path), body=b"{}", **{"Content-Type": content_type})

    assert_problem(answer, 415, None, f"Invalid Content-type ({content_type}), expected JSON data")


@pytest.mark.parametrize("route", ["runs", "clks", "binaryclks"])
@pytest.mark.parametrize("body", [b"", b"nonsense", b"[" * 1000, b'{"clks": [0, 0]}'])
def test_the_token_is_checked_before_the_body_is_read(service, route, body):
    path = f"/projects/{service.create_project()['project_id']}/{route}"
    kind = {"Content-Type": "application/octet-stream"} if route == "binaryclks" else {}

    for each in (path, f"/projects/{NOWHERE}/{route}"):
        answer = service.request("POST", each, token=NOWHERE, body=body, **kind)
        assert_problem(answer, 403, "Invalid access token or project doesn't exist")
    answer = service.request("POST", path, body=body, **kind)
    assert_problem(answer, 400, "Missing header parameter 'Authorization'", "Bad Request")


@pytest.mark.parametrize("path", [path for path in PATHS if "{" in path and "GET" in app.routes[f"/v1{path}"]])
def test_a_missing_token_is_refused_as_the_framework_of_the_original_did(service, path):
    assert_problem(service.request("GET", filled(path)), 400, "Missing header parameter 'Authorization'", "Bad Request")


@pytest.mark.parametrize("path", [path for path in PATHS if "{" in path and "GET" in app.routes[f"/v1{path}"]])
@pytest.mark.parametrize("value", HOSTILE)
def test_an_id_that_is_none_is_403(service, path, value):
    answer = service.request("GET", filled(path, value), token=NOWHERE)

    assert_problem(answer, 403, "Invalid access token or project doesn't exist")


@pytest.mark.parametrize("token", ["", " ", "Bearer x", f"Bearer {NOWHERE}", "\u00e9", "x" * 10_000])
def test_a_token_that_is_none_is_403(service, token):
    assert service.request("GET", f"/projects/{NOWHERE}", token=token).status == 403


def test_no_content_is_empty_and_still_called_json(service):
    project = service.create_project()
    answer = service.request("DELETE", f"/projects/{project['project_id']}", token=project["result_token"])

    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (204, b"", "application/json")


def subclasses(root):
    return {root}.union(*(subclasses(kind) for kind in root.__subclasses__()))


def test_every_error_has_a_status():
    assert PROBLEMS.keys() == subclasses(errors.LinkageError) - {errors.LinkageError}


@pytest.mark.parametrize("error", [errors.DatabaseUnavailable, errors.DownstreamUnavailable])
def test_what_passes_by_itself_is_503_which_clients_try_again(service, monkeypatch, error):
    def fail(_project_id):
        raise error

    monkeypatch.setattr(service.world.projects, "get", fail)

    answer = service.request("GET", f"/projects/{NOWHERE}", token=NOWHERE)

    assert_problem(answer, 503, str(error()))
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_defect_tells_the_client_nothing_and_the_log_no_token(service, monkeypatch, log):
    project = service.create_project()
    monkeypatch.setattr(service.world.projects, "get", lambda _id: 1 / 0)

    answer = service.request("GET", f"/projects/{project['project_id']}", token=project["result_token"])

    assert_problem(answer, 500, "Sorry, the server couldn't handle that request", "Internal Server Error")
    logged = log.getvalue()
    assert "ZeroDivisionError" in logged
    assert project["result_token"] not in logged


def test_each_answer_is_logged_with_ids_and_without_what_was_sent(service, log):
    project = service.create_project()
    path = f"/projects/{project['project_id']}/runs"
    service.request("POST", path, token=project["result_token"], body={"threshold": 1, "name": "a secret"})

    logged = log.getvalue()
    last = json.loads(logged.splitlines()[-1])
    wanted = {"method": "POST", "status": 201, "path": "/v1/projects/{project_id}/runs"}
    assert (wanted | {"project_id": project["project_id"]}).items() <= last.items()
    assert not [text for text in (project["result_token"], *project["update_tokens"], "a secret") if text in logged]


TOKEN = "0123456789abcdef" * 3
MEMBERS = ("schema", "result_type", "number_parties", "threshold", "name", "clks", "clknblocks", "encodings", "blocks")
PLACES = st.recursive(
    st.sampled_from([TOKEN, f"Bearer {TOKEN}", [TOKEN], 1, None, {}, "groups"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from((*MEMBERS, "file", TOKEN)), inner),
    max_leaves=4,
)


@given(
    method=st.sampled_from(METHODS),
    path=st.sampled_from([*PATHS, "/nothing/{run_id}"]),
    header=st.sampled_from([TOKEN, f"Bearer {TOKEN}", "", None]),
    content_type=st.sampled_from(["application/json", "application/octet-stream", "text/plain"]),
    body=st.dictionaries(st.sampled_from(MEMBERS), PLACES) | PLACES,
    data=st.data(),
)
def test_a_token_is_neither_logged_nor_told_back_wherever_it_was_put(method, path, header, content_type, body, data):
    service = driver(in_memory_world(project_listing=True))
    names = ("project_id", "run_id", "upload_id")
    filled_in = path.format(**{name: data.draw(st.sampled_from([TOKEN, NOWHERE])) for name in names})
    before, stream = logger.registered_handler.stream, io.StringIO()
    logger.registered_handler.stream = stream
    try:
        answer = service.request(method, filled_in, token=header, body=body, **{"Content-Type": content_type})
    finally:
        logger.registered_handler.stream = before

    assert TOKEN not in stream.getvalue()
    assert TOKEN.encode() not in answer.body or path in ("/openapi.json", "/docs")
    assert not any(TOKEN in value for value in answer.headers.values())


@pytest.mark.parametrize("path", ["/projects/{}", "/projects/{}/runs", f"/projects/{NOWHERE}/runs/{{}}", "/nothing/{}"])
def test_a_token_that_was_taken_for_an_id_is_not_logged_either(service, log, path):
    token = service.create_project()["result_token"]

    service.request("GET", path.format(token), token=token)

    assert token not in log.getvalue()
