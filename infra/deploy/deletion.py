"""Delete a stack, after removing what keeps CloudFormation from deleting it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.deploy.artifacts import empty_bucket
from infra.deploy.errors import DeploymentFailed
from infra.deploy.stacks import attempt_deletion, await_update, find_stack, protect_stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackResourceSummaryTypeDef

    from infra.deploy.clouds import Cloud

ATTEMPTS = 3


def delete_stack(cloud: Cloud, stack_name: str, progress: Callable[[str], None]) -> None:
    """Delete a stack, whatever its state, with all that its buckets hold.

    A bucket may have got something again by the time that CloudFormation comes to it: S3 delivers
    access logs hours late, and a function runs until it is deleted. So deleting is tried again.

    Raises
    ------
    DeploymentFailed
        With the reasons of the resources that could not be deleted.
    """
    for attempt in range(1, ATTEMPTS + 1):
        await_update(cloud, stack_name, progress)
        stack = find_stack(cloud, stack_name)
        if stack is None:
            return
        if stack.get("EnableTerminationProtection"):
            protect_stack(cloud, stack_name, protected=False)
        _unprotect_databases(cloud, stack_name)
        _empty_buckets(cloud, stack_name, progress)
        try:
            attempt_deletion(cloud, stack_name, progress)
        except DeploymentFailed as error:
            if attempt == ATTEMPTS:
                raise
            progress(f"{error}\ndeleting stack {stack_name} again")


def _unprotect_databases(cloud: Cloud, stack_name: str) -> None:
    """Turn off the deletion protection of the stack's databases. A stack that was never complete may have one too."""
    for cluster in _names(cloud, stack_name, "AWS::RDS::DBCluster"):
        try:
            (described,) = cloud.rds.describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"]
            if described["DeletionProtection"]:
                cloud.rds.modify_db_cluster(
                    DBClusterIdentifier=cluster, DeletionProtection=False, ApplyImmediately=True
                )
        except ClientError as error:
            if error.response["Error"]["Code"] != "DBClusterNotFoundFault":  # an earlier attempt came that far
                raise


def _empty_buckets(cloud: Cloud, stack_name: str, progress: Callable[[str], None]) -> None:
    """Empty the stack's buckets: CloudFormation deletes none that holds anything.

    They stop logging first, because emptying them would be logged too. A bucket whose creation failed
    is left alone: another one of that name may have been there before.
    """
    buckets = _names(cloud, stack_name, "AWS::S3::Bucket", "CREATE_FAILED")
    for bucket in buckets:
        _stop_logging(cloud, bucket)
    for bucket in buckets:
        empty_bucket(cloud, bucket, progress)


def _stop_logging(cloud: Cloud, bucket: str) -> None:
    try:
        cloud.s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise


def _names(cloud: Cloud, stack_name: str, kind: str, *but: str) -> list[str]:
    """Return the physical ids of the stack's resources of one type, without deleted ones and those in `but` states."""
    return [
        resource["PhysicalResourceId"]
        for resource in _resources(cloud, stack_name)
        if resource["ResourceType"] == kind
        and resource.get("PhysicalResourceId")
        and resource["ResourceStatus"] not in {"DELETE_COMPLETE", *but}
    ]


def _resources(cloud: Cloud, stack_name: str) -> Iterator[StackResourceSummaryTypeDef]:
    for page in cloud.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_name):
        yield from page["StackResourceSummaries"]
