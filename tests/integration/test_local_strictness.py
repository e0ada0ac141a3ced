"""The local S3 refuses what AWS's refuses, beyond permissions: the form of requests, and headers that ask for more.

Each case is sent to both stores. What MinIO takes beyond S3 is named here, and listed in `infra/local/README.md`.
"""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import botocore.auth
import pytest
import requests
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from infra.local.stack import LOCALSTACK, MINIO
from tests.e2e.client import Client
from tests.integration.test_local_credentials import ONCE, aws, deployed_role, party_of

TOKEN = "0123456789abcdef" * 3
BODY = b"x"
NOW = timedelta(0)


@pytest.fixture(scope="module")
def party(each_stack):
    client = Client(each_stack.server_url)
    party = party_of(client.permit(client.create_project(), 0))
    party.put(f"{party.path}/own")
    return party


class Sender:
    """Signs requests of a party by hand, so that each can be wrong in one thing."""

    def __init__(self, party, monkeypatch):
        self.party, self.monkeypatch = party, monkeypatch
        self.credentials = Credentials(
            party.credentials["AccessKeyId"], party.credentials["SecretAccessKey"], party.credentials["SessionToken"]
        )

    def url(self, key="own", query=""):
        return f"{self.party.endpoint_url}/{self.party.bucket}/{self.party.path}/{key}{query}"

    def _at(self, offset):
        self.monkeypatch.setattr(
            botocore.auth, "get_current_datetime", lambda **_: datetime.now(UTC).replace(tzinfo=None) + offset
        )

    def presign(self, method="PUT", *, headers=None, expires_s=60, offset=NOW, key="own"):
        request = AWSRequest(method, self.url(key), headers=headers or {})
        self._at(offset)
        S3SigV4QueryAuth(self.credentials, "s3", "us-east-1", expires=expires_s).add_auth(request)
        return request.url

    def send(
        self, method="PUT", *, headers=None, beside=None, body=BODY, sent=None, offset=NOW, service="s3", query="",
        key="own",
    ):  # fmt: skip
        """Sign a request; send it with headers beside the signed ones, or another body."""
        request = AWSRequest(method, self.url(key, query), headers=headers or {}, data=body)
        self._at(offset)
        S3SigV4Auth(self.credentials, service, "us-east-1").add_auth(request)
        return self.put(request.url, dict(request.headers) | (beside or {}), body if sent is None else sent, method)

    @staticmethod
    def put(url, headers=None, body=BODY, method="PUT"):
        return requests.request(method, url, headers=headers, data=body, timeout=30)


@pytest.fixture
def sender(party, monkeypatch):
    return Sender(party, monkeypatch)


def presigned_beside(authorization):
    return lambda sender: sender.put(sender.presign(), {"Authorization": authorization})


def with_header(name, value):
    """A write with one more header, which is signed."""
    return lambda sender: sender.send(headers={name: value})


def multipart_with(name, value):
    return lambda sender: sender.send("POST", headers={name: value}, body=b"", query="?uploads=")


def md5(body):
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def key_of(size_bytes, party):
    """The rest of a key of a size, in pieces that MinIO can name files."""
    return "/".join(["k" * 100] * 11)[1 : size_bytes - len(party.path)]


def chunked(sender):
    return sender.put(sender.presign(), body=iter([BODY]))


RETAINED = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
REFUSED = {
    "presigned and a bare token": (presigned_beside(TOKEN), 400, "InvalidArgument"),
    "presigned and Bearer": (presigned_beside("Bearer x"), 400, "InvalidArgument"),
    "presigned and Basic": (presigned_beside("Basic eDp5"), 400, "InvalidArgument"),
    "presigned and nothing": (presigned_beside(""), 400, "InvalidArgument"),
    "presigned and signed": (
        lambda sender: sender.put(sender.presign(), {"Authorization": "AWS4-HMAC-SHA256 Credential=x"}),
        400,
        "InvalidArgument",
    ),
    "Bearer": (lambda sender: sender.put(sender.url(), {"Authorization": "Bearer x"}), 400, "InvalidArgument"),
    "version 2": (lambda sender: sender.put(sender.url(), {"Authorization": "AWS a:b"}), 400, "InvalidRequest"),
    "presigned by version 2": (
        lambda sender: sender.put(
            sender.url(query=f"?AWSAccessKeyId={sender.credentials.access_key}&Signature=x&Expires=9999999999")
        ),
        400,
        "InvalidRequest",
    ),
    "acl": (with_header("x-amz-acl", "bucket-owner-full-control"), 403, "AccessDenied"),
    "private acl": (with_header("x-amz-acl", "private"), 403, "AccessDenied"),
    "public acl": (with_header("x-amz-acl", "public-read"), 403, "AccessDenied"),
    "grant": (
        with_header("x-amz-grant-read", 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'),
        403,
        "AccessDenied",
    ),
    "tags": (with_header("x-amz-tagging", "a=b"), 403, "AccessDenied"),
    "retention": (
        lambda sender: sender.send(
            headers={"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": RETAINED}
        ),
        403,
        "AccessDenied",
    ),
    "legal hold": (with_header("x-amz-object-lock-legal-hold", "ON"), 403, "AccessDenied"),
    "key of KMS": (with_header("x-amz-server-side-encryption", "aws:kms"), 403, "AccessDenied"),
    "parts with an acl": (multipart_with("x-amz-acl", "public-read"), 403, "AccessDenied"),
    "parts with tags": (multipart_with("x-amz-tagging", "a=b"), 403, "AccessDenied"),
    "presigned acl": (
        lambda sender: sender.put(sender.presign(headers={"x-amz-acl": "public-read"}), {"x-amz-acl": "public-read"}),
        403,
        "AccessDenied",
    ),
    "acl beside presigned": (
        lambda sender: sender.put(sender.presign(), {"x-amz-acl": "private"}),
        403,
        "AccessDenied",
    ),
    "unsigned header": (lambda sender: sender.send(beside={"x-amz-meta-a": "b"}), 403, "AccessDenied"),
    "16 minutes late": (lambda sender: sender.send(offset=-timedelta(minutes=16)), 403, "RequestTimeTooSkewed"),
    "16 minutes early": (lambda sender: sender.send(offset=timedelta(minutes=16)), 403, "RequestTimeTooSkewed"),
    "expired": (lambda sender: sender.put(sender.presign(offset=-timedelta(minutes=2))), 403, "AccessDenied"),
    "not yet valid": (lambda sender: sender.put(sender.presign(offset=timedelta(hours=1))), 403, "AccessDenied"),
    "valid for eight days": (
        lambda sender: sender.put(sender.presign(expires_s=8 * 24 * 3600)),
        400,
        "AuthorizationQueryParametersError",
    ),
    "of another service": (lambda sender: sender.send(service="sts"), 400, "AuthorizationHeaderMalformed"),
    "another body": (lambda sender: sender.send(sent=b"y"), 400, "XAmzContentSHA256Mismatch"),
    "another body by MD5": (with_header("Content-MD5", md5(b"y")), 400, "BadDigest"),
    "MD5 that is none": (with_header("Content-MD5", "x"), 400, "InvalidDigest"),
    "a body of unknown length": (chunked, 501, "NotImplemented"),
    "key of 1,025 bytes": (
        lambda sender: sender.send(key=key_of(1025, sender.party)),
        400,
        "KeyTooLongError",
    ),
    "metadata above 2 KB": (with_header("x-amz-meta-a", "b" * 2048), 400, "MetadataTooLarge"),
}
# It has no ACLs, and ignores them; tags are kept, and nobody reads them.
MINIO_TAKES = {
    "presigned and a bare token",
    "presigned and Basic",
    "presigned and nothing",
    "acl",
    "private acl",
    "public acl",
    "grant",
    "tags",
    "parts with an acl",
    "parts with tags",
    "presigned acl",
    "acl beside presigned",
    "unsigned header",
}
MINIO_REFUSES = {"encrypted", "metadata of 2 KB"}
"""It has no key server, and counts the prefix of names of metadata too."""


@pytest.mark.parametrize("case", REFUSED)
def test_s3_refuses(sender, each_stack, case):
    ask, status, code = REFUSED[case]

    answer = ask(sender)

    if each_stack.object_store == MINIO:
        assert answer.ok == (case in MINIO_TAKES), answer.text
    else:
        assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (status, True), answer.text


TAKEN = {
    "presigned": lambda sender: sender.put(sender.presign()),
    "signed": lambda sender: sender.send(),
    "late": lambda sender: sender.send(offset=-timedelta(minutes=14)),
    "metadata": lambda sender: sender.send(headers={"x-amz-meta-hash-count": "1"}),
    "MD5": lambda sender: sender.send(headers={"Content-MD5": md5(BODY)}),
    "encrypted": lambda sender: sender.send(headers={"x-amz-server-side-encryption": "AES256"}),
    "key of 1,024 bytes": lambda sender: sender.send(key=key_of(1024, sender.party)),
    "metadata of 2 KB": lambda sender: sender.send(headers={"x-amz-meta-a": "b" * 2047}),
}


@pytest.mark.parametrize("case", TAKEN)
def test_s3_takes_what_is_right(sender, each_stack, case):
    answer = TAKEN[case](sender)

    assert answer.ok == (each_stack.object_store == LOCALSTACK or case not in MINIO_REFUSES), answer.text


def test_parts_below_5_mib_are_refused_but_for_the_last(party):
    key = {"Bucket": party.bucket, "Key": f"{party.path}/parts"}
    begun = party.s3().create_multipart_upload(**key)["UploadId"]
    sent = [party.s3().upload_part(**key, UploadId=begun, PartNumber=number, Body=BODY)["ETag"] for number in (1, 2)]
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(sent, start=1)]

    with pytest.raises(ClientError, match="EntityTooSmall"):
        party.s3().complete_multipart_upload(**key, UploadId=begun, MultipartUpload={"Parts": parts})

    party.s3(ONCE).abort_multipart_upload(**key, UploadId=begun)


def test_sts_refuses_a_session_policy_above_2048_characters(stack_with):
    stack = stack_with(LOCALSTACK)
    session = {"RoleArn": deployed_role(stack, "UploadRole"), "RoleSessionName": "test"}
    policy = '{"Version":"2012-10-17","Statement":[]}'

    aws(stack, "sts").assume_role(**session, Policy=policy.ljust(2048))
    with pytest.raises(ClientError, match="ValidationError"):
        aws(stack, "sts").assume_role(**session, Policy=policy.ljust(2049))
