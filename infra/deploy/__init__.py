"""Deploy the packages as one CloudFormation stack, to AWS or to a LocalStack.

Everything goes through boto3, so what runs on one machine was deployed by the very code
that deploys to AWS; there the credentials are boto3's usual ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from infra.deploy.accounts import check_account
from infra.deploy.artifacts import delete_packages, store_packages
from infra.deploy.changes import show_changes
from infra.deploy.clouds import Cloud
from infra.deploy.database import prepare_database
from infra.deploy.deletion import delete_stack
from infra.deploy.errors import DeploymentFailed
from infra.deploy.migration import migrate
from infra.deploy.stacks import NEVER_COMPLETE, await_outputs, await_update, protect_stack, put_stack, settled
from infra.deploy.stages import Stage

__all__ = ["Cloud", "DeploymentFailed", "Stage", "deploy", "destroy", "plan"]

Progress = Callable[[str], None]


def deploy(packages: Path, stage: Stage, cloud: Cloud, progress: Progress = print) -> dict[str, str]:
    """Create or update the stage's stack from the packages, and migrate its database.

    Repeating it is safe: packages are stored under their digest, a stack that is up to date
    is left alone, and so are migrations that have been run.

    Parameters
    ----------
    packages : Path
        The folder that `infra.packaging.build` returned.
    stage : Stage
        Several may live in one account.
    cloud : Cloud
        The cloud to deploy to.
    progress : Callable
        Called with one line at a time.

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
    stack = settled(cloud, stage.stack_name, progress)
    if stack and stack["StackStatus"] in NEVER_COMPLETE:
        progress(f"stack {stage.stack_name} was never complete: deleting it first")
        delete_stack(cloud, stage.stack_name, progress)
        stack = None
    if stack is None:
        check_account(cloud, stage, packages, progress)
    template_url = store_packages(cloud, packages, stage, progress)
    put_stack(cloud, stage, template_url, progress)
    if stage.protected:
        protect_stack(cloud, stage.stack_name, protected=True)
    outputs = await_outputs(cloud, stage.stack_name)
    prepare_database(cloud, outputs, progress)
    migrate(cloud, outputs["MigrateFunction"], progress)
    progress(f"deployed in {time.monotonic() - started:.1f} s")
    return outputs


def plan(packages: Path, stage: Stage, cloud: Cloud, progress: Progress = print) -> list[str]:
    """Return what `deploy` would change, one line a resource; store nothing but the packages."""
    template_url = store_packages(cloud, packages, stage, progress)
    return show_changes(cloud, stage, template_url, progress)


def destroy(stack_name: str, cloud: Cloud, progress: Progress = print) -> None:
    """Delete a stage: its stack, everything that it stores, and its packages.

    Nothing brings back what the buckets held; of a managed database a last snapshot is kept, unless
    its stage said otherwise. Repeating it is safe: it goes on where it was.
    """
    await_update(cloud, stack_name, progress)  # which may still need its packages
    delete_packages(cloud, stack_name, progress)
    delete_stack(cloud, stack_name, progress)
