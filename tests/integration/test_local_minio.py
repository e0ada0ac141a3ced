"""MinIO in the place of S3: events arrive after any outage, objects stay, secrets stay secret."""

import json
from urllib.parse import urlsplit

import boto3
import numpy as np
import psutil
import psycopg2
import pytest
import requests
from botocore.config import Config

from infra.local import processes
from infra.local.minio import bridge_server as bridge
from infra.local.minio import server as minio
from infra.local.minio.mirror import put_notifications
from infra.local.minio.program import build_minio
from infra.local.servers import free_port, localstack, postgres
from infra.local.servers.running import running
from infra.local.stack import LOCALSTACK, MINIO, StackFailed, delete_data, running_stack, start_stack, stop_stack
from infra.local.state import kept_dir, read_processes, read_stack
from linkage.store.events import manifest_keys
from tests.conftest import skip_without
from tests.e2e.client import Client, as_json, object_store
from tests.oracle import groups_of_anonlink, groups_of_result

LOOPBACK = {"127.0.0.1", "::1"}


@pytest.fixture(scope="module", autouse=True)
def _minio():
    skip_without(MINIO)
    build_minio()


def s3_of(url, credentials):
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=credentials[0],
        aws_secret_access_key=credentials[1],
        config=Config(s3={"addressing_style": "path"}),
    )


def aws_s3(stack):
    return s3_of(stack.aws_endpoint_url, ("test", "test"))


def sqs_of(url):
    return boto3.client(
        "sqs", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


def received(sqs, queue_url, count):
    keys = []

    def complete():
        answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            keys.extend(manifest_keys(message["Body"]))
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return len(set(keys)) >= count

    processes.wait_until(complete, patience_s=40)
    return set(keys)


def test_no_event_is_lost_while_localstack_the_bridge_or_minio_is_away(tmp_path):
    data, logs, webhook_port, sqs_port = tmp_path / "data", tmp_path / "logs", free_port(), free_port()
    data.mkdir()
    store = minio.prepare(data, bridge_url=bridge.webhook_url(webhook_port))
    first, again = (
        localstack.prepare(tmp_path / name, api_port=free_port(), port=sqs_port, services="sqs")
        for name in ("first", "again")
    )
    sqs = sqs_of(first.url)

    with running(first, logs):
        queue_url = sqs.create_queue(QueueName="intake")["QueueUrl"]
        to_queue = bridge.prepare(data, port=webhook_port, sqs_url=first.url, queue_url=queue_url)
        with running(to_queue, logs), running(store, logs):
            put(store, data, "0")
            assert received(sqs, queue_url, 1) == {"intake/p/0.json"}
    with running(store, logs):
        put(store, data, "1")  # neither LocalStack nor the bridge is there, and then MinIO ends
    with running(store, logs), running(to_queue, logs):
        put(store, data, "2")  # the bridge is back, LocalStack is not
        assert processes.wait_until(
            lambda: "cannot send an event to the queue" in (logs / "bridge.log").read_text(), 20
        )
        with running(again, logs):
            assert sqs.create_queue(QueueName="intake")["QueueUrl"] == queue_url
            put(store, data, "3")

            assert received(sqs, queue_url, 3) == {"intake/p/1.json", "intake/p/2.json", "intake/p/3.json"}
            assert processes.wait_until(lambda: undelivered(data) == [], 10)


def undelivered(data):
    return [file for file in (data / "events").rglob("*") if file.is_file()]


def put(store, data, name):
    """Put a manifest into a store that is set up as the stack sets it up at each start."""
    s3 = s3_of(store.url, minio.root_credentials(data))
    if not s3.list_buckets()["Buckets"]:
        s3.create_bucket(Bucket="store")
    rule = {"QueueArn": "arn:minio:sqs:us-east-1:INTAKE:webhook", "Events": ["s3:ObjectCreated:*"]}
    put_notifications(s3, "store", [rule])
    s3.put_object(Bucket="store", Key=f"intake/p/{name}.json", Body=b"{}")


@pytest.fixture(scope="module")
def parties():
    generator = np.random.default_rng(3)
    entities = generator.integers(0, 256, (40, 16), dtype=np.uint8)
    return [entities[generator.permutation(40)[:30]] for _ in range(2)]


def test_objects_and_rows_survive_a_stop_and_what_was_under_way_goes_on(tmp_path, parties):
    state = tmp_path / "stack"
    try:
        with running_stack(state, object_store=MINIO, progress=print) as stack:
            client = Client(stack.server_url)
            project = client.create_project()
            # Stopped before its event has arrived, or while it is worked on.
            announced = client.put_encodings(project, 0, "encodings.json", as_json(parties[0]), count=30, size=16)
            assert announced.status_code == 201, announced.text
            permit = client.permit(project, 1)
            run_id = client.post_run(project)
        with running_stack(state, object_store=MINIO, progress=print) as stack:
            client = Client(stack.server_url)
            assert client.describe(project)["parties_contributed"] == 1
            use_credentials_from_before(permit, stack)
            client.put_encodings(project, 1, "encodings.bin", parties[1].tobytes(), count=30, size=16)

            result = client.result_of(project, run_id)
    finally:
        stop_stack(state)
        delete_data(state)
    assert groups_of_result(result) == groups_of_anonlink(parties, 0.8)
    assert not (state / "kept").exists()


def use_credentials_from_before(permit, stack):
    upload = permit["upload"] | {"endpoint": urlsplit(stack.s3_endpoint_url).netloc}
    s3 = object_store(permit | {"upload": upload})
    s3.put_object(Bucket=upload["bucket"], Key=f"{upload['path']}/upload-test", Body=b"x")


def test_both_buckets_are_minios_as_the_template_says(stack_with, parties):
    stack = stack_with(MINIO)
    client = Client(stack.server_url)
    project = client.create_project()
    client.put_encodings(project, 0, "encodings.json", as_json(parties[0]), count=30, size=16)

    store, ours, unused = (
        stack.outputs["StoreBucket"],
        s3_of(stack.s3_endpoint_url, stack.s3_credentials),
        aws_s3(stack),
    )

    for bucket in (store, stack.outputs["UploadsBucket"]):
        assert unused.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
        assert requests.get(f"{stack.s3_endpoint_url}/{bucket}", timeout=10).status_code == 403
    client.await_true(lambda: ours.list_objects_v2(Bucket=store, Prefix="projects/")["KeyCount"] > 0)
    (notified,) = ours.get_bucket_notification_configuration(Bucket=store)["QueueConfigurations"]
    assert notified["Filter"]["Key"]["FilterRules"] == [{"Name": "prefix", "Value": "intake/"}]
    rules = ours.get_bucket_lifecycle_configuration(Bucket=store)["Rules"]
    assert {"parked/": 14}.items() <= {rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in rules}.items()


def test_no_secret_of_the_stack_is_in_a_log_or_seen_by_others(stack_with):
    stack = stack_with(MINIO)
    settings = stack.state / "object-store.json"
    users = json.loads(settings.read_text())["users"].values()
    data = kept_dir(stack.state)
    files = [settings, stack.state / "stack.json", *data.glob("*.secret")]
    secrets = [user["secret_access_key"] for user in users] + [file.read_text() for file in data.glob("*.secret")]
    assert len(secrets) > 5

    logs = "\n".join(log.read_text(errors="replace") for log in stack.logs_dir.rglob("*") if log.is_file())

    assert [secret[:4] for secret in secrets if secret in logs] == []
    assert [file.name for file in files if file.stat().st_mode & 0o077] == []
    commands = ["\0".join(psutil.Process(server.process.pid).cmdline()) for server in read_processes(stack.state)]
    assert [secret[:4] for secret in secrets if any(secret in command for command in commands)] == []
    assert all(secret not in repr(stack) for secret in secrets)


def test_every_server_listens_on_loopback_alone(stack_with):
    stack = stack_with(MINIO)
    by_name = {server.name: server.process.pid for server in read_processes(stack.state)}

    for name in ("minio", "bridge"):
        assert "127.0.0.1" in listens_on(by_name[name]) <= LOOPBACK, name


def listens_on(pid):
    """The addresses at which a process listens."""
    sockets = psutil.Process(pid).net_connections()
    return {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}


def test_a_stack_that_is_up_keeps_its_object_store(stack_with):
    stack = stack_with(MINIO)

    with pytest.raises(StackFailed, match="OBJECT_STORE=minio, not localstack: stop it first"):
        start_stack(stack.state, port=None, object_store=LOCALSTACK)
    assert read_stack(stack.state) is not None


def test_a_database_that_is_gone_is_not_replaced_by_an_empty_one(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "postgres").symlink_to(tmp_path / "gone")

    with pytest.raises(postgres.DataLost, match="is gone"):
        postgres.prepare(data)


def test_postgres_keeps_what_it_was_told_and_its_password(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for written in (False, True):
        with running(postgres.prepare(data), tmp_path / "logs") as server:
            connection = psycopg2.connect(server.url)
            with connection, connection.cursor() as cursor:
                if not written:
                    cursor.execute("CREATE TABLE kept AS SELECT 7 AS value")
                cursor.execute("SELECT value FROM kept")
                assert cursor.fetchone() == (7,)
            connection.close()
    postgres.delete_data(data)
    assert list(data.iterdir()) == []
