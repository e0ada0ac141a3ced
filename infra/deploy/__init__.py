"""Deploy the packages as one CloudFormation stack, to AWS or to a LocalStack.

Everything goes through boto3, so what runs on one machine was deployed by the very code
that deploys to AWS; there the credentials are boto3's usual ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from infra.deploy.artifacts import artifacts_bucket, empty_bucket, store_packages
from infra.deploy.changes import show_changes
from infra.deploy.clouds import Cloud
from infra.deploy.database import prepare_database
from infra.deploy.errors import DeploymentFailed
from infra.deploy.migration import migrate
from infra.deploy.stacks import await_outputs, delete_stack, find_stack, protect_stack, put_stack, read_outputs
from infra.deploy.stages import Stage
from infra.deploy.teardown import bucket_names, remove_snapshots, unprotect_database

__all__ = ["Cloud", "DeploymentFailed", "Stage", "deploy", "destroy", "plan"]

Progress = Callable[[str], None]


def deploy(packages: Path, stage: Stage, cloud: Cloud, progress: Progress = print) -> dict[str, str]:
    """Make the stage's stack what the packages say, and migrate its database.

    Repeating it is safe: packages are stored under their digest, a stack that is as it
    should be is left alone, and so are migrations that have been run.

    Parameters
    ----------
    packages : Path
        What `infra.packaging.build` returned.
    stage : Stage
        Several may live in one account.
    cloud : Cloud
        Where to.
    progress : Callable
        Told, one line at a time, how far it has come.

    Returns
    -------
    dict
        The stack's outputs.

    Raises
    ------
    DeploymentFailed
        With the reasons of the resources that failed, or the log of the migration.
    """
    started = time.monotonic()
    template_url = store_packages(cloud, packages, stage.stack_name, progress)
    put_stack(cloud, stage, template_url, progress)
    if stage.protected:
        protect_stack(cloud, stage.stack_name, protected=True)
    outputs = await_outputs(cloud, stage.stack_name)
    prepare_database(cloud, outputs, progress)
    migrate(cloud, outputs["MigrateFunction"], progress)
    progress(f"deployed in {time.monotonic() - started:.1f} s")
    return outputs


def plan(packages: Path, stage: Stage, cloud: Cloud, progress: Progress = print) -> list[str]:
    """Return what `deploy` would change, a line a resource; only the packages are stored."""
    template_url = store_packages(cloud, packages, stage.stack_name, progress)
    return show_changes(cloud, stage, template_url, progress)


def destroy(stack_name: str, cloud: Cloud, progress: Progress = print, *, keep_snapshot: bool = True) -> None:
    """Delete the stack with all that its buckets hold, and its artifacts.

    Nothing brings back what the buckets held; of a managed database a last snapshot
    is kept, unless it is not wanted. Repeating it is safe: it goes on where it was.
    """
    stack, outputs = find_stack(cloud, stack_name), read_outputs(cloud, stack_name)
    if stack and stack.get("EnableTerminationProtection"):
        protect_stack(cloud, stack_name, protected=False)
    if "DatabaseArn" in outputs:
        unprotect_database(cloud, outputs["DatabaseArn"])
    for bucket in bucket_names(cloud, stack_name):
        empty_bucket(cloud, bucket, progress)
    delete_stack(cloud, stack_name, progress)
    artifacts = artifacts_bucket(cloud, stack_name)
    if empty_bucket(cloud, artifacts, progress):
        cloud.s3.delete_bucket(Bucket=artifacts)
    if "DatabaseArn" in outputs and not keep_snapshot:
        remove_snapshots(cloud, outputs["DatabaseArn"].rpartition(":")[2], progress)
