"""The adapters for S3, SQS and STS, each alone, on moto."""

import json

import boto3
import numpy as np
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from linkage.adapters import multipart
from linkage.adapters.credentials import Grant, StsCredentials, download_policy, upload_policy
from linkage.adapters.objects import S3Objects
from linkage.adapters.queues import SqsQueues
from linkage.errors import UploadRejected
from linkage.messages import CompareChunk, PlanRun
from linkage.models import DeadLetter

BUCKET = "bucket"


class Interrupted(Exception):
    """Whoever writes is interrupted."""


@pytest.fixture(scope="module")
def session():
    """One for all: a session reads AWS's descriptions of its services, which are large, once."""
    return boto3.Session("test", "test", region_name="us-east-1")


@pytest.fixture(autouse=True)
def aws(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


@pytest.fixture
def s3(session):
    client = session.client("s3")
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def objects(s3):
    return S3Objects(s3)


def test_what_is_put_is_got(objects):
    stored = objects.put(BUCKET, "a", b"0123456789")

    assert objects.get(BUCKET, "a") == b"0123456789"
    assert objects.get_range(BUCKET, "a", 2, 5) == b"234"
    assert objects.get_range(BUCKET, "a", 5, 5) == b""
    assert (objects.head(BUCKET, "a").etag, stored.size_bytes) == (stored.etag, 10)


def test_what_is_not_there(objects):
    assert objects.get(BUCKET, "a") is None
    assert objects.head(BUCKET, "a") is None
    objects.delete(BUCKET, ["a"])
    with pytest.raises(ClientError):
        objects.get_range(BUCKET, "a", 0, 1)


def test_a_range_beyond_the_end_is_an_error(objects):
    objects.put(BUCKET, "a", b"012")

    with pytest.raises(EOFError):
        objects.get_range(BUCKET, "a", 0, 4)


def test_other_errors_are_not_taken_for_absence(objects):
    for ask in (lambda: objects.get("nowhere", "a"), lambda: objects.put_if_absent("nowhere", "a", b"")):
        with pytest.raises(ClientError):
            ask()


def test_the_first_one_stored_wins(objects):
    assert objects.put_if_absent(BUCKET, "a", b"first") is True
    assert objects.put_if_absent(BUCKET, "a", b"second") is False
    assert objects.get(BUCKET, "a") == b"first"


def test_a_pinned_object_that_changed_or_went_is_refused(objects):
    pinned = objects.put(BUCKET, "a", b"first")
    with objects.open(pinned) as stream:
        assert stream.read() == b"first"
    objects.put(BUCKET, "a", b"second")
    with pytest.raises(UploadRejected, match="changed"), objects.open(pinned):
        pass
    objects.delete(BUCKET, ["a"])
    with pytest.raises(UploadRejected, match="removed"), objects.open(pinned):
        pass


def test_metadata_is_read_in_lower_case(objects, s3):
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"", Metadata={"Hash-Count": "5"})

    assert objects.head(BUCKET, "a").metadata["hash-count"] == "5"


def test_more_objects_than_a_page_holds(objects):
    kept = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]  # a thousand requests would take most of the test's time
    for number in range(1005):
        kept.put_object(BUCKET, f"many/{number:04d}", b"x")
    objects.put(BUCKET, "other", b"x")

    keys = [entry.key for entry in objects.list(BUCKET, "many/")]
    assert keys == [f"many/{number:04d}" for number in range(1005)]
    objects.delete(BUCKET, iter(keys))
    assert [entry.key for entry in objects.list(BUCKET, "")] == ["other"]


def test_multipart_uploads_are_aborted(objects, s3):
    for key in ("a/1", "a/2", "b/1"):
        s3.create_multipart_upload(Bucket=BUCKET, Key=key)

    assert objects.abort_multipart_uploads(BUCKET, "a/") == 2
    assert [upload["Key"] for upload in s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]] == ["b/1"]


PIECES = [b"", b"ab", bytearray(b"cdefg"), memoryview(b"hijklmnop"), np.arange(6, dtype="<u2").reshape(2, 3).data, b"z"]
WRITTEN = b"".join(bytes(piece) for piece in PIECES)


@pytest.mark.parametrize("part_bytes", [1, 2, 5, len(WRITTEN), 100])
def test_an_object_written_in_pieces_is_whole_whatever_the_pieces(objects, s3, monkeypatch, part_bytes):
    monkeypatch.setattr(multipart, "PART_BYTES", part_bytes)
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 1)

    with objects.writer(BUCKET, "a") as writer:
        assert [writer.write(piece) for piece in PIECES] == [0, 2, 5, 9, 12, 1]
        assert objects.get(BUCKET, "a") is None

    assert objects.get(BUCKET, "a") == WRITTEN
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


def test_an_object_that_nothing_is_written_to_is_empty(objects):
    with objects.writer(BUCKET, "a"):
        pass

    assert objects.get(BUCKET, "a") == b""


def write_half(objects):
    with objects.writer(BUCKET, "a") as writer:
        writer.write(b"abcdefg")
        raise ZeroDivisionError


@pytest.mark.parametrize("part_bytes", [2, 100])
def test_an_object_whose_writing_ended_in_an_error_is_not_there_nor_any_part_of_it(
    objects, s3, monkeypatch, part_bytes
):
    monkeypatch.setattr(multipart, "PART_BYTES", part_bytes)
    objects.put(BUCKET, "a", b"before")

    with pytest.raises(ZeroDivisionError):
        write_half(objects)

    assert objects.get(BUCKET, "a") == b"before"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


def test_an_object_that_cannot_be_completed_is_an_error_and_leaves_no_part(objects, s3, monkeypatch):
    monkeypatch.setattr(multipart, "PART_BYTES", 2)  # S3 takes no parts as small as that

    with pytest.raises(ClientError, match="EntityTooSmall"), objects.writer(BUCKET, "a") as writer:
        writer.write(b"abcdefg")

    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


def test_a_presigned_url_names_the_object_and_ends(objects):
    url = objects.presign(BUCKET, "a", expires_s=60)

    assert "/a?" in url
    assert "Expires" in url


@pytest.fixture
def queues(session):
    client = session.client("sqs")
    urls = {name: client.create_queue(QueueName=name)["QueueUrl"] for name in ("plan", "compare")}
    dead = {name: client.create_queue(QueueName=f"{name}-dead")["QueueUrl"] for name in ("plan", "compare")}
    return SqsQueues(client, urls, dead), client, urls, dead


def waiting(client, url):
    bodies = []
    while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [message["Body"] for message in messages]
    return bodies


def test_messages_go_to_the_queue_of_their_type_however_many(queues):
    adapter, client, urls, _ = queues
    chunks = [CompareChunk(project_id="p", run_id="r", chunk=number) for number in range(25)]

    adapter.send(PlanRun(project_id="p", run_id="r"), *chunks)

    assert (
        sorted(map(CompareChunk.model_validate_json, waiting(client, urls["compare"])), key=lambda m: m.chunk) == chunks
    )
    assert waiting(client, urls["plan"]) == ['{"project_id":"p","run_id":"r"}']


def test_nothing_to_send_sends_nothing(queues):
    queues[0].send()


def test_dead_letters_are_each_seen_once_and_removed_once_they_are_dropped(queues):
    adapter, client, _, dead = queues
    for number in range(12):
        client.send_message(QueueUrl=dead["compare"], MessageBody=str(number))
    client.send_message(QueueUrl=dead["plan"], MessageBody="plan")

    letters = list(adapter.dead_letters())
    for letter in letters:
        adapter.drop(letter)

    seen = sorted((letter.worker, letter.body) for letter in letters)
    assert seen == sorted([("plan", "plan"), *(("compare", str(number)) for number in range(12))])
    assert list(adapter.dead_letters()) == []


def test_a_dead_letter_that_is_not_dropped_stays(queues):
    adapter, client, _, dead = queues
    client.set_queue_attributes(QueueUrl=dead["plan"], Attributes={"VisibilityTimeout": "0"})
    client.send_message(QueueUrl=dead["plan"], MessageBody="plan")

    assert list(adapter.dead_letters()) == [DeadLetter("plan", "plan")]
    assert list(adapter.dead_letters()) == [DeadLetter("plan", "plan")]


@pytest.mark.parametrize(
    "issue",
    [
        lambda issuer: issuer.issue_for_upload("project/party", session_name="party"),
        lambda issuer: issuer.issue_for_download("project/runs/run/result", session_name="run"),
    ],
)
def test_credentials_are_temporary_and_not_shown(session, issue):
    role = session.client("iam").create_role(RoleName="upload", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    sts, grant = session.client("sts"), Grant(role, "uploads")
    issuer = StsCredentials(sts, uploads=grant, downloads=grant, duration_s=3600)

    credentials = issue(issuer)

    assert credentials.session_token
    assert credentials.expiration.tzinfo is None
    assert credentials.secret_access_key not in repr(credentials)
    assert credentials.session_token not in repr(credentials)


def test_the_session_policy_allows_nothing_else_and_fits():
    policy = upload_policy(f"arn:aws:s3:::{'u' * 63}", f"{'p' * 48}/{'q' * 48}")

    (statement,) = json.loads(policy)["Statement"]
    assert set(statement["Action"]) == {"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}
    assert statement["Resource"] == f"arn:aws:s3:::{'u' * 63}/{'p' * 48}/{'q' * 48}/*"
    assert len(policy) < 2048


def test_a_session_policy_names_its_bucket_in_the_partition_of_its_role():
    assert Grant("arn:aws-cn:iam::1:role/upload", "uploads").bucket_arn == "arn:aws-cn:s3:::uploads"


def test_the_session_policy_for_a_download_opens_one_object_for_reading():
    policy = download_policy("arn:aws:s3:::store", "projects/p/runs/r/result-scores.bin")

    (statement,) = json.loads(policy)["Statement"]
    assert statement["Action"] == ["s3:GetObject"]
    assert statement["Resource"] == "arn:aws:s3:::store/projects/p/runs/r/result-scores.bin"


def test_a_multipart_upload_that_is_gone_is_aborted_without_a_word(objects, s3, monkeypatch, caplog):
    """A worker writes in parts while a deletion aborts them, and each may be the faster one."""
    monkeypatch.setattr(multipart, "PART_BYTES", 5 * 2**20)
    s3.create_multipart_upload(Bucket=BUCKET, Key="a/1")
    gone = AWSResponse("", 404, {}, None), {"Error": {"Code": "NoSuchUpload", "Message": "gone"}}
    s3.meta.events.register("before-call.s3.AbortMultipartUpload", lambda **_: gone)

    def write_and_fail():
        with objects.writer(BUCKET, "a/2") as writer:
            writer.write(bytes(6 * 2**20))
            raise Interrupted

    assert objects.abort_multipart_uploads(BUCKET, "a/") == 1
    with pytest.raises(Interrupted):
        write_and_fail()

    assert caplog.records == []
