"""The routes answer as the original's clients expect, errors included."""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from itertools import product

import numpy as np
import pytest

from app.problems import PROBLEMS
from linkage import errors
from linkage.testing.world import in_memory_world
from tests.driving import driver, texts

TOKEN = re.compile(r"[0-9a-f]{48}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")
NOWHERE = "0" * 48
ENCODINGS = np.arange(160, dtype=np.uint8).reshape(20, 8)


def nested(depth):
    """A schema of the given depth."""
    inner = 1
    for _ in range(depth - 1):
        inner = [inner]
    return {"deep": inner}


@pytest.fixture
def service():
    return driver(in_memory_world(project_listing=True, chunk_min_comparisons=100))


@pytest.fixture
def project(service):
    return service.create_project(name="n", notes="o", schema={"any": ["thing"]})


def path_of(project, *rest):
    return "/".join([f"/projects/{project['project_id']}", *rest])


def is_problem(answer, status, detail=None):
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(answer.json) == {"detail", "status", "title", "type"}
    assert (answer.json["status"], answer.json["type"]) == (status, "about:blank")
    if detail is not None:
        assert answer.json["detail"] == detail
    return True


# -- the service itself ---------------------------------------------------------------------------------------------


def test_status(service, project):
    assert service.request("GET", "/status").json == {"status": "ok", "project_count": 1, "rate": 1}


def test_version(service):
    assert set(service.request("GET", "/version").json) == {"anonlink", "entityservice", "python"}


def test_the_version_of_anonlink_is_the_one_that_is_installed(service):
    assert service.request("GET", "/version").json["anonlink"] == version("anonlink")


def test_every_error_has_a_status():
    def tree(root):
        return {root}.union(*(tree(kind) for kind in root.__subclasses__()))

    assert set(PROBLEMS) == tree(errors.LinkageError) - {errors.LinkageError}


def test_the_api_never_loads_numpy():
    code = "import sys, app; sys.exit('numpy' in sys.modules)"
    paths = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, env=paths)


def test_unknown_content_types_are_415(service):
    answer = service.request("POST", "/projects", body=b"{}", **{"Content-Type": "text/plain"})

    assert is_problem(answer, 415)
    assert answer.json["title"] == "Invalid Content-type (text/plain), expected JSON data"


def test_content_types_may_have_parameters(service):
    body = {"schema": {}, "result_type": "groups"}
    answer = service.request("POST", "/projects", body=body, **{"Content-Type": "application/json; charset=utf-8"})

    assert answer.status == 201


def test_a_defect_tells_the_client_nothing(service, project, monkeypatch):
    monkeypatch.setattr(service.world.projects, "get", lambda _id: 1 / 0)

    answer = service.request("GET", path_of(project), token=project["result_token"])

    assert is_problem(answer, 500, "Sorry, the server couldn't handle that request")


# -- projects -------------------------------------------------------------------------------------------------------


def test_a_new_project_hands_out_ids_and_tokens(service):
    created = service.create_project(3)

    assert set(created) == {"project_id", "result_token", "update_tokens"}
    tokens = [created["project_id"], created["result_token"], *created["update_tokens"]]
    assert len(set(tokens)) == 5
    assert all(TOKEN.fullmatch(token) for token in tokens)


def test_tokens_are_kept_as_hashes_only(service, project):
    kept = repr(service.world.projects.tables)

    assert not any(token in kept for token in [project["result_token"], *project["update_tokens"]])


def test_the_description_of_a_project(service, project):
    answer = service.request("GET", path_of(project), token=project["result_token"])

    assert answer.json == {
        "project_id": project["project_id"],
        "name": "n",
        "notes": "o",
        "schema": {"any": ["thing"]},
        "result_type": "groups",
        "number_parties": 2,
        "uses_blocking": False,
        "parties_contributed": 0,
        "error": False,
    }


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"schema": None}, "None is not of type 'object' - 'schema'"),
        ({"schema": "x"}, "'x' is not of type 'object' - 'schema'"),
        ({"number_parties": "2"}, "'2' is not of type 'integer' - 'number_parties'"),
        ({"number_parties": 2.0}, "2.0 is not of type 'integer' - 'number_parties'"),
        ({"number_parties": None}, "None is not of type 'integer' - 'number_parties'"),
        ({"number_parties": True}, "True is not of type 'integer' - 'number_parties'"),
        ({"number_parties": 1}, "1 is less than the minimum of 2 - 'number_parties'"),
        ({"number_parties": 4097}, "4097 is greater than the maximum of 4096 - 'number_parties'"),
        ({"name": 3}, "3 is not of type 'string' - 'name'"),
        ({"notes": None}, "None is not of type 'string' - 'notes'"),
        ({"name": "a\0b"}, None),
        ({"schema": {"a": "\ud800"}}, None),
        ({"schema": {"\udc00": 1}}, None),
        ({"schema": nested(101)}, "nested more than 100 deep - 'schema'"),
        ({"schema": {"a": "x" * 2**22}}, "larger than 4194304 bytes - 'schema'"),
        ({"name": "\ud800"}, None),
        ({"uses_blocking": 1}, "1 is not of type 'boolean' - 'uses_blocking'"),
        (
            {"result_type": "mapping"},
            "'mapping' is not one of ['groups', 'permutations', 'similarity_scores'] - 'result_type'",
        ),
        (
            {"result_type": "permutations", "number_parties": 3},
            "Multi-party linkage requires result type 'groups'.",
        ),
        (
            {"result_type": "similarity_scores", "number_parties": 5},
            "Multi-party linkage requires result type 'groups'.",
        ),
    ],
)
def test_a_wrong_project_is_refused(service, change, detail):
    body = {"schema": {}, "result_type": "groups"} | change

    assert is_problem(service.request("POST", "/projects", body=body), 400, detail)
    assert service.request("GET", "/projects").json == []


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "None is not of type 'object'"),
        (b"[]", "[] is not of type 'object'"),
        (b"{", "Request body is not valid JSON"),
        (b'{"schema": {"x": NaN}, "result_type": "groups"}', "Request body is not valid JSON"),
        (b"[" * 100_000, "Request body is not valid JSON"),
        (b"\xff\xfe", "Request body is not valid JSON"),
        (b"{}", "'schema' is a required property"),
        (b'{"schema": {}}', "'result_type' is a required property"),
    ],
)
def test_a_body_that_is_no_project_is_refused(service, body, detail):
    assert is_problem(service.request("POST", "/projects", body=body), 400, detail)


def test_a_problem_may_quote_what_is_no_text(service, project):
    body = {"encodings": ["AAAAAAAAAAA="], "blocks": {"\ud800": [1]}}

    answer = service.request("POST", path_of(project, "clks"), token=project["update_tokens"][0], body=body)

    assert is_problem(answer, 400)


def test_unknown_members_are_ignored(service):
    assert service.create_project(unknown=1)


@pytest.mark.parametrize("kind", [{"result_type": "permutations"}, {"result_type": "similarity_scores"}])
def test_every_result_type_can_be_asked_for(service, kind):
    project = service.create_project(**kind)

    described = service.request("GET", path_of(project), token=project["result_token"]).json
    assert kind.items() <= described.items()


def test_projects_are_listed_until_they_are_deleted(service, project):
    (listed,) = service.request("GET", "/projects").json
    assert listed["project_id"] == project["project_id"]
    assert TIME.fullmatch(listed["time_added"])

    service.request("DELETE", path_of(project), token=project["result_token"])

    assert service.request("GET", "/projects").json == []


def test_the_listing_can_be_switched_off():
    assert is_problem(driver(in_memory_world(project_listing=False)).request("GET", "/projects"), 403)


# -- who may do what ------------------------------------------------------------------------------------------------


def protected(project, run_id=NOWHERE):
    """Each operation that needs a token: method, path, body."""
    clks, run = {"clks": texts(ENCODINGS)}, {"threshold": 0.5}
    return [
        ("GET", path_of(project), None),
        ("DELETE", path_of(project), None),
        ("GET", path_of(project, "authorize-external-upload"), None),
        ("POST", path_of(project, "clks"), clks),
        ("GET", path_of(project, "runs"), None),
        ("POST", path_of(project, "runs"), run),
        *[("GET", path_of(project, "runs", run_id, *rest), None) for rest in ((), ("status",), ("result",))],
        ("DELETE", path_of(project, "runs", run_id), None),
    ]


@pytest.mark.parametrize("number", range(10))
def test_a_missing_token_is_400_and_a_wrong_one_403(service, project, number):
    run_id = service.post_run(project)
    other = service.create_project()
    method, path, body = protected(project, run_id)[number]

    missing = service.request(method, path, body=body)
    assert is_problem(missing, 400, "Missing header parameter 'Authorization'")
    tokens = ["", NOWHERE, "é", f"Bearer {project['result_token']}", other["result_token"], *other["update_tokens"]]
    takes_update_token = path.endswith(("clks", "upload"))
    tokens += [project["result_token"]] if takes_update_token else project["update_tokens"]
    for token in tokens:
        refused = service.request(method, path, token=token, body=body)
        assert is_problem(refused, 403, "Invalid access token or project doesn't exist"), (token, path)


@pytest.mark.parametrize("number", range(10))
def test_what_does_not_exist_is_403(service, project, number):
    gone = {"project_id": NOWHERE}
    method, path, body = protected(gone)[number]
    tokens = [project["result_token"], project["update_tokens"][0]]

    for token in tokens:
        refused = service.request(method, path, token=token, body=body)
        assert is_problem(refused, 403, "Invalid access token or project doesn't exist")


def test_a_run_of_another_project_is_403(service, project):
    other = service.create_project()
    run_id = service.post_run(other)

    for method, rest in product(["GET"], [(), ("status",), ("result",)]):
        answer = service.request(method, path_of(project, "runs", run_id, *rest), token=project["result_token"])
        assert is_problem(answer, 403)


def test_a_deleted_project_is_403_and_so_is_deleting_it_again(service, project):
    assert service.request("DELETE", path_of(project), token=project["result_token"]).status == 204

    for method, path, body in protected(project):
        for token in (project["result_token"], project["update_tokens"][0]):
            assert is_problem(service.request(method, path, token=token, body=body), 403)


# -- uploads --------------------------------------------------------------------------------------------------------


def test_temporary_credentials(service, project):
    answer = service.request("GET", path_of(project, "authorize-external-upload"), token=project["update_tokens"][0])

    assert answer.status == 201
    assert set(answer.json["credentials"]) == {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}
    upload = answer.json["upload"]
    assert set(upload) == {"endpoint", "secure", "bucket", "path"}
    assert upload["path"].startswith(f"{project['project_id']}/")
    assert not upload["path"].endswith("/")


def test_an_upload_gives_a_receipt_and_counts_at_once(service, project):
    answer = service.upload(project, 1, ENCODINGS)

    assert answer.status == 201
    assert answer.json["message"] == "Updated"
    assert TOKEN.fullmatch(answer.json["receipt_token"])
    description = service.request("GET", path_of(project), token=project["result_token"])
    assert description.json["parties_contributed"] == 1


def test_a_token_uploads_once(service, project):
    first = service.upload(project, 0, ENCODINGS)

    same, another = service.upload(project, 0, ENCODINGS), service.upload(project, 0, ENCODINGS[::-1])

    assert (same.status, same.json) == (201, first.json)
    assert is_problem(another, 403, "This token has already been used to upload clks.")
    assert len(list(service.world.objects.list("store", "parked/"))) == 1


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({}, 400, None),
        ([], 400, "[] is not of type 'object'"),
        ({"clks": []}, 400, "Missing CLKs information"),
        ({"clks": "x"}, 400, "'x' is not of type 'array' - 'clks'"),
        ({"clks": ["A"]}, 400, "encoding 0 is not valid base64"),
        ({"clks": [7]}, 400, "7 is not of type 'string' - 'clks.0'"),
        ({"clks": ["AAAAAAAAAAA=", "AAAA"]}, 400, "encoding 1 has 3 bytes, encoding 0 has 8"),
        ({"clks": ["AAAA"], "encodings": ["AAAA"]}, 400, None),
        ({"encodings": {}}, 400, None),
        ({"encodings": {"file": {}}}, 400, None),
        ({"encodings": {"file": {"bucket": "uploads"}}}, 400, None),
        ({"encodings": []}, 400, "Missing CLKs information"),
        (
            {"clknblocks": [["AAAAAAAAAAA=", "1"]]},
            403,
            "Blocking has been disabled for this project, but received blocking information",
        ),
        (
            {"encodings": ["AAAAAAAAAAA="], "blocks": {"0": ["1"]}},
            403,
            "Blocking has been disabled for this project, but received blocking information",
        ),
    ],
)
def test_a_wrong_upload_is_refused_and_changes_nothing(service, project, body, status, detail):
    answer = service.request("POST", path_of(project, "clks"), token=project["update_tokens"][0], body=body)

    assert is_problem(answer, status, detail)
    assert service.world.objects.stored == {}
    assert service.upload(project, 0, ENCODINGS).status == 201


def test_encodings_may_be_called_encodings(service, project):
    body = {"encodings": texts(ENCODINGS)}

    answer = service.request("POST", path_of(project, "clks"), token=project["update_tokens"][0], body=body)

    assert answer.status == 201


def put_file(service, project, party, name="encodings.json", body=b"{}", **metadata):
    answer = service.request(
        "GET", path_of(project, "authorize-external-upload"), token=project["update_tokens"][party]
    )
    key = f"{answer.json['upload']['path']}/{name}"
    service.world.objects.put("uploads", key, body, metadata=metadata)
    return key


def announce(service, project, party, key, bucket="uploads", **members):
    body = {"encodings": {"file": {"bucket": bucket, "path": key} | members, "credentials": {"AccessKeyId": "k"}}}
    return service.request("POST", path_of(project, "clks"), token=project["update_tokens"][party], body=body)


def test_an_announced_file_is_pinned(service, project):
    key = put_file(service, project, 0, **{"hash-count": "20", "hash-size": "8"})

    assert announce(service, project, 0, key, endpoint="evil.example", secure=False).status == 201

    (upload,) = service.world.uploads.received()
    assert upload.manifest.encodings.etag == service.world.objects.head("uploads", key).etag


@pytest.mark.parametrize(
    "path", ["elsewhere/encodings.json", "{project}/encodings.json", "{party}x/encodings.json", "{party}", ""]
)
def test_a_path_outside_of_the_own_place_is_403(service, project, path):
    party = put_file(service, project, 0).rpartition("/")[0]

    answer = announce(service, project, 0, path.format(project=project["project_id"], party=party))

    assert is_problem(answer, 403, "Provided object store path is not allowed")


def test_the_place_of_another_party_or_bucket_is_403(service, project):
    key = put_file(service, project, 1, **{"hash-count": "1", "hash-size": "8"})

    assert is_problem(announce(service, project, 0, key), 403, "Provided object store path is not allowed")
    assert is_problem(announce(service, project, 1, key, bucket="store"), 403)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"hash-count": "5"},
        {"hash-size": "8"},
        {"hash-count": "0", "hash-size": "8"},
        {"hash-count": "-1", "hash-size": "8"},
        {"hash-count": "x", "hash-size": "8"},
        {"hash-count": "²", "hash-size": "8"},
        {"hash-count": "9" * 30, "hash-size": "8"},
        {"hash-count": "9" * 5000, "hash-size": "8"},
        {"hash-count": "0" * 19 + "1" + "6" * 4300, "hash-size": "8"},
        {"hash-count": "5", "hash-size": "0" * 19 + "1" + "6" * 4300},
        {"hash-count": str(2**40), "hash-size": "8"},
    ],
)
def test_wrong_metadata_is_400(service, project, metadata):
    key = put_file(service, project, 0, **metadata)

    assert is_problem(announce(service, project, 0, key), 400)
    assert service.upload(project, 0, ENCODINGS).status == 201


def test_a_file_that_is_not_there_is_400(service, project):
    key = put_file(service, project, 0)

    assert is_problem(announce(service, project, 0, key + "x"), 400)


# -- runs -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def linked(service, project):
    """The project with both uploads and a completed run."""
    for party in range(2):
        service.upload(project, party, ENCODINGS)
    run_id = service.post_run(project, 0.9)
    service.deliver_all()
    return run_id


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "'threshold' is a required property"),
        ({"threshold": "0.8"}, "'0.8' is not of type 'number' - 'threshold'"),
        ({"threshold": True}, "True is not of type 'number' - 'threshold'"),
        ({"threshold": None}, "None is not of type 'number' - 'threshold'"),
        ({"threshold": 0}, "Threshold parameter out of range"),
        ({"threshold": -1}, "Threshold parameter out of range"),
        ({"threshold": 1.0001}, "Threshold parameter out of range"),
        (b'{"threshold": 1e999}', "Threshold parameter out of range"),
        (b'{"threshold": NaN}', "Request body is not valid JSON"),
        ({"threshold": 0.5, "name": 1}, "1 is not of type 'string' - 'name'"),
    ],
)
def test_a_wrong_run_is_refused(service, project, body, detail):
    answer = service.request("POST", path_of(project, "runs"), token=project["result_token"], body=body)

    assert is_problem(answer, 400, detail)
    assert service.request("GET", path_of(project, "runs"), token=project["result_token"]).json == []


def test_a_run_is_described_as_it_was_posted(service, project):
    body = {"threshold": 1, "name": "n", "notes": "o"}
    posted = service.request("POST", path_of(project, "runs"), token=project["result_token"], body=body)

    assert posted.status == 201
    assert posted.json == {"run_id": posted.json["run_id"], "threshold": 1.0, "name": "n", "notes": "o"}
    assert isinstance(posted.json["threshold"], float)
    path = path_of(project, "runs", posted.json["run_id"])
    assert service.request("GET", path, token=project["result_token"]).json == posted.json


def test_runs_are_listed(service, project):
    run_ids = [service.post_run(project) for _ in range(3)]

    listed = service.request("GET", path_of(project, "runs"), token=project["result_token"]).json

    assert [run["run_id"] for run in listed] == run_ids
    assert {run["state"] for run in listed} == {"created"}
    assert all(TIME.fullmatch(run["time_added"]) for run in listed)


def test_the_status_of_a_run_that_waits(service, project):
    run_id = service.post_run(project)
    service.upload(project, 1, ENCODINGS)

    status = service.get_run(project, run_id).json

    assert TIME.fullmatch(status.pop("time_added"))
    progress = {"absolute": 1, "relative": 0.5, "description": "number of parties already contributed"}
    assert status == {
        "state": "created",
        "time_started": None,
        "stages": 3,
        "current_stage": {"number": 1, "description": "waiting for CLKs", "progress": progress},
    }


def test_the_status_of_a_run_never_goes_back(service, project):
    for party in range(2):
        service.upload(project, party, ENCODINGS)
    run_id = service.post_run(project)
    seen = []

    def look():
        stage = service.get_run(project, run_id).json["current_stage"]
        seen.append((stage["number"], stage.get("progress", {}).get("relative", 0 if stage["number"] < 3 else 1)))

    service.deliver_all(("intake",))
    look()
    service.deliver_all(("plan",))
    look()
    for body in service.waiting("compare"):
        service.deliver("compare", body)
        look()
        service.world.progress.runs.clear()
        look()
    service.deliver_all()
    look()

    assert [number for number, _ in seen] == sorted(number for number, _ in seen)
    second = [relative for number, relative in seen if number == 2]
    assert second == sorted(second)
    assert all(0 <= relative <= 1 for _, relative in seen)
    assert len(set(second)) > 2


def test_the_status_of_a_completed_run(service, project, linked):
    status = service.get_run(project, linked).json

    for name in ("time_added", "time_started", "time_completed"):
        assert TIME.fullmatch(status.pop(name))
    assert status == {
        "state": "completed",
        "stages": 3,
        "current_stage": {"number": 3, "description": "compute output"},
        "total_number_comparisons": 400,
    }


def test_the_result(service, project, linked):
    answer = service.get_run(project, linked, "result")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert set(answer.json) == {"groups"}
    assert service.request("GET", "/status").json["rate"] >= 1


def test_a_large_result_is_a_redirect():
    service = driver(in_memory_world(inline_result_bytes=10))
    project = service.create_project()
    for party in range(2):
        service.upload(project, party, ENCODINGS)
    run_id = service.post_run(project)
    service.deliver_all()

    answer = service.get_run(project, run_id, "result")

    assert answer.status == 307
    assert answer.headers["Location"].startswith("memory://store/")


def test_head_of_a_large_result_is_not_sent_to_where_only_get_is_allowed():
    service = driver(in_memory_world(inline_result_bytes=10))
    project = service.create_project()
    for party in range(2):
        service.upload(project, party, ENCODINGS)
    run_id = service.post_run(project)
    service.deliver_all()

    path = f"{path_of(project)}/runs/{run_id}/result"
    answer = service.request("HEAD", path, token=project["result_token"])

    assert (answer.status, answer.body) == (200, b"")


def test_a_schema_whose_numbers_are_beyond_all_bounds_is_refused(service):
    body = b'{"result_type": "groups", "schema": {"a": 1e400}}'

    assert is_problem(service.request("POST", "/projects", body=body), 400)


def test_a_schema_that_is_taken_is_told_as_it_came(service):
    schema = nested(100) | {"text": "\0 ä \U0001f600", "numbers": [1e15, -0.0, 2**80]}

    project = service.create_project(schema=schema)

    assert service.request("GET", path_of(project), token=project["result_token"]).json["schema"] == schema


@pytest.mark.parametrize("bits", [0, -8, 7, "8", None, True])
def test_a_schema_that_asks_for_no_size_asks_for_none(service, bits):
    project = service.create_project(schema={"clkConfig": {"l": bits}})
    assert service.upload(project, 0, ENCODINGS).status == 201
    service.deliver_all()

    assert service.request("GET", path_of(project), token=project["result_token"]).json["error"] is False


def test_a_run_that_is_not_complete_has_no_result(service, project):
    run_id = service.post_run(project)

    assert is_problem(service.get_run(project, run_id, "result"), 404, "run is not complete")


def test_a_deleted_run_is_403_and_leaves_nothing(service, project, linked):
    path = path_of(project, "runs", linked)
    assert service.request("DELETE", path, token=project["result_token"]).status == 204
    service.deliver_all()

    assert is_problem(service.request("DELETE", path, token=project["result_token"]), 403)
    assert is_problem(service.get_run(project, linked), 403)
    assert is_problem(service.get_run(project, linked, "result"), 403)
    assert not [key for _, key in service.world.objects.stored if linked in key]
    assert service.request("GET", path_of(project, "runs"), token=project["result_token"]).json == []


def test_runs_of_one_project_do_not_disturb_each_other(service, project, linked):
    again = service.post_run(project, 0.5)
    service.deliver_all()

    assert service.get_run(project, again).json["state"] == "completed"
    assert service.get_run(project, linked).json["state"] == "completed"
