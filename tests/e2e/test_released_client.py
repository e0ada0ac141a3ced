"""The released anonlink-client 0.1.5, as it came from its package, against the deployed local stack."""

import json

import pytest

from infra.local.demo.client import AnonlinkClient, ClientError
from infra.local.demo.febrl4 import LINKAGE_SCHEMA
from tests.driving import texts
from tests.oracle import groups_of_anonlink, groups_of_result


@pytest.fixture
def client(stack):
    return AnonlinkClient(stack.server_url)


@pytest.fixture
def schema(tmp_path):
    """A linkage schema for encodings of 16 bytes."""
    linkage_schema = json.loads(LINKAGE_SCHEMA.read_text())
    linkage_schema["clkConfig"]["l"] = 128
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(linkage_schema))
    return file


@pytest.fixture
def files(tmp_path, datasets):
    """Two parties' encodings, as `anonlink hash` writes them."""
    written = []
    for party, encodings in enumerate(datasets[:2]):
        written.append(tmp_path / f"party-{party}.json")
        written[-1].write_text(json.dumps({"clks": texts(encodings)}))
    return written


@pytest.mark.parametrize("through_api", [False, True])
def test_the_whole_flow(client, schema, files, datasets, through_api):
    assert client.status()["status"] == "ok"
    project = client.create_project(schema)
    project_id, result_token = project["project_id"], project["result_token"]
    for token, file in zip(project["update_tokens"], files, strict=True):
        assert client.upload(project_id, token, file, through_api=through_api)["receipt_token"]
    run = client.create_run(project_id, result_token, 0.8)

    result = client.results(project_id, result_token, run["run_id"])

    assert groups_of_result(json.dumps(result).encode()) == groups_of_anonlink(datasets[:2], 0.8)
    client.delete_run(project_id, result_token, run["run_id"])
    client.delete_project(project_id, result_token)
    with pytest.raises(ClientError, match="Invalid access token"):
        client.create_run(project_id, result_token, 0.8)


def test_one_party_by_each_way(client, schema, files, datasets):
    project = client.create_project(schema)
    for token, file, through_api in zip(project["update_tokens"], files, (True, False), strict=True):
        client.upload(project["project_id"], token, file, through_api=through_api)
    run = client.create_run(project["project_id"], project["result_token"], 0.8)

    result = client.results(project["project_id"], project["result_token"], run["run_id"])

    assert groups_of_result(json.dumps(result).encode()) == groups_of_anonlink(datasets[:2], 0.8)


def test_a_failed_upload_is_told(client, schema, files, datasets):
    project = client.create_project(schema)
    files[0].write_text(json.dumps({"clks": [*texts(datasets[0]), "AAAA"]}))

    with pytest.raises(ClientError, match="encoding 50 has 3 bytes, encoding 0 has 16"):
        client.upload(project["project_id"], project["update_tokens"][0], files[0], through_api=True)
