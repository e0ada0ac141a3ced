"""Files are read as their party meant them, or the upload fails and says why. `tests.wrong_files` has the ways."""

import json
import re

import numpy as np
import pytest

from linkage.testing.world import in_memory_world
from tests.driving import driver, texts
from tests.oracle import groups_of_result
from tests.ways import Sending, send, upload
from tests.wrong_contents import COUNT, READ
from tests.wrong_files import WAYS


@pytest.mark.parametrize("name", WAYS)
def test_what_is_sent_is_read_as_it_was_meant_or_fails_and_says_why(name):
    way = WAYS[name]
    service = driver(in_memory_world())
    project = service.create_project(uses_blocking=way.uses_blocking)
    run_id = service.post_run(project, 1.0)
    others = "clknblocks" if way.uses_blocking else "clks"
    blocks = [[next(iter(way.ids), "a")]] * COUNT
    assert upload(service, project, 0, others, way.meant[::-1].copy(), blocks).status == 201
    service.deliver_all()

    answer = send(service, project, 1, way.sending(), way.count, way.size)
    service.deliver_all()

    status = service.get_run(project, run_id).json
    if way.happens == READ:
        assert answer.status == 201, answer.body
        assert status["state"] == "completed", status
        expected = {frozenset([(0, COUNT - 1 - index), (1, index)]) for index in range(way.linked)}
        assert groups_of_result(service.get_run(project, run_id, "result").body) == expected
    elif way.body is not None:
        assert answer.status == 400
        assert re.search(way.happens, answer.json["detail"])
    else:
        assert answer.status == 201, answer.body
        assert status["state"] == "error"
        assert re.search(f"The upload of party 1 .counted from 0. failed: .*{way.happens}", status["message"])
    if way.happens != READ:
        assert_party_may_try_again(service, project, others, way, blocks)


def assert_party_may_try_again(service, project, others, way, blocks):
    assert upload(service, project, 1, others, way.meant, blocks).status == 201
    run_id = service.post_run(project, 1.0)
    service.deliver_all()
    assert len(groups_of_result(service.get_run(project, run_id, "result").body)) == COUNT


def test_files_that_users_of_the_original_send_are_taken():
    """They announce 8 bytes whatever they send: raw bytes of 128, and JSON of encodings of 6 bytes."""
    generator = np.random.default_rng(1)
    for file, size in (generator.bytes(128_000), 128), (json.dumps({"clks": ["ssssssss"] * 1000}).encode(), 8):
        service = driver(in_memory_world())
        project = service.create_project(result_type="similarity_scores")
        run_id = service.post_run(project, 1.0)
        for party in range(2):
            assert send(service, project, party, Sending(files={"encodings.bin": file}), 1000, 8).status == 201
        service.deliver_all()

        assert service.get_run(project, run_id).json["state"] == "completed"
        assert service.world.projects.get(project["project_id"]).encoding_size == size


SHORT = np.random.default_rng(2).integers(1, 256, (10, 4), dtype=np.uint8)
FILLED = np.pad(SHORT, ((0, 0), (0, 4)))
LONG = np.repeat(SHORT, 2, axis=1)


def _state_with_schema(bits, sending):
    service = driver(in_memory_world())
    project = service.create_project(schema={"clkConfig": {"l": bits}})
    answer = send(service, project, 0, sending, 10, 8)
    service.deliver_all()
    (upload,) = service.world.uploads.tables.uploads.values() if answer.status == 201 else [None]
    return answer.status if upload is None else (str(upload.state), upload.message)


@pytest.mark.parametrize("encodings", [SHORT, FILLED])
def test_encodings_shorter_than_8_bytes_fit_the_schema_that_says_so(encodings):
    """The file is filled up to 8 bytes; one that its party filled up is the same, by every way."""
    json_file = json.dumps({"clks": texts(encodings)}).encode()
    ways = [Sending(files={"a": json_file})]
    if encodings is FILLED:
        headers = {"Content-Type": "application/octet-stream", "Hash-Count": "10", "Hash-Size": "8"}
        ways += [Sending(json_file), Sending(files={"a": FILLED.tobytes()})]
        ways += [Sending(FILLED.tobytes(), "binaryclks", headers)]

    assert [_state_with_schema(32, way) for way in ways] == [("ready", None)] * len(ways)


def test_longer_encodings_do_not_fit_the_schema_of_short_ones():
    state, reason = _state_with_schema(32, Sending(files={"a": LONG.tobytes()}))

    assert state == "error"
    assert "its encodings have 8 bytes, the project's 4" in reason
