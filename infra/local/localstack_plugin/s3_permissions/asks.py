"""Permissions that a request to S3 needs: one for its action, and one for each header that asks for more than that.

Whoever may put an object may not thereby say who else reads it, tag it, lock it, or have it encrypted with a key.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from infra.local.localstack_plugin.s3_permissions.policies import Ask

PARTITION = "aws"

# The actions of requests that are not called like their action; a copy reads its source as well.
_ACTIONS = {
    "AbortMultipartUpload": "AbortMultipartUpload",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
_VERSIONED = {"GetObject", "DeleteObject"}
_WRITES = {"CopyObject", "CreateMultipartUpload", "PutObject"}
_GRANT = "x-amz-grant-"
# Actions that the headers of a write ask for, beside PutObject.
_ACTIONS_OF_HEADERS = {
    "x-amz-acl": "PutObjectAcl",
    "x-amz-tagging": "PutObjectTagging",
    "x-amz-object-lock-mode": "PutObjectRetention",
    "x-amz-object-lock-retain-until-date": "PutObjectRetention",
    "x-amz-object-lock-legal-hold": "PutObjectLegalHold",
}
_BYPASS = "x-amz-bypass-governance-retention"
_ENCRYPTION = "x-amz-server-side-encryption"
_KEY = f"{_ENCRYPTION}-aws-kms-key-id"


def asks_of(operation: str, request: Mapping[str, Any], headers: Mapping[str, str], account_id: str) -> Iterator[Ask]:
    """Yield each permission that an operation needs; `headers` have names in lower case."""
    bucket = request.get("Bucket", "*")
    conditions = {
        "aws:SecureTransport": "true",  # what is plain on loopback is TLS on AWS
        "aws:PrincipalAccount": account_id,
        "aws:ResourceAccount": account_id,
        "s3:ResourceAccount": account_id,
        "s3:prefix": request.get("Prefix", ""),
    }
    if operation == "DeleteObjects":
        for each in request["Delete"]["Objects"]:
            yield Ask(f"s3:DeleteObject{'Version' * ('VersionId' in each)}", _arn(bucket, each["Key"]), conditions)
    else:
        action = _ACTIONS.get(operation, operation)
        if action in _VERSIONED and request.get("VersionId"):
            action += "Version"
        yield Ask(f"s3:{action}", _arn(bucket, request.get("Key")), conditions)
    if source := request.get("CopySource"):
        path, _, version = unquote(str(source)).lstrip("/").partition("?")
        action = "s3:GetObjectVersion" if version.startswith("versionId=") else "s3:GetObject"
        yield Ask(action, f"arn:{PARTITION}:s3:::{path}", conditions)
    for action in sorted(_actions_of_headers(operation, headers)):
        yield Ask(f"s3:{action}", _arn(bucket, request.get("Key")), conditions)
    if operation in _WRITES and headers.get(_ENCRYPTION, "").startswith("aws:kms"):
        yield Ask("kms:GenerateDataKey", _key_arn(headers.get(_KEY), account_id), conditions)


def _actions_of_headers(operation: str, headers: Mapping[str, str]) -> set[str]:
    if operation.startswith("DeleteObject"):
        return {"BypassGovernanceRetention"} if headers.get(_BYPASS, "").lower() == "true" else set()
    if operation not in _WRITES:
        return set()
    actions = {action for name, action in _ACTIONS_OF_HEADERS.items() if name in headers}
    return actions | ({"PutObjectAcl"} if any(name.startswith(_GRANT) for name in headers) else set())


def _arn(bucket: str, key: str | None) -> str:
    return f"arn:{PARTITION}:s3:::{bucket}" + (f"/{key}" if key is not None else "")


def _key_arn(key: str | None, account_id: str) -> str:
    """Return the ARN of a key that is named by its ARN, its id or an alias; without a name it is S3's own in KMS."""
    if key and key.startswith("arn:"):
        return key
    name = key or "alias/aws/s3"
    return f"arn:{PARTITION}:kms:us-east-1:{account_id}:{name if name.startswith('alias/') else f'key/{name}'}"
