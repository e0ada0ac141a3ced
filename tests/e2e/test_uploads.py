"""Every way to upload, on the deployed local stack: parties who use different ones are linked with each other."""

import json

import numpy as np
import pytest

from tests.e2e.client import Client, as_json, object_store
from tests.e2e.test_linkage import objects_of
from tests.oracle import groups_by_definition, groups_of_result
from tests.ways import WITH_BLOCKS, WITHOUT_BLOCKS, announcement, sending

LEAST_MULTIPART_BYTES = 8 * 2**20
"""Files from this size on are sent in parts by boto3."""
MOST_BINARY_BYTES = 4_600_000
"""The largest binary body that fits into Lambda's 6 MB as base64."""


@pytest.fixture
def stack(each_stack):
    """The service with each object store in turn; OBJECT_STORE chooses one."""
    return each_stack


@pytest.fixture
def client(stack):
    return Client(stack.server_url)


@pytest.fixture(scope="module")
def parties():
    """Five data sets of 40 records of 64 bytes, and the ids of each record's blocks: none to four of eight."""
    generator = np.random.default_rng(13)
    entities = generator.integers(0, 256, (50, 64), dtype=np.uint8)
    of_entity = [[str(block) for block in generator.integers(0, 8, count)] for count in generator.integers(0, 5, 50)]
    datasets, blocks = [], []
    for _ in range(5):
        chosen = generator.permutation(50)[:40]
        datasets.append(entities[chosen] ^ np.packbits(generator.random((40, 512)) < 0.03, axis=1))
        blocks.append([of_entity[entity] for entity in chosen])
    return datasets, blocks


def upload(client, project, party, way, encodings, blocks=None):
    """Upload in one of the ways, files with the party's own credentials."""
    sent, body = sending(way, encodings, blocks), None
    if sent.files:
        permit = client.permit(project, party)
        place, store = permit["upload"], object_store(permit)
        count, size = encodings.shape
        for name, content in sent.files.items():
            described = {"hash-count": str(count), "hash-size": str(size)} if name.startswith("encodings") else {}
            store.put_object(Bucket=place["bucket"], Key=f"{place['path']}/{name}", Body=content, Metadata=described)
        body = announcement(place["bucket"], place["path"], list(sent.files))
    return client.request(
        "POST",
        client.path(project, sent.route),
        token=project["update_tokens"][party],
        data=body or sent.body,
        headers=sent.headers,
    )


def test_parties_by_every_way_without_blocks(client, parties):
    datasets, _ = parties
    project = client.create_project(5)
    for party, way in enumerate(WITHOUT_BLOCKS):
        answer = upload(client, project, party, way, datasets[party])
        assert answer.status_code == 201, (way, answer.text)

    result = client.run_to_result(project)

    assert groups_of_result(result) == groups_by_definition(datasets, 0.8)


def test_parties_by_every_way_with_blocks(client, parties):
    datasets, blocks = parties[0][:4], parties[1][:4]
    project = client.create_project(4, uses_blocking=True)
    for party, way in enumerate(WITH_BLOCKS):
        answer = upload(client, project, party, way, datasets[party], blocks[party])
        assert answer.status_code == 201, (way, answer.text)

    result = client.run_to_result(project)

    expected = groups_by_definition(datasets, 0.8, blocks)
    assert groups_of_result(result) == expected
    assert expected != groups_by_definition(datasets, 0.8)


@pytest.mark.parametrize("way", ["clks", "json file"])
def test_an_upload_that_is_sent_again_gets_its_receipt_and_leaves_no_file(client, stack, parties, way):
    datasets, _ = parties
    project = client.create_project(result_type="permutations")
    first = upload(client, project, 0, way, datasets[0])
    receipts = [upload(client, project, 0, way, datasets[0])]
    client.await_true(lambda: client.upload_of(project, 0)["state"] == "ready")
    receipts.append(upload(client, project, 0, way, datasets[0]))
    upload(client, project, 1, way, datasets[1])
    run_id = client.post_run(project)
    client.result_of(project, run_id)

    assert first.status_code == 201
    assert [(receipt.status_code, receipt.json()) for receipt in receipts] == [(201, first.json())] * 2
    token = receipts[-1].json()["receipt_token"]
    permutation = client.request("GET", client.path(project, "runs", run_id, "result"), token=token).json()
    assert sorted(permutation["permutation"]) == list(range(len(datasets[0])))
    client.await_true(
        lambda: {key.partition("/")[0] for key in objects_of(stack, project["project_id"])} == {"projects"}
    )


def test_parties_whose_files_have_other_names_encodings_and_parts(client, parties):
    """A byte order mark in a chunked body; UTF-16 in parts, as `site1.clks`; raw bytes announced as 8 bytes."""
    datasets = [parties[0][0], np.vstack([parties[0][1], np.zeros((80_000, 64), dtype=np.uint8)]), parties[0][2]]
    project = client.create_project(3)
    body = b"\xef\xbb\xbf" + as_json(datasets[0])
    pieces = iter([body[:2], body[2:1000], body[1000:]])
    headers, token = {"Content-Type": "application/json"}, project["update_tokens"][0]
    direct = client.request("POST", client.path(project, "clks"), token=token, data=pieces, headers=headers)
    in_parts = as_json(datasets[1]).decode().encode("utf-16")
    assert len(in_parts) > LEAST_MULTIPART_BYTES
    announced = client.put_encodings(project, 1, "site1.clks", in_parts, count=80_040, size=64, in_parts=True)
    raw = client.put_encodings(project, 2, "encodings.json", datasets[2].tobytes(), count=40)
    assert [answer.status_code for answer in (direct, announced, raw)] == [201] * 3

    result = client.run_to_result(project)

    assert groups_of_result(result) == groups_by_definition(parties[0][:3], 0.8)


def test_a_wrong_blocks_file_shows_and_can_be_mended(client, parties):
    datasets, blocks = parties
    project = client.create_project(uses_blocking=True)
    run_id = client.post_run(project)
    upload(client, project, 0, "clknblocks", datasets[0], blocks[0])
    upload(client, project, 1, "json file and blocks", datasets[1], blocks[1][:-1])

    failed = client.watch(project, run_id)[-1]

    assert failed["state"] == "error"
    assert "the blocks were made for 39 encodings ('meta.source.clk_count'), there are 40" in failed["message"]
    assert upload(client, project, 1, "json file and blocks", datasets[1], blocks[1]).status_code == 201
    result = client.run_to_result(project)
    assert groups_of_result(result) == groups_by_definition(datasets[:2], 0.8, blocks[:2])


def test_raw_bytes_up_to_the_limit_are_taken_as_they_are(client):
    encodings = np.random.default_rng(3).integers(0, 256, (MOST_BINARY_BYTES // 128, 128), dtype=np.uint8)
    project = client.create_project()
    for party, rows in enumerate((encodings, encodings[::-1][:50])):
        answer = upload(client, project, party, "binaryclks", rows)
        assert answer.status_code == 201, answer.text

    groups = groups_of_result(client.run_to_result(project, 1.0))

    assert groups == {frozenset([(0, len(encodings) - 1 - index), (1, index)]) for index in range(50)}


@pytest.mark.parametrize("size_mb", [6.5, 11])
@pytest.mark.parametrize("way", ["clks", "binaryclks"])
def test_bodies_beyond_the_limits_are_refused_with_what_to_do(client, way, size_mb):
    """Lambda takes no 6.5 MB, API Gateway no 11."""
    project = client.create_project()
    count = int(size_mb * 1_000_000 / (128 if way == "binaryclks" else 176))

    answer = upload(client, project, 0, way, np.zeros((count, 128), dtype=np.uint8))

    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "object store" in answer.json()["detail"]
    assert upload(client, project, 0, way, np.zeros((5, 128), dtype=np.uint8)).status_code == 201


def test_a_wrong_body_of_raw_bytes_is_a_problem_and_the_token_lives(client):
    project = client.create_project()
    headers = {"Content-Type": "application/octet-stream", "Hash-Count": "2", "Hash-Size": "8"}
    path, token = client.path(project, "binaryclks"), project["update_tokens"][0]

    for change, body, detail in [
        ({}, bytes(15), "Uploaded data did not match the expected size"),
        ({"Hash-Count": "x"}, bytes(16), "Wrong type, expected 'integer' for header parameter 'Hash-Count'"),
        ({"Content-Type": "text/plain"}, b"text", "Content Type not supported"),
    ]:
        answer = client.request("POST", path, token=token, data=body, headers=headers | change)
        assert answer.status_code == 400, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert detail in json.loads(answer.content)["detail"]

    assert client.request("POST", path, token=token, data=bytes(16), headers=headers).status_code == 201
