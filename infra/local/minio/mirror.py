"""Repeat the deployed buckets and permissions in MinIO.

The template makes the buckets in LocalStack, and roles that LocalStack's IAM keeps. Both are read back and made again
in MinIO, so that the template stays the one place that says them: what a function may not do there, it may not here.

MinIO has users and no roles: each function's role becomes a user. Who may assume a role can also do here what that role
may, because MinIO's AssumeRole knows no role: it narrows what its caller may by the session policy.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from minio import MinioAdmin
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException

from infra.local.minio.server import TARGET
from infra.local.minio.settings import User
from infra.local.processes import wait_until

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client

_BY_PATH = Config(s3={"addressing_style": "path"}, retries={"mode": "standard"})
_WEBHOOK = f"arn:minio:sqs:us-east-1:{TARGET}:webhook"
_PATIENCE_S = 30
_BUCKETS = ("UploadsBucket", "StoreBucket")


class MirrorFailed(Exception):
    """MinIO refused a deployed bucket or permission; the message names it."""


def put_notifications(store: "S3Client", bucket: str, notifications: list[Any]) -> None:
    """Configure a bucket's notifications; needed at each start of MinIO before its events can be relied on.

    MinIO makes its targets known, and reads the rules that it has kept, some time after it says that it is ready. Until
    then it refuses rules that name a target, and drops events.
    """
    refusals: list[ClientError] = []

    def is_taken() -> bool:
        try:
            store.put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration={"QueueConfigurations": notifications}
            )
        except ClientError as error:
            refusals.append(error)
            return False
        return True

    if not wait_until(is_taken, _PATIENCE_S, pause_s=0.2):
        raise refusals[-1]


@dataclass(frozen=True)
class Mirror:
    """Repeats the buckets and roles of a LocalStack deployment in MinIO."""

    aws_endpoint_url: str
    minio_url: str
    root: tuple[str, str]
    template: Path
    stack_name: str = "linkage"

    def make_buckets(self, outputs: Mapping[str, str]) -> None:
        """Make both buckets, with the expiry rules and notifications of the deployed ones."""
        for name in _BUCKETS:
            try:
                self._make_bucket(name, outputs[name])
            except ClientError as error:
                raise MirrorFailed(f"MinIO refused the {name}: {error}") from error

    def make_users(self) -> dict[str, User]:
        """Make a user for each role with permissions in S3; return the users by role name."""
        return {role: self._make_user(name, role) for name, role in self._roles() if self._statements(role)}

    def _make_bucket(self, name: str, bucket: str) -> None:
        if bucket not in {existing["Name"] for existing in self._store.list_buckets()["Buckets"]}:
            self._store.create_bucket(Bucket=bucket)
        if rules := list(self._expiry_rules(name)):
            self._store.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
        deployed = self._deployed.get_bucket_notification_configuration(Bucket=bucket)
        notifications = [_to_webhook(queue) for queue in deployed.get("QueueConfigurations", [])]
        put_notifications(self._store, bucket, notifications)

    def _expiry_rules(self, name: str) -> Iterator[Any]:
        """Yield the expiry rules of a bucket, from the template: LocalStack's buckets have none.

        Of aborting stale uploads MinIO knows one rule for all buckets, at its start (see `infra.local.minio.server`).
        """
        properties = json.loads(self.template.read_text())["Resources"][name]["Properties"]
        rules = properties.get("LifecycleConfiguration", {}).get("Rules", [])
        for number, rule in enumerate(rules):
            if isinstance(days := rule.get("ExpirationInDays"), int):
                yield {
                    "ID": f"rule-{number}",
                    "Status": rule["Status"],
                    "Filter": {"Prefix": rule.get("Prefix", "")},
                    "Expiration": {"Days": days},
                }

    def _make_user(self, name: str, role: str) -> User:
        user = User(f"{self.stack_name}-{name}", secrets.token_hex(20))
        policy = {"Version": "2012-10-17", "Statement": self._statements(role)}
        try:
            self._admin.policy_add(user.access_key_id, policy=policy)
            self._admin.user_add(user.access_key_id, user.secret_access_key)
            self._admin.policy_set(user.access_key_id, user=user.access_key_id)
        except MinioAdminException as error:
            raise MirrorFailed(f"MinIO refused the permissions of {name}: {error}") from error
        return user

    def _roles(self) -> Iterator[tuple[str, str]]:
        """Yield the stack's roles: each one's logical id in the template, and its name."""
        cloudformation = self._client("cloudformation", self.aws_endpoint_url)
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.stack_name)
        for resource in pages.search("StackResourceSummaries"):
            # One whose condition is false is listed too, without a name of its own.
            if resource["ResourceType"] == "AWS::IAM::Role" and "PhysicalResourceId" in resource:
                yield resource["LogicalResourceId"], resource["PhysicalResourceId"]

    def _statements(self, role: str) -> list[dict[str, Any]]:
        deployed = list(self._deployed_statements(role))
        assumed = [
            statement
            for each in deployed
            if _listed(each["Action"]) == ["sts:AssumeRole"] and each["Effect"] == "Allow"
            for arn in _listed(each["Resource"])
            for statement in self._deployed_statements(arn.rpartition("/")[2])
        ]
        return [narrowed for each in (*deployed, *assumed) if (narrowed := _of_s3(each))]

    def _deployed_statements(self, role: str) -> Iterator[dict[str, Any]]:
        for name in self._iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            yield from _listed((json.loads(document) if isinstance(document, str) else document)["Statement"])

    @cached_property
    def _store(self) -> "S3Client":
        store: S3Client = self._client("s3", self.minio_url, *self.root)
        return store

    @cached_property
    def _deployed(self) -> "S3Client":
        deployed: S3Client = self._client("s3", self.aws_endpoint_url)
        return deployed

    @cached_property
    def _iam(self) -> "IAMClient":
        iam: IAMClient = self._client("iam", self.aws_endpoint_url)
        return iam

    @cached_property
    def _admin(self) -> MinioAdmin:
        return MinioAdmin(
            endpoint=urlsplit(self.minio_url).netloc, credentials=StaticProvider(*self.root), secure=False
        )

    def _client(self, service: Any, url: str, key_id: str = "test", secret: str = "test") -> Any:  # noqa: ANN401, S107
        return boto3.client(
            service,
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=_BY_PATH,
        )


def _to_webhook(configuration: Mapping[str, Any]) -> Any:  # noqa: ANN401
    rules = configuration.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    lowered = [{"Name": rule["Name"].lower(), "Value": rule["Value"]} for rule in rules]
    return {"QueueArn": _WEBHOOK, "Events": configuration["Events"], "Filter": {"Key": {"FilterRules": lowered}}}


def _of_s3(statement: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a statement with its S3 actions alone, or None if it has none: MinIO knows no other service."""
    actions = [action for action in _listed(statement["Action"]) if action.startswith("s3:")]
    return {**statement, "Action": actions} if actions else None


def _listed(value: Any) -> list[Any]:  # noqa: ANN401
    return value if isinstance(value, list) else [value]
