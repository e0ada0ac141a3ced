"""Rights of temporary credentials, and above all their limits, on MinIO and on LocalStack's S3.

Both hold session policies: MinIO by itself, LocalStack because our plugin makes it. Nothing here is stubbed: the
service issues the credentials, and the store is asked over HTTP.
"""

import contextlib
import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.stack import LOCALSTACK, MINIO
from linkage.adapters.credentials import Grant, StsCredentials, upload_policy
from linkage.adapters.objects import S3Objects
from linkage.errors import UploadRejected
from linkage.models import StoredFile
from tests.e2e.client import Client

MIB = 2**20
ONCE = Config(s3={"addressing_style": "path"}, signature_version="s3v4", retries={"total_max_attempts": 1})
ANONYMOUS = ONCE.merge(Config(signature_version=UNSIGNED))


@dataclass(frozen=True)
class Party:
    """A party's temporary credentials, and the place for its files."""

    endpoint_url: str
    bucket: str
    path: str
    credentials: dict

    def s3(self, config=ONCE):
        return s3_client(self.endpoint_url, self.credentials, config)

    def with_credentials(self, **changed):
        return replace(self, credentials=self.credentials | changed)

    def put(self, key, bucket=None):
        return self.s3().put_object(Bucket=bucket or self.bucket, Key=key, Body=b"x")


def s3_client(endpoint_url, credentials, config=ONCE):
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials.get("SessionToken"),
        config=config,
    )


def sts_client(stack, credentials):
    return boto3.client(
        "sts",
        endpoint_url=stack.s3_endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials.get("SessionToken"),
    )


@pytest.fixture(scope="module")
def client(each_stack):
    return Client(each_stack.server_url)


@pytest.fixture(scope="module")
def project(client):
    return client.create_project()


@pytest.fixture(scope="module")
def party(client, project):
    return party_of(client.permit(project, 0))


@pytest.fixture(scope="module")
def neighbour(client, project):
    """The other party of the project; it has put a file."""
    neighbour = party_of(client.permit(project, 1))
    neighbour.put(f"{neighbour.path}/secret")
    return neighbour


@pytest.fixture(scope="module")
def administrator(each_stack):
    key_id, secret = each_stack.s3_credentials
    credentials = {"AccessKeyId": key_id, "SecretAccessKey": secret}
    return s3_client(each_stack.s3_endpoint_url, credentials)


@pytest.fixture(scope="module")
def role(each_stack):
    """A function from a role's name in the template to the credentials of a function that has it."""

    def credentials(name):
        if each_stack.object_store == MINIO:
            return minio_user(each_stack, name)
        arn = deployed_role(each_stack, name)
        return aws(each_stack, "sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]

    return credentials


@pytest.fixture(scope="module")
def as_role(each_stack, role):
    return lambda name: s3_client(each_stack.s3_endpoint_url, role(name))


def minio_user(stack, name):
    users = json.loads((stack.state / "object-store.json").read_text())["users"]
    (user,) = [user for user in users.values() if user["access_key_id"] == f"linkage-{name}"]
    return {"AccessKeyId": user["access_key_id"], "SecretAccessKey": user["secret_access_key"]}


def aws(stack, service, config=None):
    return boto3.client(
        service,
        endpoint_url=stack.aws_endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )


def deployed_role(stack, name):
    resources = aws(stack, "cloudformation").describe_stack_resources(StackName="linkage")["StackResources"]
    (role_name,) = [each["PhysicalResourceId"] for each in resources if each["LogicalResourceId"] == name]
    return aws(stack, "iam").get_role(RoleName=role_name)["Role"]["Arn"]


def party_of(permit):
    upload = permit["upload"]
    return Party(f"http://{upload['endpoint']}", upload["bucket"], upload["path"], permit["credentials"])


def assert_refused(ask):
    with pytest.raises(ClientError) as refusal:
        ask()
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403, refusal.value


@pytest.mark.parametrize("name", ["upload-test", "encodings.json", "encodings.bin", "blocks.json", "a b+é/ü.bin"])
def test_a_party_may_put_what_it_likes_under_its_own_prefix(party, administrator, name):
    party.put(f"{party.path}/{name}")

    assert administrator.head_object(Bucket=party.bucket, Key=f"{party.path}/{name}")["ContentLength"] == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda s3, bucket, path: s3.get_object(Bucket=bucket, Key=f"{path}/own"),
        lambda s3, bucket, path: s3.head_object(Bucket=bucket, Key=f"{path}/own"),
        lambda s3, bucket, path: s3.copy_object(Bucket=bucket, Key=f"{path}/copy", CopySource=f"{bucket}/{path}/own"),
        lambda s3, bucket, path: s3.delete_object(Bucket=bucket, Key=f"{path}/own"),
        lambda s3, bucket, path: s3.list_objects_v2(Bucket=bucket, Prefix=f"{path}/"),
        lambda s3, bucket, path: s3.list_objects(Bucket=bucket),
        lambda s3, bucket, path: s3.list_object_versions(Bucket=bucket),
        lambda s3, bucket, path: s3.list_multipart_uploads(Bucket=bucket, Prefix=f"{path}/"),
        lambda s3, bucket, path: s3.head_bucket(Bucket=bucket),
        lambda s3, bucket, path: s3.list_buckets(),
        lambda s3, bucket, path: s3.create_bucket(Bucket="one-of-my-own"),
        lambda s3, bucket, path: s3.delete_bucket(Bucket=bucket),
        lambda s3, bucket, path: s3.get_bucket_policy(Bucket=bucket),
        lambda s3, bucket, path: s3.put_object_tagging(
            Bucket=bucket, Key=f"{path}/own", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}
        ),
    ],
    ids=[
        "get", "head", "copy", "delete", "list", "list old", "versions", "uploads", "head bucket", "buckets",
        "create bucket", "delete bucket", "policy", "tag",
    ],
)  # fmt: skip
def test_a_party_may_do_nothing_else_even_with_what_is_its_own(party, administrator, ask):
    party.put(f"{party.path}/own")

    assert_refused(lambda: ask(party.s3(), party.bucket, party.path))

    assert administrator.head_object(Bucket=party.bucket, Key=f"{party.path}/own")["ContentLength"] == 1


def test_deleting_many_at_once_deletes_none(party, administrator):
    party.put(f"{party.path}/own")

    with contextlib.suppress(ClientError):  # the one store refuses the request, the other each object
        answer = party.s3().delete_objects(Bucket=party.bucket, Delete={"Objects": [{"Key": f"{party.path}/own"}]})
        assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"]

    administrator.head_object(Bucket=party.bucket, Key=f"{party.path}/own")


@pytest.mark.parametrize(
    "place",
    [
        lambda party, neighbour: f"{neighbour.path}/encodings.json",
        lambda party, neighbour: f"{party.path}2/encodings.json",
        lambda party, neighbour: party.path,
        lambda party, neighbour: f"{party.path.rpartition('/')[0]}/encodings.json",
        lambda party, neighbour: "encodings.json",
        lambda party, neighbour: f"elsewhere/{party.path}/encodings.json",
    ],
    ids=["neighbour", "longer name", "prefix itself", "project", "top", "other root"],
)
def test_a_party_may_put_nowhere_else(party, neighbour, place):
    assert_refused(lambda: party.put(place(party, neighbour)))


def test_a_party_gets_at_nothing_of_its_neighbour(party, neighbour):
    key = {"Bucket": neighbour.bucket, "Key": f"{neighbour.path}/secret"}
    begun = neighbour.s3().create_multipart_upload(**key)["UploadId"]

    for ask in (
        lambda: party.s3().get_object(**key),
        lambda: party.s3().delete_object(**key),
        lambda: party.s3().copy_object(
            Bucket=party.bucket, Key=f"{party.path}/x", CopySource=f"{neighbour.bucket}/{key['Key']}"
        ),
        lambda: party.s3().upload_part(**key, UploadId=begun, PartNumber=1, Body=b"x"),
        lambda: party.s3().list_parts(**key, UploadId=begun),
        lambda: party.s3().abort_multipart_upload(**key, UploadId=begun),
    ):
        assert_refused(ask)
    neighbour.s3().abort_multipart_upload(**key, UploadId=begun)


def test_a_party_gets_at_nothing_in_the_store(party, each_stack, administrator):
    store = each_stack.outputs["StoreBucket"]
    administrator.put_object(Bucket=store, Key=f"{party.path}/there", Body=b"x")

    for ask in (
        lambda: party.put(f"{party.path}/x", bucket=store),
        lambda: party.put(f"intake/{party.path}.json", bucket=store),
        lambda: party.s3().get_object(Bucket=store, Key=f"{party.path}/there"),
        lambda: party.s3().list_objects_v2(Bucket=store, Prefix=party.path),
        lambda: party.s3().delete_object(Bucket=store, Key=f"{party.path}/there"),
    ):
        assert_refused(ask)
    administrator.delete_object(Bucket=store, Key=f"{party.path}/there")


def test_a_multipart_upload_of_64_mib_goes_on_with_refreshed_credentials(client, project, party, administrator):
    key = {"Bucket": party.bucket, "Key": f"{party.path}/large.bin"}
    part = bytes(16 * MIB)
    begun = party.s3().create_multipart_upload(**key)["UploadId"]
    sent = [party.s3().upload_part(**key, UploadId=begun, PartNumber=number, Body=part) for number in (1, 2)]

    refreshed = party_of(client.permit(project, 0))

    assert refreshed.credentials["AccessKeyId"] != party.credentials["AccessKeyId"]
    assert refreshed.path == party.path
    assert len(refreshed.s3().list_parts(**key, UploadId=begun)["Parts"]) == 2
    sent += [refreshed.s3().upload_part(**key, UploadId=begun, PartNumber=number, Body=part) for number in (3, 4)]
    parts = [{"PartNumber": number, "ETag": each["ETag"]} for number, each in enumerate(sent, start=1)]
    refreshed.s3().complete_multipart_upload(**key, UploadId=begun, MultipartUpload={"Parts": parts})
    assert administrator.head_object(**key)["ContentLength"] == 64 * MIB
    administrator.delete_object(**key)


def test_a_party_may_abort_its_own_upload(party):
    key = {"Bucket": party.bucket, "Key": f"{party.path}/given-up.bin"}
    begun = party.s3().create_multipart_upload(**key)["UploadId"]

    party.s3().abort_multipart_upload(**key, UploadId=begun)

    with pytest.raises(ClientError, match="NoSuchUpload"):
        party.s3().upload_part(**key, UploadId=begun, PartNumber=1, Body=b"x")


def test_the_service_aborts_the_uploads_under_a_prefix_and_no_others(party, neighbour, as_role):
    begun = [
        (place, place.s3().create_multipart_upload(Bucket=place.bucket, Key=f"{place.path}/half")["UploadId"])
        for place in (party, neighbour)
    ]
    sweeping = S3Objects(as_role("DeleteRole"))

    assert sweeping.abort_multipart_uploads(party.bucket, f"{party.path}/") == 1

    (aborted, begun_by_party), (kept, begun_by_neighbour) = begun
    with pytest.raises(ClientError, match="NoSuchUpload"):
        aborted.s3().list_parts(Bucket=aborted.bucket, Key=f"{aborted.path}/half", UploadId=begun_by_party)
    kept.s3().list_parts(Bucket=kept.bucket, Key=f"{kept.path}/half", UploadId=begun_by_neighbour)
    assert sweeping.abort_multipart_uploads(neighbour.bucket, f"{neighbour.path}/") == 1
    assert sweeping.abort_multipart_uploads(party.bucket, f"{party.path}/") == 0


@pytest.mark.parametrize(
    "forge",
    [
        lambda party, neighbour: party.with_credentials(SessionToken="garbage"),
        lambda party, neighbour: party.with_credentials(SessionToken=None),
        lambda party, neighbour: party.with_credentials(SessionToken=neighbour.credentials["SessionToken"]),
        lambda party, neighbour: party.with_credentials(SessionToken=party.credentials["SessionToken"][:-4] + "AAAA"),
        lambda party, neighbour: party.with_credentials(SecretAccessKey="garbage"),
        lambda party, neighbour: party.with_credentials(AccessKeyId="ASIAGARBAGEGARBAGE00"),
        lambda party, neighbour: party.with_credentials(AccessKeyId="garbage", SessionToken=None),
    ],
    ids=["garbage", "none", "another's", "altered", "secret", "key", "permanent"],
)
def test_credentials_that_were_not_issued_are_refused(party, neighbour, forge):
    assert_refused(lambda: forge(party, neighbour).put(f"{party.path}/x"))


def test_who_shows_no_credentials_is_refused(party, administrator):
    party.put(f"{party.path}/own")
    key = {"Bucket": party.bucket, "Key": f"{party.path}/own"}

    assert_refused(lambda: party.s3(ANONYMOUS).get_object(**key))
    assert_refused(lambda: party.s3(ANONYMOUS).put_object(**key, Body=b"y"))
    assert requests.get(f"{party.endpoint_url}/{party.bucket}/{party.path}/own", timeout=30).status_code == 403


def test_a_presigned_url_allows_what_its_signer_may_and_no_more(party, neighbour):
    def presigned(path):
        return party.s3().generate_presigned_url("put_object", Params={"Bucket": party.bucket, "Key": f"{path}/x"})

    assert requests.put(presigned(party.path), data=b"x", timeout=30).status_code == 200
    assert requests.put(presigned(neighbour.path), data=b"x", timeout=30).status_code == 403
    moved = presigned(party.path).replace(party.path, neighbour.path)
    assert requests.put(moved, data=b"x", timeout=30).status_code == 403
    for name in ("X-Amz-Security-Token", "X-Amz-Signature"):
        tampered = presigned(party.path).replace(f"{name}=", f"{name}=0")
        assert requests.put(tampered, data=b"x", timeout=30).status_code == 403, name


def test_who_may_read_one_object_can_do_nothing_else(each_stack, role, administrator):
    store, key = each_stack.outputs["StoreBucket"], "projects/p/runs/r/result-scores.bin"
    for name in (key, f"{key}2", "projects/p/runs/other/result-scores.bin"):
        administrator.put_object(Bucket=store, Key=name, Body=b"scores")
    grant = Grant(deployed_role(each_stack, "DownloadRole"), store)
    sts = sts_client(each_stack, role("ApiRole"))
    issued = StsCredentials(sts, uploads=grant, downloads=grant, duration_s=900).issue_for_download(
        key, session_name="test"
    )
    s3 = s3_client(
        each_stack.s3_endpoint_url,
        {
            "AccessKeyId": issued.access_key_id,
            "SecretAccessKey": issued.secret_access_key,
            "SessionToken": issued.session_token,
        },
    )

    assert s3.get_object(Bucket=store, Key=key)["Body"].read() == b"scores"
    for ask in (
        lambda: s3.get_object(Bucket=store, Key=f"{key}2"),
        lambda: s3.get_object(Bucket=store, Key="projects/p/runs/other/result-scores.bin"),
        lambda: s3.list_objects_v2(Bucket=store, Prefix="projects/p/"),
        lambda: s3.put_object(Bucket=store, Key=key, Body=b"x"),
        lambda: s3.delete_object(Bucket=store, Key=key),
    ):
        assert_refused(ask)


RESULT = "projects/p/runs/r/result"


def test_the_service_presigns_results_for_anybody_to_read(as_role, each_stack, administrator):
    store = each_stack.outputs["StoreBucket"]
    administrator.put_object(Bucket=store, Key=RESULT, Body=b"result")

    url = S3Objects(as_role("ApiRole")).presign(store, RESULT, expires_s=60)

    answer = requests.get(url, timeout=30)
    assert (answer.status_code, answer.content) == (200, b"result")
    assert answer.headers["Content-Type"] == "application/json"
    assert requests.put(url, data=b"x", timeout=30).status_code == 403
    administrator.delete_object(Bucket=store, Key=RESULT)


def test_a_function_may_do_what_the_template_says_and_no_more(as_role, each_stack, administrator):
    uploads, store = each_stack.outputs["UploadsBucket"], each_stack.outputs["StoreBucket"]
    raw, result = {"Bucket": uploads, "Key": "p/party/raw"}, {"Bucket": store, "Key": RESULT}
    encodings = {"Bucket": store, "Key": "projects/p/party/upload/encodings.bin"}
    for each in (raw, result, encodings):
        administrator.put_object(**each, Body=b"x")

    as_role("CompareRole").get_object(**encodings)
    as_role("CompareRole").put_object(**result, Body=b"x")
    as_role("IntakeRole").get_object(**raw)
    as_role("ApiRole").get_object(**result)
    for ask in (
        lambda: as_role("CompareRole").get_object(**raw),
        lambda: as_role("CompareRole").delete_object(**result),
        lambda: as_role("CompareRole").put_object(**encodings, Body=b"x"),
        lambda: as_role("PlanRole").put_object(Bucket=store, Key="intake/p/u.json", Body=b"x"),
        lambda: as_role("SolveRole").delete_object(**encodings),
        lambda: as_role("DeleteRole").get_object(**result),
        lambda: as_role("ReconcileRole").get_object(**encodings),
        lambda: as_role("ApiRole").get_object(**encodings),
        lambda: as_role("ApiRole").put_object(**result, Body=b"x"),
        lambda: as_role("ApiRole").delete_object(**result),
    ):
        assert_refused(ask)
    for each in (raw, result, encodings):
        as_role("DeleteRole").delete_object(**each)


def test_the_first_to_put_wins_and_a_changed_object_is_not_read(administrator, each_stack):
    objects, bucket = S3Objects(administrator), each_stack.outputs["StoreBucket"]
    objects.delete(bucket, ["runs/first"])

    assert objects.put_if_absent(bucket, "runs/first", b"first")
    assert not objects.put_if_absent(bucket, "runs/first", b"second")
    assert objects.get(bucket, "runs/first") == b"first"
    head = objects.head(bucket, "runs/first")
    pinned = StoredFile(bucket=bucket, key="runs/first", etag=head.etag, size_bytes=5)
    with objects.open(pinned) as body:
        assert body.read() == b"first"
    objects.put(bucket, "runs/first", b"changed")
    with pytest.raises(UploadRejected, match="changed"), objects.open(pinned):
        pass
    objects.delete(bucket, ["runs/first"])
    with pytest.raises(UploadRejected, match="removed"), objects.open(pinned):
        pass


def test_expired_credentials_are_refused_by_localstack(stack_with):
    """Its STS issues credentials for two seconds, if boto3 lets the request pass; no other does."""
    stack = stack_with(LOCALSTACK)
    sts = aws(stack, "sts", Config(parameter_validation=False))
    assert_expires(stack, sts, deployed_role(stack, "UploadRole"), duration_s=2)


@pytest.mark.slow
def test_expired_credentials_are_refused_by_minio(stack_with):
    """STS gives no less than 900 s, so this waits as long."""
    stack = stack_with(MINIO)
    sts = sts_client(stack, minio_user(stack, "ApiRole"))
    assert_expires(stack, sts, deployed_role(stack, "UploadRole"), duration_s=900)


def assert_expires(stack, sts, role_arn, *, duration_s):
    uploads = stack.outputs["UploadsBucket"]
    issued = sts.assume_role(
        RoleArn=role_arn,
        RoleSessionName="brief",
        DurationSeconds=duration_s,
        Policy=upload_policy(f"arn:aws:s3:::{uploads}", "brief/party"),
    )["Credentials"]
    s3 = s3_client(stack.s3_endpoint_url, issued)
    s3.put_object(Bucket=uploads, Key="brief/party/x", Body=b"x")
    time.sleep((issued["Expiration"] - datetime.now(UTC)).total_seconds() + 1)

    assert_refused(lambda: s3.put_object(Bucket=uploads, Key="brief/party/x", Body=b"x"))
