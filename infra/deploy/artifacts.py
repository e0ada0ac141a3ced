"""Store the packages in the artifacts bucket, each under the SHA-256 of its bytes.

A package that is there already is not sent again; and where the code has not changed the
template has not either, so CloudFormation leaves the function alone.

Anybody could have made a bucket of that name before us, and its contents are run with roles of
ours: so each request tells S3 who the owner must be (``ExpectedBucketOwner``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from infra.deploy.errors import DeploymentFailed

if TYPE_CHECKING:
    from mypy_boto3_s3.literals import BucketLocationConstraintType

    from infra.deploy.clouds import Cloud
    from infra.deploy.stages import Stage


def artifacts_bucket(cloud: Cloud, stack_name: str) -> str:
    """Return the name of the stack's artifacts bucket, the same from every machine."""
    return f"{stack_name}-artifacts-{cloud.account_id}-{cloud.region}"


def store_packages(cloud: Cloud, packages: Path, stage: Stage, progress: Callable[[str], None]) -> str:
    """Store the packages and the template that points to them; return its URL."""
    bucket = artifacts_bucket(cloud, stage.stack_name)
    _ensure_bucket(cloud, bucket)
    template: dict[str, Any] = json.loads((packages / "template.json").read_bytes())
    if not stage.last_snapshot:
        leave_no_snapshots(template)
    for properties, name in code_references(template):
        package = packages / properties[name]
        key = _store(cloud, bucket, package.name, package.read_bytes(), progress)
        properties[name] = f"s3://{bucket}/{key}"
    body = json.dumps(template, separators=(",", ":"), sort_keys=True).encode()
    key = _store(cloud, bucket, "template.json", body, progress)
    return f"{cloud.s3.meta.endpoint_url}/{bucket}/{key}"


def code_references(template: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each reference of a template to a package, as a resource's properties and the name of one of them."""
    owners = [template["Globals"]["Function"]]
    owners += [each.get("Properties", {}) for each in template["Resources"].values()]
    for properties in owners:
        for name in ("CodeUri", "ContentUri"):
            if name in properties:
                yield properties, name


def leave_no_snapshots(template: dict[str, Any]) -> None:
    """Have databases deleted without a last snapshot: a template cannot leave that to a parameter."""
    for resource in template["Resources"].values():
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if resource.get(policy) == "Snapshot":
                resource[policy] = "Delete"


def delete_packages(cloud: Cloud, stack_name: str, progress: Callable[[str], None]) -> None:
    """Delete the stack's artifacts bucket, if there is one."""
    bucket = artifacts_bucket(cloud, stack_name)
    if empty_bucket(cloud, bucket, progress):
        cloud.s3.delete_bucket(Bucket=bucket, ExpectedBucketOwner=cloud.account_id)


def empty_bucket(cloud: Cloud, bucket: str, progress: Callable[[str], None]) -> bool:
    """Delete every object of a bucket; return False if there is no such bucket."""
    try:
        for page in cloud.s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, ExpectedBucketOwner=cloud.account_id
        ):
            keys = [each["Key"] for each in page.get("Contents", [])]
            if keys:
                progress(f"deleting {len(keys)} objects of {bucket}")
                _delete(cloud, bucket, keys)
    except ClientError as error:
        if _code(error) != "NoSuchBucket":
            raise
        return False
    return True


def _ensure_bucket(cloud: Cloud, bucket: str) -> None:
    """Create the bucket, if there is none; S3 blocks public access to a new one by itself."""
    try:
        cloud.s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=cloud.account_id)
    except ClientError as error:
        if _code(error) == "403":
            raise DeploymentFailed(
                f"bucket {bucket} is somebody else's, or these credentials may not use it: another stack_name is"
                " needed, or other credentials"
            ) from error
        if _code(error) != "404":
            raise
        if cloud.region == "us-east-1":  # which S3 does not want to be told
            cloud.s3.create_bucket(Bucket=bucket)
        else:
            region = cast("BucketLocationConstraintType", cloud.region)
            cloud.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})


def _store(cloud: Cloud, bucket: str, name: str, body: bytes, progress: Callable[[str], None]) -> str:
    """Store a file under its digest, unless it is there; return its key."""
    key = f"{hashlib.sha256(body).hexdigest()}{Path(name).suffix}"
    try:
        cloud.s3.head_object(Bucket=bucket, Key=key, ExpectedBucketOwner=cloud.account_id)
    except ClientError as error:
        if _code(error) != "404":
            raise
        progress(f"storing {name} ({len(body) / 1e6:.1f} MB)")
        cloud.s3.put_object(Bucket=bucket, Key=key, Body=body, ExpectedBucketOwner=cloud.account_id)
    return key


def _delete(cloud: Cloud, bucket: str, keys: list[str]) -> None:
    answer = cloud.s3.delete_objects(
        Bucket=bucket,
        Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True},
        ExpectedBucketOwner=cloud.account_id,
    )
    for error in answer.get("Errors", []):
        raise DeploymentFailed(f"{bucket}/{error['Key']}: {error['Message']}")


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]
