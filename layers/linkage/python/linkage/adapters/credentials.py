"""Temporary credentials for uploads, from STS."""

import json
from datetime import UTC
from typing import TYPE_CHECKING

from linkage.adapters.unavailable import report_unavailable
from linkage.models import Credentials

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient


class StsCredentials:
    """See `linkage.ports.CredentialIssuer`.

    The upload role may put anywhere in the uploads bucket; the session policy narrows it to one prefix.
    """

    def __init__(self, client: "STSClient", *, role_arn: str, bucket: str, duration_s: int) -> None:
        report_unavailable(client)
        self._client = client
        self._role_arn = role_arn
        self._bucket = bucket
        self._duration_s = duration_s

    def issue(self, prefix: str, *, session_name: str) -> Credentials:
        """Return credentials that can put objects under the prefix of the uploads bucket, and nothing else."""
        answer = self._client.assume_role(
            RoleArn=self._role_arn,
            RoleSessionName=session_name,
            DurationSeconds=self._duration_s,
            Policy=session_policy(self._bucket, prefix),
        )["Credentials"]
        return Credentials(
            answer["AccessKeyId"],
            answer["SecretAccessKey"],
            answer["SessionToken"],
            answer["Expiration"].astimezone(UTC).replace(tzinfo=None),
        )


def session_policy(bucket: str, prefix: str) -> str:
    """Return the policy that allows to put under a prefix, and to list and abort one's own uploads there."""
    statement = {
        "Sid": "UploadUnderOwnPrefixOnly",
        "Effect": "Allow",
        "Action": ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        "Resource": f"arn:aws:s3:::{bucket}/{prefix}/*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
