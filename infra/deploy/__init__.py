"""Deploy the packages as one CloudFormation stack, to AWS or to a LocalStack.

Everything goes through boto3, so what runs on one machine was deployed by the very code
that deploys to AWS; there the credentials and the region are boto3's usual ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.deploy.artifacts import artifacts_bucket, empty_bucket, store_packages
from infra.deploy.clouds import Cloud
from infra.deploy.errors import DeploymentFailed
from infra.deploy.migration import migrate
from infra.deploy.stacks import await_outputs, delete_stack, put_stack, read_outputs

__all__ = ["DeploymentFailed", "deploy", "destroy"]


def deploy(
    packages: Path,
    *,
    stack_name: str = "linkage",
    parameters: Mapping[str, str],
    endpoint_url: str | None = None,
    progress: Callable[[str], None] = print,
) -> dict[str, str]:
    """Make the stack what the packages say, and migrate its database.

    Repeating it is safe: packages are stored under their digest, a stack that is as it
    should be is left alone, and so are migrations that have been run.

    Parameters
    ----------
    packages : Path
        What `infra.packaging.build` returned.
    stack_name : str
        Several stacks may live in one account.
    parameters : Mapping
        Of infra/template.yaml, all of them each time: the others take their defaults.
    endpoint_url : str, optional
        Of a LocalStack; AWS itself if there is none.
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
    cloud, started = Cloud(endpoint_url), time.monotonic()
    template_url = store_packages(cloud, packages, stack_name, progress)
    put_stack(cloud, stack_name, template_url, parameters, progress)
    outputs = await_outputs(cloud, stack_name)
    migrate(cloud, outputs["MigrateFunction"], progress)
    progress(f"deployed in {time.monotonic() - started:.1f} s")
    return outputs


def destroy(
    *,
    stack_name: str = "linkage",
    endpoint_url: str | None = None,
    progress: Callable[[str], None] = print,
) -> None:
    """Delete the stack with all that its buckets hold, and its artifacts.

    Nothing brings back what the buckets held; of a managed database a last snapshot
    is kept.
    """
    cloud = Cloud(endpoint_url)
    outputs = read_outputs(cloud, stack_name)
    for output in ("UploadsBucket", "StoreBucket"):
        if bucket := outputs.get(output):
            empty_bucket(cloud, bucket, progress)
    delete_stack(cloud, stack_name, progress)
    artifacts = artifacts_bucket(cloud, stack_name)
    if empty_bucket(cloud, artifacts, progress):
        cloud.s3.delete_bucket(Bucket=artifacts)
