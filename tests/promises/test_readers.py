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


def test_the_receipt_token_of_a_failed_upload_opens_nothing_and_that_of_the_next_one_does(service, datasets):
    project = service.create_project(result_type="permutations", schema={"clkConfig": {"l": 64}})
    wrong_size = service.upload(project, 0, datasets[0]).json["receipt_token"]
    service.deliver_all()
    right = service.upload(project, 0, datasets[0][:, :8].copy()).json["receipt_token"]

    with pytest.raises(AccessDenied):
        identify_reader(project["project_id"], wrong_size, service.world)
    assert identify_reader(project["project_id"], right, service.world)[1] == 0


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
