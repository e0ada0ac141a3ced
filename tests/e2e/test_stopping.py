"""A run that is deleted while its chunks are compared stops: pending messages do nothing and leave nothing."""

from contextlib import contextmanager

import numpy as np
import pytest

from tests.e2e.client import Client
from tests.e2e.test_linkage import clients_of, errors_about, objects_of

RECORDS = 20_000
CHUNKS = 400
IN_FLIGHT = 50
"""The least number of chunks that wait when the run is deleted."""


@pytest.fixture
def client(stack):
    return Client(stack.server_url)


@contextmanager
def small_chunks(stack):
    """Have runs cut into many small chunks."""
    functions, owner = clients_of(stack, "lambda"), stack.outputs["MigrateFunction"].partition("-Migrate")[0]
    (name,) = (
        function["FunctionName"]
        for page in functions.get_paginator("list_functions").paginate()
        for function in page["Functions"]
        if function["Handler"] == "functions.plan.handler" and function["FunctionName"].startswith(owner)
    )
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    most = str(RECORDS * RECORDS // CHUNKS)
    change(functions, name, before | {"CHUNK_MAX_COMPARISONS": most, "CHUNK_MIN_COMPARISONS": "1"})
    try:
        yield
    finally:
        change(functions, name, before)


def change(functions, name, variables):
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def test_a_run_of_many_chunks_stops_when_it_is_deleted(client, stack):
    generator = np.random.default_rng(3)
    project = client.create_project()
    for party in range(2):
        encodings = generator.integers(0, 256, (RECORDS, 8), dtype=np.uint8)
        assert client.post_encodings(project, party, encodings).status_code == 201
    sqs, queue = clients_of(stack, "sqs"), stack.outputs["CompareQueueUrl"]

    def messages():
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return [int(attributes[name]) for name in names]

    def stored():
        return [key for key in objects_of(stack, project["project_id"]) if run_id in key]

    with small_chunks(stack):
        run_id = client.post_run(project, 0.95)
        client.await_true(lambda: "progress" in client.status(project, run_id)["current_stage"] and messages()[0])
    before = client.status(project, run_id)
    waiting = messages()[0]
    path = client.path(project, "runs", run_id)

    assert client.request("DELETE", path, token=project["result_token"]).status_code == 204

    assert before["state"] == "running"
    assert before["current_stage"]["number"] == 2
    assert waiting > IN_FLIGHT
    assert client.request("GET", f"{path}/status", token=project["result_token"]).status_code == 403
    compared = set()

    def drained():
        compared.update(stored())
        return messages() == [0, 0]

    client.await_true(drained)
    client.await_true(lambda: stored() == [])
    assert errors_about(stack, run_id) == []
    assert len(compared) < CHUNKS - IN_FLIGHT // 2, "its chunks were compared all the same"
    assert client.request("GET", client.path(project, "runs"), token=project["result_token"]).json() == []
