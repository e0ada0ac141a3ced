"""Temporary credentials for uploads and downloads, from STS."""

import json
from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple, override

from linkage.adapters.unavailable import report_unavailable
from linkage.models import Credentials
from linkage.ports import CredentialIssuer

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient


class StsCredentials(CredentialIssuer):
    """Temporary credentials from STS.

    The upload role may put anywhere in the uploads bucket, the download role may read any score file in the store
    bucket; a session policy narrows the first to one prefix and the second to one object.
    """

    def __init__(self, client: "STSClient", *, uploads: "Grant", downloads: "Grant", duration_s: int) -> None:
        report_unavailable(client)
        self._client = client
        self._uploads = uploads
        self._downloads = downloads
        self._duration_s = duration_s

    @override
    def issue_for_upload(self, prefix: str, *, session_name: str) -> Credentials:
        return self._assume(self._uploads, upload_policy(self._uploads.bucket_arn, prefix), session_name)

    @override
    def issue_for_download(self, key: str, *, session_name: str) -> Credentials:
        policy = download_policy(self._downloads.bucket_arn, key, self._downloads.key_arn)
        return self._assume(self._downloads, policy, session_name)

    def _assume(self, grant: "Grant", policy: str, session_name: str) -> Credentials:
        response = self._client.assume_role(
            RoleArn=grant.role_arn,
            RoleSessionName=session_name,
            DurationSeconds=self._duration_s,
            Policy=policy,
        )["Credentials"]
        return Credentials(
            response["AccessKeyId"],
            response["SecretAccessKey"],
            response["SessionToken"],
            response["Expiration"].astimezone(UTC).replace(tzinfo=None),
        )


class Grant(NamedTuple):
    """A role that STS may assume, its bucket, and the KMS key of that bucket, if any."""

    role_arn: str
    bucket: str
    key_arn: str = ""

    @property
    def bucket_arn(self) -> str:
        """The bucket's ARN, in the role's partition: AWS China and AWS GovCloud have their own."""
        return f"arn:{self.role_arn.split(':')[1]}:s3:::{self.bucket}"


def upload_policy(bucket_arn: str, prefix: str) -> str:
    """Return a policy that allows to put objects under a prefix, and to list parts and abort uploads there."""
    actions = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    return _policy(_allow("UploadUnderOwnPrefixOnly", actions, f"{bucket_arn}/{prefix}/*"))


def download_policy(bucket_arn: str, key: str, key_arn: str = "") -> str:
    """Return a policy that allows to read one object."""
    reading = _allow("ReadOneObjectOnly", ["s3:GetObject"], f"{bucket_arn}/{key}")
    decrypting = [_allow("DecryptIt", ["kms:Decrypt"], key_arn)] if key_arn else []
    return _policy(reading, *decrypting)


def _allow(sid: str, actions: list[str], resource: str) -> dict[str, str | list[str]]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


def _policy(*statements: dict[str, str | list[str]]) -> str:
    """Return the policy's JSON, compact, because a session policy has at most 2,048 characters."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
