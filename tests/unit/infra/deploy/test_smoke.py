"""The smoke test of a deployment passes if the service links correctly, and otherwise reports the wrong answer."""

import io
import json
from urllib.error import HTTPError, URLError

import pytest

from infra.deploy import DeploymentFailed, smoke
from infra.deploy.smoke import smoke_test

GROUPS = [[[0, 0], [1, 1]], [[0, 1], [1, 0]]]


class Service:
    """A service as a client sees it; a test changes its answers."""

    def __init__(self):
        self.asked, self.failures = [], []
        self.statuses = [{"state": "running"}, {"state": "completed"}]
        self.groups = GROUPS

    def open(self, request, timeout):
        assert timeout > 0
        path = request.full_url.removeprefix("http://server/api/v1")
        self.asked.append((request.method, path, request.headers.get("Authorization")))
        if self.failures:
            raise self.failures.pop(0)
        return io.BytesIO(json.dumps(self.answer(request.method, path)).encode())

    def answer(self, method, path):
        if method == "POST" and path == "/projects":
            return {"project_id": "p", "result_token": "r", "update_tokens": ["a", "b"]}
        if path.endswith("/result"):
            return {"groups": self.groups}
        if path == "/projects/p/runs/run/status":
            return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {"status": "ok", "entityservice": "v1", "python": "3.11", "run_id": "run"}


@pytest.fixture
def service(monkeypatch):
    service = Service()
    monkeypatch.setattr(smoke, "urlopen", service.open)
    monkeypatch.setattr(smoke.time, "sleep", lambda _seconds: None)
    return service


def refusal(code):
    return HTTPError("url", code, "reason", {}, io.BytesIO(b"the detail"))


def test_it_links_and_leaves_nothing(service):
    said = []

    smoke_test("http://server", said.append)

    assert ("POST", "/projects/p/clks", "a") in service.asked
    assert ("POST", "/projects/p/clks", "b") in service.asked
    assert service.asked[-1] == ("DELETE", "/projects/p", "r")
    assert said[0] == "smoke test: status ok, version v1, Python 3.11"
    assert "linked, rightly" in said[1]


def test_groups_may_come_in_any_order(service):
    service.groups = [[[1, 0], [0, 1]], [[1, 1], [0, 0]]]

    smoke_test("http://server", lambda _line: None)


@pytest.mark.parametrize("groups", [[], GROUPS[:1], [*GROUPS, [[0, 2], [1, 2]]]])
def test_a_wrong_linkage_fails_and_leaves_nothing(service, groups):
    service.groups = groups

    with pytest.raises(DeploymentFailed, match="linkage is wrong"):
        smoke_test("http://server", lambda _line: None)

    assert service.asked[-1][:2] == ("DELETE", "/projects/p")


def test_a_service_that_wakes_up_is_asked_again(service):
    service.failures = [refusal(503), URLError("no route yet"), TimeoutError()]

    smoke_test("http://server", lambda _line: None)


def test_an_error_is_told_with_what_was_asked_and_answered(service):
    service.failures = [refusal(500)]

    with pytest.raises(DeploymentFailed, match=r"GET http://server/api/v1/status: 500 the detail"):
        smoke_test("http://server", lambda _line: None)


def test_a_service_that_never_answers_fails_in_the_end(service):
    service.failures = [refusal(503)] * 10_000

    with pytest.raises(DeploymentFailed, match="503"):
        smoke_test("http://server", lambda _line: None, patience_s=0)


def test_a_run_that_fails_is_told_with_its_message(service):
    service.statuses = [{"state": "error", "message": "out of luck"}]

    with pytest.raises(DeploymentFailed, match="out of luck"):
        smoke_test("http://server", lambda _line: None)


def test_a_run_that_never_ends_fails_in_the_end(service):
    service.statuses = [{"state": "running"}]

    with pytest.raises(DeploymentFailed, match="still running"):
        smoke_test("http://server", lambda _line: None, patience_s=0)
