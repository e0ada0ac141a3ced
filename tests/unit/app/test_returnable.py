"""What is taken can be told back: a response holds it as Lambda counts, or the request is a 413."""

import json

import numpy as np
import pytest

from app.responses import MOST_RESPONSE_BYTES
from linkage.testing.world import in_memory_world
from tests.driving import driver

ENCODINGS = np.arange(160, dtype=np.uint8).reshape(20, 8)
CHARACTERS = {"ascii": ("n", 1), "quote": ('"', 4), "line break": ("\n", 3), "2 bytes": ("é", 2), "4 bytes": ("😀", 4)}
"""Characters, and their bytes in the text of a body in the text of a response."""
BESIDE = 2_048
"""More than a project's description holds beside its notes, and a response beside that."""


@pytest.fixture
def service():
    return driver(in_memory_world(project_listing=True))


def size_of(answer):
    """The bytes of a response, as Lambda's runtime writes it."""
    whole = {"body": answer.body.decode(), "headers": answer.headers, "statusCode": answer.status}
    return len(json.dumps(whole, ensure_ascii=False).encode())


def path_of(project, *rest):
    return "/".join([f"/projects/{project['project_id']}", *rest])


@pytest.mark.parametrize(("character", "size_bytes"), CHARACTERS.values(), ids=CHARACTERS)
def test_a_project_that_is_taken_is_told_back_and_another_is_a_413(service, character, size_bytes):
    most = MOST_RESPONSE_BYTES // size_bytes
    body = {"schema": {}, "result_type": "groups"}

    project = service.create_project(notes=character * (most - BESIDE))
    refused = service.request("POST", "/projects", body=body | {"notes": character * most})

    described = service.request("GET", path_of(project), token=project["result_token"])
    assert described.json["notes"] == character * (most - BESIDE)
    assert MOST_RESPONSE_BYTES - BESIDE * 5 < size_of(described) <= MOST_RESPONSE_BYTES
    assert refused.status == 413
    assert "notes" in refused.json["detail"]
    assert service.request("GET", "/status").json["project_count"] == 1


def test_a_run_that_is_taken_is_told_back_with_its_error_and_another_is_a_413(service):
    project = service.create_project()
    token, path = project["result_token"], path_of(project, "runs")
    most = MOST_RESPONSE_BYTES - 9_500

    posted = service.request("POST", path, token=token, body={"threshold": 0.8, "notes": "n" * most})
    refused = service.request("POST", path, token=token, body={"threshold": 0.8, "notes": "n" * (most + 2_000)})

    assert (posted.status, refused.status) == (201, 413)
    assert "shorter notes" in refused.json["detail"]
    assert size_of(posted) + 8_192 <= MOST_RESPONSE_BYTES
    assert len(service.request("GET", path, token=token).json) == 1


def test_failed_uploads_are_told_as_far_as_there_is_room(service):
    parties = 60
    project = service.create_project(
        parties, notes="n" * (MOST_RESPONSE_BYTES - 8_192), schema={"clkConfig": {"l": 1024}}
    )
    for party in range(parties):
        assert service.upload(project, party, ENCODINGS).status == 201
    service.deliver_all()

    described = service.request("GET", path_of(project), token=project["result_token"])

    assert described.json["error"] is True
    assert 0 < len(described.json["failed_uploads"]) < parties
    assert size_of(described) <= MOST_RESPONSE_BYTES
