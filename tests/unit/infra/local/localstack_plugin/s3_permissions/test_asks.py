"""Headers of a write to S3 need permissions of their own."""

import pytest

from infra.local.localstack_plugin.s3_permissions.asks import asks_of

ACCOUNT = "000000000000"
OBJECT = {"Bucket": "b", "Key": "p/x"}


def actions(operation, headers=None, **request):
    return [(ask.action, ask.resource) for ask in asks_of(operation, OBJECT | request, headers or {}, ACCOUNT)]


@pytest.mark.parametrize("operation", ["PutObject", "CreateMultipartUpload", "CopyObject"])
@pytest.mark.parametrize(
    ("header", "action"),
    [
        ("x-amz-acl", "s3:PutObjectAcl"),
        ("x-amz-grant-full-control", "s3:PutObjectAcl"),
        ("x-amz-grant-read-acp", "s3:PutObjectAcl"),
        ("x-amz-tagging", "s3:PutObjectTagging"),
        ("x-amz-object-lock-mode", "s3:PutObjectRetention"),
        ("x-amz-object-lock-retain-until-date", "s3:PutObjectRetention"),
        ("x-amz-object-lock-legal-hold", "s3:PutObjectLegalHold"),
    ],
)
def test_a_write_asks_for_what_its_headers_do(operation, header, action):
    here = "arn:aws:s3:::b/p/x"

    assert actions(operation, {header: "x"}) == [("s3:PutObject", here), (action, here)]
    assert actions(operation, {"x-amz-meta-a": "b", "x-amz-website-redirect-location": "/"}) == [("s3:PutObject", here)]


@pytest.mark.parametrize(
    ("key", "resource"),
    [
        (None, "alias/aws/s3"),
        ("alias/mine", "alias/mine"),
        ("1234-abcd", "key/1234-abcd"),
        ("arn:aws:kms:us-east-1:000000000000:key/own", "key/own"),
    ],
)
def test_encryption_with_a_key_needs_the_key(key, resource):
    headers = {"x-amz-server-side-encryption": "aws:kms"}
    if key:
        headers["x-amz-server-side-encryption-aws-kms-key-id"] = key

    assert ("kms:GenerateDataKey", f"arn:aws:kms:us-east-1:{ACCOUNT}:{resource}") in actions("PutObject", headers)
    assert len(actions("PutObject", {"x-amz-server-side-encryption": "AES256"})) == 1


@pytest.mark.parametrize(
    ("source", "action"),
    [("c/y", "s3:GetObject"), ("/c/y", "s3:GetObject"), ("c/y?versionId=1", "s3:GetObjectVersion")],
)
def test_a_copy_reads_its_source(source, action):
    assert (action, "arn:aws:s3:::c/y") in actions("CopyObject", CopySource=source)
    assert (action, "arn:aws:s3:::c/y") in actions("UploadPartCopy", CopySource=source)


def test_a_deletion_past_a_retention_asks_for_that():
    headers = {"x-amz-bypass-governance-retention": "true"}

    assert [action for action, _ in actions("DeleteObject", headers)] == [
        "s3:DeleteObject",
        "s3:BypassGovernanceRetention",
    ]
    assert [action for action, _ in actions("DeleteObject", VersionId="1")] == ["s3:DeleteObjectVersion"]
