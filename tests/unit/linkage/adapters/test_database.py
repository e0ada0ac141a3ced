"""A database that sleeps is waited for, and where that takes too long the client is told to come again."""

import socket
from types import SimpleNamespace

import psycopg2
import pytest

from linkage.adapters import database
from linkage.adapters.database import Database
from linkage.errors import DatabaseUnavailable
from linkage.testing.world import in_memory_world
from tests.driving import driver


@pytest.fixture
def naps(monkeypatch):
    """The requested sleeps in seconds, recorded instead of slept."""
    slept = []
    monkeypatch.setattr("linkage.adapters.database.time.sleep", slept.append)
    return slept


def test_it_is_tried_again_until_it_is_awake(monkeypatch, naps):
    connection = SimpleNamespace()
    answers = iter([psycopg2.OperationalError("asleep"), psycopg2.OperationalError("asleep"), connection])

    def connect(_url, **_names):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("psycopg2.connect", connect)

    assert Database("postgresql://host/name")._connect() is connection
    assert len(naps) == 2


def test_nobody_waits_for_it_for_ever_and_the_log_says_why(monkeypatch):
    said = []
    monkeypatch.setattr(database.logger, "warning", lambda text, *values: said.append(text % values))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(DatabaseUnavailable):
        Database(f"postgresql://127.0.0.1:{port}/name", wake_up_s=0).fetch_one("SELECT 1")

    (line,) = said
    assert "cannot connect to the database" in line
    assert str(port) in line


def test_a_client_is_told_to_come_again_which_it_does_by_itself_on_503(monkeypatch):
    service = driver(in_memory_world())

    def asleep(_project_id):
        raise DatabaseUnavailable

    monkeypatch.setattr(service.world.projects, "get", asleep)

    answer = service.request("GET", "/projects/p", token="t")

    assert answer.status == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "waking up" in answer.json["detail"]


def test_where_no_credentials_are_given_clients_are_told_as_the_original_does():
    service = driver(in_memory_world(upload_credentials=False))
    project = service.create_project()
    path = f"/projects/{project['project_id']}/authorize-external-upload"

    answer = service.request("GET", path, token=project["update_tokens"][0])

    assert (answer.status, answer.json["title"]) == (500, "Feature Disabled")
    assert service.request("GET", path, token="0" * 48).status == 403
