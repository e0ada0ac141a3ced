"""What stands in the way of deleting a stack, and what it would leave behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from infra.deploy.stacks import find_stack

if TYPE_CHECKING:
    from infra.deploy.clouds import Cloud


def bucket_names(cloud: Cloud, stack_name: str) -> list[str]:
    """Name the stack's buckets: CloudFormation deletes none that holds anything.

    That of access logs comes last, because emptying the others is logged too.
    """
    if find_stack(cloud, stack_name) is None:
        return []
    pages = cloud.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_name)
    found = [
        (resource["LogicalResourceId"] == "AccessLogsBucket", resource["PhysicalResourceId"])
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::S3::Bucket" and resource.get("PhysicalResourceId")
    ]
    return [name for _, name in sorted(found)]


def unprotect_database(cloud: Cloud, cluster: str) -> None:
    """Have RDS no longer refuse to delete a database; its last snapshot is made all the same."""
    cloud.rds.modify_db_cluster(DBClusterIdentifier=cluster, DeletionProtection=False, ApplyImmediately=True)


def remove_snapshots(cloud: Cloud, cluster: str, progress: Callable[[str], None]) -> None:
    """Delete the snapshots that a deleted database left."""
    pages = cloud.rds.get_paginator("describe_db_cluster_snapshots").paginate(
        DBClusterIdentifier=cluster, SnapshotType="manual"
    )
    for snapshot in [each for page in pages for each in page["DBClusterSnapshots"]]:
        progress(f"deleting snapshot {snapshot['DBClusterSnapshotIdentifier']}")
        cloud.rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=snapshot["DBClusterSnapshotIdentifier"])
