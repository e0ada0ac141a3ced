"""One message that fails does not take its neighbours down, and is tried again soon."""

import io
import json

import boto3
import pytest
from moto import mock_aws

from functions import batch
from linkage.messages import PlanRun
from tests.driving import sqs_record

GOOD = PlanRun(project_id="p", run_id="r").model_dump_json()


@pytest.fixture(autouse=True)
def retried(monkeypatch):
    """The messages that are to be tried again soon."""
    records = []
    monkeypatch.setattr(batch, "_retry_soon", records.append)
    return records


def record(number, body):
    return sqs_record("plan", body) | {"messageId": str(number)}


@pytest.mark.parametrize("broken", ["", "nonsense", "{}", "[]", GOOD[:-1] + ',"more":1}', "null"])
def test_a_broken_message_fails_alone(broken, retried):
    done = []

    answer = batch.for_each_message(
        {"Records": [record(1, GOOD), record(2, broken), record(3, GOOD)]}, PlanRun, done.append
    )

    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert len(done) == 2
    assert [each["messageId"] for each in retried] == ["2"]


def test_a_worker_that_fails_is_reported(retried):
    def fail(_message):
        raise RuntimeError

    answer = batch.for_each_message({"Records": [record(1, GOOD)]}, PlanRun, fail)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert len(retried) == 1


def test_logs_are_json_and_name_the_run(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(batch.logger.registered_handler, "stream", log)
    batch.for_each_message({"Records": [record(1, GOOD)]}, PlanRun, lambda _message: None)

    line = json.loads(log.getvalue().splitlines()[-1])
    assert (line["project_id"], line["run_id"], line["message_id"]) == ("p", "r", "1")


@pytest.mark.parametrize(("received", "delay_s"), [(1, 2), (2, 10), (3, 60), (4, 300), (5, 900), (9, 900)])
def test_the_longer_a_message_fails_the_later_it_comes_back(received, delay_s, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        sqs = boto3.client("sqs")
        url = sqs.create_queue(QueueName="plan", Attributes={"VisibilityTimeout": "5400"})["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="nonsense")
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        delays = []
        monkeypatch.setattr(batch, "_sqs", lambda: sqs)
        monkeypatch.setattr(sqs, "change_message_visibility", lambda **call: delays.append(call["VisibilityTimeout"]))

        sent = sqs_record("plan", "nonsense", received=received) | {"receiptHandle": message["ReceiptHandle"]}
        batch.for_each_message({"Records": [sent]}, PlanRun, lambda _message: None)

        assert delays == [delay_s]
