"""Invalid uploads are reported, and do not stand in the way of a valid one."""

import base64
import json

import numpy as np
import pytest

from tests.driving import driver, texts

ENCODINGS = np.arange(160, dtype=np.uint8).reshape(20, 8)


@pytest.fixture
def service(make_world):
    return driver(make_world())


@pytest.fixture
def project(service):
    return service.create_project()


def put(service, project, party, body, *, name="encodings.json", count=20, size=8):
    """Put a file where the party may, and return its key."""
    path = f"/projects/{project['project_id']}/authorize-external-upload"
    upload = service.request("GET", path, token=project["update_tokens"][party]).json["upload"]
    key = f"{upload['path']}/{name}"
    service.put_upload(upload["bucket"], key, body, {"hash-count": str(count), "hash-size": str(size)})
    return key


def announce(service, project, party, key):
    body = {"encodings": {"file": {"bucket": service.world.settings.uploads_bucket, "path": key}}}
    path = f"/projects/{project['project_id']}/clks"
    return service.request("POST", path, token=project["update_tokens"][party], body=body)


def describe(service, project):
    return service.request("GET", f"/projects/{project['project_id']}", token=project["result_token"]).json


def as_json(encodings):
    return json.dumps({"clks": texts(encodings)}).encode()


def as_binary(encodings):
    return encodings.tobytes()


WRONG = {
    "bad base64": (json.dumps({"clks": ["A"] * 20}).encode(), "encodings.json", "encoding 0 is not valid base64"),
    "not json": (b"nonsense", "encodings.json", "not valid JSON"),
    "too few in json": (as_json(ENCODINGS[:19]), "encodings.json", "20 encodings were announced, the file has 19"),
    "too few in binary": (as_binary(ENCODINGS)[:-1], "encodings.bin", "20 encodings were announced, the file has 19"),
    "empty": (b"", "encodings.bin", "20 encodings were announced, the file has 0"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_is_an_error_that_names_the_upload_and_the_party_may_try_again(service, project, wrong):
    body, name, reason = WRONG[wrong]
    service.upload(project, 0, ENCODINGS)
    waiting = service.post_run(project)
    assert announce(service, project, 1, put(service, project, 1, body, name=name)).status == 201
    service.deliver_all()

    assert describe(service, project)["error"] is True
    status = service.get_run(project, waiting).json
    assert status["state"] == "error"
    assert "party 1" in status["message"]
    assert reason in status["message"]
    assert "time_started" not in status
    path = f"/projects/{project['project_id']}/runs"
    refused = service.request("POST", path, token=project["result_token"], body={"threshold": 0.8})
    assert refused.status == 500
    assert refused.json["detail"] == f"Can't post run as project has errors: {status['message']}"

    key = put(service, project, 1, as_json(ENCODINGS))
    assert announce(service, project, 1, key).status == 201
    assert describe(service, project)["error"] is False
    again = service.post_run(project)
    service.deliver_all()

    assert service.get_run(project, again).json["state"] == "completed"
    assert service.get_run(project, waiting).json["state"] == "error"
    assert service.get_run(project, waiting, "result").status == 500


LARGE = np.random.default_rng(1).integers(0, 256, 128_000, dtype=np.uint8).tobytes()
SHORT = json.dumps({"clks": ["ssssssss"] * 1000}).encode()


@pytest.mark.parametrize(("body", "name"), [(LARGE, "encodings"), (SHORT, "encodings.json")], ids=["large", "short"])
def test_records_of_another_size_than_eight_are_accepted_as_eight(service, project, body, name):
    """As the original's users send them: 128,000 bytes with count 1000 and size 8; records of 6 bytes with size 8."""
    for party in range(2):
        key = put(service, project, party, body, name=name, count=1000)
        assert announce(service, project, party, key).status == 201
    run_id = service.post_run(project)
    service.deliver_all()

    assert service.get_run(project, run_id).json["state"] == "completed"


def test_announced_and_direct_uploads_are_compared_with_each_other(service):
    project = service.create_project(3)
    service.upload(project, 0, ENCODINGS)
    announce(service, project, 1, put(service, project, 1, as_json(ENCODINGS)))
    announce(service, project, 2, put(service, project, 2, as_binary(ENCODINGS), name="encodings.bin"))
    run_id = service.post_run(project, 1.0)
    service.deliver_all()

    groups = service.get_run(project, run_id, "result").json["groups"]
    assert groups == [[[0, i], [1, i], [2, i]] for i in range(20)]


@pytest.mark.parametrize("size", [4, 20, 4096])
def test_sizes_that_no_project_can_have_are_an_error(service, project, size):
    encodings = np.ones((5, size), dtype=np.uint8)
    run_id = service.post_run(project)
    assert [service.upload(project, party, encodings).status for party in range(2)] == [201, 201]
    service.deliver_all()

    assert describe(service, project)["error"] is True
    status = service.get_run(project, run_id).json
    assert status["state"] == "error"
    assert "Encoding size" in status["message"]


def test_an_announced_size_that_no_project_can_have_is_an_error_of_the_project(service, project):
    key = put(service, project, 0, b"x" * 4096 * 3, name="encodings.bin", count=3, size=4096)
    assert announce(service, project, 0, key).status == 201
    service.deliver_all()

    assert describe(service, project)["error"] is True


def test_parties_with_different_sizes_are_an_error_of_the_later_one(service, project):
    run_id = service.post_run(project)
    service.upload(project, 0, np.ones((5, 64), dtype=np.uint8))
    service.deliver_all()
    service.upload(project, 1, np.ones((5, 256), dtype=np.uint8))
    service.deliver_all()

    message = service.get_run(project, run_id).json["message"]
    assert "party 1" in message
    assert "Mismatch in encoding sizes: its encodings have 256 bytes, the project's 64" in message
    assert service.upload(project, 1, np.ones((5, 64), dtype=np.uint8)).status == 201
    again = service.post_run(project)
    service.deliver_all()
    assert service.get_run(project, again).json["state"] == "completed"


def test_the_size_that_the_linkage_schema_says_is_the_projects(service):
    project = service.create_project(schema={"clkConfig": {"l": 1024}})
    service.upload(project, 0, ENCODINGS)
    service.deliver_all()

    assert describe(service, project)["error"] is True


def test_a_file_that_was_changed_after_it_was_announced_is_an_error_and_is_kept(service, project):
    key = put(service, project, 0, as_json(ENCODINGS))
    announce(service, project, 0, key)
    put(service, project, 0, as_json(ENCODINGS[::-1]))
    run_id = service.post_run(project)
    service.deliver_all()

    assert "changed after it was announced" in service.get_run(project, run_id).json["message"]
    assert announce(service, project, 0, key).status == 201
    service.deliver_all()
    assert describe(service, project)["error"] is False


def test_a_file_that_was_removed_after_it_was_announced_is_an_error(service, project):
    key = put(service, project, 0, as_json(ENCODINGS))
    announce(service, project, 0, key)
    service.world.objects.delete(service.world.settings.uploads_bucket, [key])
    run_id = service.post_run(project)
    service.deliver_all()

    assert "removed after it was announced" in service.get_run(project, run_id).json["message"]


def test_raw_uploads_do_not_outlive_their_intake(service, project):
    service.upload(project, 0, ENCODINGS)
    announce(service, project, 1, put(service, project, 1, as_json(ENCODINGS)))
    service.deliver_all()

    settings = service.world.settings
    assert list(service.world.objects.list(settings.uploads_bucket, project["project_id"])) == []
    for prefix in ("parked/", "intake/"):
        assert list(service.world.objects.list(settings.store_bucket, prefix + project["project_id"])) == []


def test_a_failed_upload_leaves_no_encodings(service, project):
    service.upload(project, 0, np.ones((5, 20), dtype=np.uint8))
    service.deliver_all()

    objects = service.world.objects.list(service.world.settings.store_bucket, "")
    assert [o.key for o in objects if project["project_id"] in o.key] == []


def test_too_many_candidate_pairs_are_an_error_that_says_what_to_do(make_world):
    service = driver(make_world(max_candidates=50))
    project = service.create_project()
    for party in range(2):
        service.upload(project, party, np.ones((20, 8), dtype=np.uint8))
    run_id = service.post_run(project)
    service.deliver_all()

    status = service.get_run(project, run_id).json
    assert status["state"] == "error"
    assert "global limit of candidate pairs" in status["message"]
    assert "it must be above 0.8" in status["message"]


@pytest.mark.parametrize(("kind", "state"), [("similarity_scores", "error"), ("groups", "completed")])
def test_scores_which_are_all_written_out_may_be_fewer(make_world, kind, state):
    service = driver(make_world(max_scores=50))
    project = service.create_project(result_type=kind)
    for party in range(2):
        service.upload(project, party, np.ones((20, 8), dtype=np.uint8))
    run_id = service.post_run(project)
    service.deliver_all()

    assert service.get_run(project, run_id).json["state"] == state


@pytest.mark.parametrize("limit", [10, 10**9])
def test_a_run_with_far_too_many_candidate_pairs_ends_when_it_is_planned(make_world, limit):
    service = driver(make_world(max_candidates=limit, sample_above_comparisons=0))
    project = service.create_project()
    for party in range(2):
        service.upload(project, party, np.ones((20, 8), dtype=np.uint8))
    run_id = service.post_run(project)
    service.deliver_all(("intake", "plan"))

    status = service.get_run(project, run_id).json
    if limit == 10:
        assert status["state"] == "error"
        assert "an estimated 400, allowed are 10." in status["message"]
        assert service.queues.backlog("compare") == 0
    else:
        assert status["state"] == "running"


@pytest.mark.parametrize(("limit", "state"), [(100, "completed"), (20, "error")])
def test_a_pair_that_shares_many_blocks_counts_once_when_a_run_is_planned(make_world, limit, state):
    service = driver(make_world(max_candidates=limit, sample_above_comparisons=0))
    project = service.create_project(uses_blocking=True)
    encodings = np.ones((10, 8), dtype=np.uint8)
    for party in range(2):
        body = {"clknblocks": [[text, *range(8)] for text in texts(encodings)]}
        path = f"/projects/{project['project_id']}/clks"
        assert service.request("POST", path, token=project["update_tokens"][party], body=body).status == 201
    run_id = service.post_run(project)
    service.deliver_all()

    status = service.get_run(project, run_id).json
    assert status["state"] == state
    if state == "error":
        assert "an estimated 100, allowed are 20." in status["message"]


def test_base64_may_hold_line_breaks(service, project):
    wrapped = [base64.encodebytes(row.tobytes()).decode() for row in np.ones((5, 64), dtype=np.uint8)]
    path = f"/projects/{project['project_id']}/clks"
    answer = service.request("POST", path, token=project["update_tokens"][0], body={"clks": wrapped})

    assert answer.status == 201
    service.deliver_all()
    assert describe(service, project)["error"] is False
