"""The released anonlink-client 0.1.5, as it came from its package, against the deployed local stack.

Each of its commands that talk to a server is used, in the ways that its options offer; the files come from itself and
from 0.1.9, the latest, which makes files alone.
"""

import base64
import json
from functools import partial

import numpy as np
import pytest

from infra.local.demo.client import AnonlinkClient, ClientError
from infra.local.demo.febrl4 import LINKAGE_SCHEMA
from tests.driving import texts
from tests.oracle import candidates_by_definition, groups_by_definition, groups_of_anonlink, groups_of_result

THRESHOLD = 0.7


@pytest.fixture
def client(stack):
    return AnonlinkClient(stack.server_url)


@pytest.fixture(scope="session")
def encodings(parties):
    """The encodings in the parties' files."""
    clks = [json.loads(party.encodings.read_text())["clks"] for party in parties]
    return [np.frombuffer(b"".join(map(base64.b64decode, texts)), np.uint8).reshape(len(texts), -1) for texts in clks]


@pytest.fixture(scope="session")
def blocks(parties):
    """The blocks of each record of the parties."""
    block_ids = []
    for party in parties:
        by_record = json.loads(party.blocks.read_text())["blocks"]
        block_ids.append([by_record[str(index)] for index in range(len(by_record))])
    return block_ids


def upload(client, project, parties, *, through_api=(False, True), blocked=False):
    """Upload both parties' files, to the object store or through the API, and return their receipt tokens."""
    return [
        client.upload(
            project["project_id"],
            token,
            party.encodings,
            blocks=party.blocks if blocked else None,
            through_api=api,
        )["receipt_token"]
        for token, party, api in zip(project["update_tokens"], parties, through_api, strict=True)
    ]


def link(client, project):
    """Post a run, wait for it, and return its id and result."""
    project_id, token = project["project_id"], project["result_token"]
    run_id = client.create_run(project_id, token, THRESHOLD)["run_id"]
    return run_id, client.results(project_id, token, run_id)


def groups_of(result):
    return groups_of_result(json.dumps(result).encode())


def test_groups(client, parties, encodings):
    assert client.status()["status"] == "ok"
    project = client.create_project(LINKAGE_SCHEMA)
    assert all(upload(client, project, parties))

    run_id, result = link(client, project)

    expected = groups_of_anonlink(encodings, THRESHOLD)
    assert len(expected) > 50
    assert groups_of(result) == expected
    project_id, token = project["project_id"], project["result_token"]
    client.delete_run(project_id, token, run_id)
    with pytest.raises(ClientError, match="Invalid access token"):
        client.results(project_id, token, run_id, watch=False)
    client.delete_project(project_id, token)
    with pytest.raises(ClientError, match="Invalid access token"):
        client.create_run(project_id, token, THRESHOLD)


def test_groups_of_records_that_share_a_block(client, parties, encodings, blocks):
    project = client.create_project(LINKAGE_SCHEMA, blocked=True)
    upload(client, project, parties, blocked=True)

    _, result = link(client, project)

    expected = groups_by_definition(encodings, THRESHOLD, blocks)
    assert groups_of(result) == expected
    assert 50 < len(expected) < len(groups_by_definition(encodings, THRESHOLD))


def test_similarity_scores(client, parties, encodings):
    project = client.create_project(LINKAGE_SCHEMA, result_type="similarity_scores")
    upload(client, project, parties)

    _, result = link(client, project)

    expected = candidates_by_definition(encodings, THRESHOLD)
    assert result["similarity_scores"] == [[[a, i], [b, j], -score] for score, a, b, i, j in expected]


def test_permutations_which_each_party_reads_with_its_receipt_token(client, parties, encodings):
    project = client.create_project(LINKAGE_SCHEMA, result_type="permutations")
    receipts = upload(client, project, parties)

    run_id, result = link(client, project)

    parts = [client.results(project["project_id"], receipt, run_id) for receipt in receipts]
    places = [{place: record for record, place in enumerate(part["permutation"])} for part in parts]
    lined_up = [place for place, match in enumerate(result["mask"]) if match]
    groups = {frozenset((party, places[party][place]) for party in range(2)) for place in lined_up}
    assert groups == groups_of_anonlink(encodings, THRESHOLD)
    assert {part["rows"] for part in parts} == {len(result["mask"])} == {min(map(len, encodings))}


def test_a_run_may_be_posted_before_any_upload_and_watched(client, parties, encodings):
    project = client.create_project(LINKAGE_SCHEMA)
    project_id, token = project["project_id"], project["result_token"]
    run_id = client.create_run(project_id, token, THRESHOLD)["run_id"]
    with pytest.raises(ClientError, match="No result yet"):
        client.results(project_id, token, run_id, watch=False)

    upload(client, project, parties)

    assert groups_of(client.results(project_id, token, run_id)) == groups_of_anonlink(encodings, THRESHOLD)


def test_its_own_files_are_those_of_the_latest_client(client, parties, tmp_path):
    client.encode(parties[0].records, "a secret", LINKAGE_SCHEMA, tmp_path / "encodings.json")

    assert (tmp_path / "encodings.json").read_bytes() == parties[0].encodings.read_bytes()


def test_a_refused_upload_is_told_and_the_token_can_be_used_once(client, parties, datasets, tmp_path):
    project = client.create_project(LINKAGE_SCHEMA)
    ragged = tmp_path / "ragged.json"
    ragged.write_text(json.dumps({"clks": [*texts(datasets[0]), "AAAA"]}))

    with pytest.raises(ClientError, match="encoding 50 has 3 bytes, encoding 0 has 16"):
        client.upload(project["project_id"], project["update_tokens"][0], ragged, through_api=True)
    upload = partial(client.upload, project["project_id"], project["update_tokens"][0])
    first = upload(parties[0].encodings)
    assert upload(parties[0].encodings) == first
    with pytest.raises(ClientError, match="already been used"):
        upload(parties[0].encodings, through_api=True)


def test_a_run_that_cannot_be_is_told_while_it_is_watched(client, parties, tmp_path):
    """Its encodings are of another size than the linkage schema says."""
    project = client.create_project(LINKAGE_SCHEMA)
    project_id, token = project["project_id"], project["result_token"]
    run_id = client.create_run(project_id, token, THRESHOLD)["run_id"]
    short = tmp_path / "short.json"
    short.write_text(json.dumps({"clks": ["AAAAAAAAAAA="]}))
    client.upload(project_id, project["update_tokens"][0], short)

    with pytest.raises(ClientError, match="Error during computation of run"):
        client.results(project_id, token, run_id)
