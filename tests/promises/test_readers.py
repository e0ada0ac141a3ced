"""Readers of a linkage: the holder of the result token, and each party of a linkage into permutations."""

from itertools import product

import pytest

from linkage.errors import AccessDenied
from linkage.models import ResultType
from linkage.projects import identify_reader
from tests.driving import driver

DENIED = "Invalid access token or project doesn't exist"


@pytest.fixture
def service(make_world):
    return driver(make_world())


@pytest.fixture
def prepare(service, datasets):
    """A function from a result type to a project with both uploads, and their receipt tokens."""

    def prepared(result_type):
        project = service.create_project(result_type=result_type)
        receipts = [service.upload(project, party, datasets[party]).json["receipt_token"] for party in range(2)]
        return project, receipts

    return prepared


def paths(project, run_id):
    """The readable paths of a project: by receipt tokens too, and by the result token alone."""
    path = f"/projects/{project['project_id']}"
    run = f"{path}/runs/{run_id}"
    return (path, f"{run}/status"), (f"{path}/runs", run)


def is_denied(answer):
    return answer.status == 403 and answer.json["detail"] == DENIED


def test_each_token_tells_who_reads(service, prepare):
    project, receipts = prepare("permutations")

    readers = [identify_reader(project["project_id"], token, service.world)[1] for token in receipts]
    _, reader = identify_reader(project["project_id"], project["result_token"], service.world)

    assert (readers, reader) == ([0, 1], None)


def test_a_receipt_token_follows_a_linkage_into_permutations_and_sees_no_more(service, prepare):
    project, receipts = prepare("permutations")
    run_id = service.post_run(project)
    readable, hidden = paths(project, run_id)

    for token in receipts:
        for path in readable:
            expected = service.request("GET", path, token=project["result_token"])
            answer = service.request("GET", path, token=token)
            assert (answer.status, answer.body) == (200, expected.body)
        assert all(is_denied(service.request("GET", path, token=token)) for path in hidden)
        assert is_denied(service.request("POST", hidden[0], token=token, body={"threshold": 0.5}))
        assert all(is_denied(service.request("DELETE", path, token=token)) for path in (readable[0], hidden[1]))


def test_a_receipt_token_opens_nothing_but_its_own_project(service, prepare):
    (project, _), (other, receipts) = prepare("permutations"), prepare("permutations")
    run_id, other_run_id = service.post_run(project), service.post_run(other)
    readable, hidden = paths(project, run_id)
    crossed = f"/projects/{other['project_id']}/runs/{run_id}/status"

    assert other_run_id != run_id
    assert all(is_denied(service.request("GET", p, token=t)) for p, t in product((*readable, *hidden), receipts))
    assert all(is_denied(service.request("GET", crossed, token=token)) for token in receipts)


@pytest.mark.parametrize("result_type", ["groups", "similarity_scores"])
def test_a_receipt_token_opens_nothing_of_other_result_types(service, prepare, result_type):
    project, receipts = prepare(result_type)
    readable, hidden = paths(project, service.post_run(project))

    assert all(is_denied(service.request("GET", p, token=t)) for p, t in product((*readable, *hidden), receipts))


def test_the_receipt_token_of_a_failed_upload_opens_its_state_alone_and_that_of_the_next_one_more(service, datasets):
    project = service.create_project(result_type="permutations", schema={"clkConfig": {"l": 64}})
    wrong_size = service.upload(project, 0, datasets[0]).json["receipt_token"]
    service.deliver_all()
    right = service.upload(project, 0, datasets[0][:, :8].copy()).json["receipt_token"]
    service.upload(project, 1, datasets[1][:, :8].copy())
    run_id = service.post_run(project)
    service.deliver_all()

    with pytest.raises(AccessDenied):
        identify_reader(project["project_id"], wrong_size, service.world)
    assert identify_reader(project["project_id"], right, service.world)[1] == 0
    own, other = (uploads_of(service, project, token).json for token in (wrong_size, right))
    assert (own["state"], other["state"]) == ("error", "ready")
    assert uploads_of(service, project, wrong_size, own["upload_id"]).json == own
    opened = {*paths(project, run_id)[0], *paths(project, run_id)[1], f"{paths(project, run_id)[1][1]}/result"}
    assert all(is_denied(service.request("GET", path, token=wrong_size)) for path in opened)
    assert is_denied(uploads_of(service, project, wrong_size, other["upload_id"]))
    assert is_denied(uploads_of(service, project, right, own["upload_id"]))


def uploads_of(service, project, token, *upload_id):
    return service.request("GET", "/".join(["/projects", project["project_id"], "uploads", *upload_id]), token=token)


@pytest.mark.parametrize("result_type", list(ResultType))
def test_the_state_of_an_upload_is_its_partys_and_the_analysts(service, prepare, result_type):
    (project, receipts), (other, other_receipts) = prepare(result_type), prepare(result_type)
    own = [uploads_of(service, project, token).json for token in project["update_tokens"]]
    ids = [upload["upload_id"] for upload in own]

    assert [upload["dataset_index"] for upload in own] == [0, 1]
    assert [set(upload) for upload in own] == [{"upload_id", "dataset_index", "state", "time_added"}] * 2
    for party, (token, receipt) in enumerate(zip(project["update_tokens"], receipts, strict=True)):
        assert [uploads_of(service, project, each, ids[party]).json for each in (token, receipt)] == [own[party]] * 2
        assert uploads_of(service, project, receipt).json == own[party]
        assert uploads_of(service, project, project["result_token"], ids[party]).json == own[party]
        assert all(is_denied(uploads_of(service, project, each, ids[1 - party])) for each in (token, receipt))
    strangers = [other["result_token"], *other["update_tokens"], *other_receipts, "0" * 48]
    for token, upload_id in product(strangers, ids):
        assert is_denied(uploads_of(service, project, token, upload_id))
        assert is_denied(uploads_of(service, project, token))
        assert is_denied(uploads_of(service, other, token, upload_id))
    assert is_denied(uploads_of(service, project, project["result_token"]))
    assert is_denied(uploads_of(service, project, project["result_token"], "0" * 48))


def test_a_party_that_has_not_uploaded_is_told_so(service):
    project = service.create_project()

    answer = uploads_of(service, project, project["update_tokens"][0])

    assert (answer.status, answer.json["detail"]) == (404, "This party has not uploaded anything yet")


def test_the_newest_upload_of_a_party_is_the_one_without_an_id(service, datasets):
    project = service.create_project(schema={"clkConfig": {"l": 64}})
    states = []
    for encodings in (datasets[0], datasets[0][:, :8].copy()):
        service.world.now.sleep(1)
        service.upload(project, 0, encodings)
        service.deliver_all()
        states.append(uploads_of(service, project, project["update_tokens"][0]).json)

    assert [state["state"] for state in states] == ["error", "ready"]
    assert "Mismatch in encoding sizes" in states[0]["message"]
    failed = uploads_of(service, project, project["update_tokens"][0], states[0]["upload_id"])
    assert failed.json == states[0]


@pytest.mark.parametrize("result_type", list(ResultType))
def test_update_tokens_read_nothing(service, prepare, result_type):
    project, _ = prepare(result_type)
    readable, hidden = paths(project, service.post_run(project))

    for path, token in product((*readable, *hidden), project["update_tokens"]):
        assert is_denied(service.request("GET", path, token=token))


def test_a_deleted_project_closes_its_receipt_tokens(service, prepare):
    project, receipts = prepare("permutations")
    service.request("DELETE", f"/projects/{project['project_id']}", token=project["result_token"])

    for token in receipts:
        with pytest.raises(AccessDenied):
            identify_reader(project["project_id"], token, service.world)
        assert is_denied(uploads_of(service, project, token))
