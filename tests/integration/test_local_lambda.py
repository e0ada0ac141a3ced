"""LocalStack with our executor: its differences from AWS are mended."""

import io
import json
import time
import zipfile

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/any"


@pytest.fixture(scope="module")
def aws(stack):
    def client(service):
        return boto3.client(
            service,
            endpoint_url=stack.aws_endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    return client


@pytest.fixture
def function(aws, request):
    """A function from code to the name of a deployed function."""
    made = []

    def deploy(code, **settings):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("probe.py", code)
        name = f"probe-{request.node.name[:40]}-{len(made)}"
        aws("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler="probe.handler",
            Code={"ZipFile": packed.getvalue()},
            **settings,
        )
        aws("lambda").get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        made.append(name)
        return name

    yield deploy
    for name in made:
        aws("lambda").delete_function(FunctionName=name)


def test_payloads_beyond_lambdas_limit_are_refused(aws, function):
    name = function("def handler(event, context): return len(event)")
    limit = 6_291_456

    answer = aws("lambda").invoke(FunctionName=name, Payload=json.dumps("x" * (limit - 2)).encode())
    assert json.loads(answer["Payload"].read()) == limit - 2
    with pytest.raises(ClientError, match=r"RequestTooLarge|RequestEntityTooLarge"):
        aws("lambda").invoke(FunctionName=name, Payload=json.dumps("x" * (limit - 1)).encode())


def test_a_queues_batches_run_side_by_side_up_to_the_maximum(aws, function):
    sqs = aws("sqs")
    queue, answers = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("probe-in", "probe-out"))
    name = function(
        f"""
import boto3, json, time
def handler(event, context):
    began = time.time()
    time.sleep(1)
    boto3.client("sqs").send_message(QueueUrl={answers!r}, MessageBody=json.dumps((began, time.time())))
"""
    )
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = aws("lambda").create_event_source_mapping(
        FunctionName=name, EventSourceArn=arn, BatchSize=1, ScalingConfig={"MaximumConcurrency": 3}
    )
    for number in range(9):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))

    spans = []
    deadline = time.monotonic() + 40
    while len(spans) < 9 and time.monotonic() < deadline:
        messages = sqs.receive_message(QueueUrl=answers, MaxNumberOfMessages=10, WaitTimeSeconds=2).get("Messages", [])
        spans += [json.loads(message["Body"]) for message in messages]
        for message in messages:
            sqs.delete_message(QueueUrl=answers, ReceiptHandle=message["ReceiptHandle"])
    aws("lambda").delete_event_source_mapping(UUID=mapping["UUID"])

    together = max(sum(began <= moment < ended for began, ended in spans) for moment, _ in spans)
    assert len(spans) == 9
    assert together == 3


def test_a_message_that_fails_for_good_ends_among_the_dead_letters_and_its_neighbours_do_not(aws, function):
    sqs = aws("sqs")
    dead = sqs.create_queue(QueueName="probe-dead")["QueueUrl"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    queue = sqs.create_queue(
        QueueName="probe-partial", Attributes={"VisibilityTimeout": "1", "RedrivePolicy": redrive}
    )["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    name = function(
        """
def handler(event, context):
    failed = [r["messageId"] for r in event["Records"] if r["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
""",
        Timeout=1,
    )
    mapping = aws("lambda").create_event_source_mapping(
        FunctionName=name, EventSourceArn=arn, BatchSize=10, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    entries = [{"Id": str(n), "MessageBody": "bad" if n == 1 else "good"} for n in range(3)]
    sqs.send_message_batch(QueueUrl=queue, Entries=entries)

    letters = []
    deadline = time.monotonic() + 30
    while not letters and time.monotonic() < deadline:
        letters = sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=2).get("Messages", [])
    aws("lambda").delete_event_source_mapping(UUID=mapping["UUID"])

    assert [letter["Body"] for letter in letters] == ["bad"]
