"""Show what a deployment would change, by a CloudFormation change set that is never executed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

from botocore.exceptions import WaiterError

from infra.deploy.errors import DeploymentFailed
from infra.deploy.stacks import CAPABILITIES, NEVER_COMPLETE, settled, stack_request

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ResourceChangeTypeDef, WaiterConfigTypeDef

    from infra.deploy.clouds import Cloud
    from infra.deploy.stages import Stage

_PATIENCE_S = 300
_NOTHING = ("didn't contain changes", "No updates are to be performed")
_KEEPS_DATA = ("AWS::RDS::", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SQS::Queue")
_SIGNS = {"Add": "+", "Modify": "~", "Remove": "-", "Import": "<", "Dynamic": "?"}


def show_changes(cloud: Cloud, stage: Stage, template_url: str, progress: Callable[[str], None]) -> list[str]:
    """Return a line for each resource that would be created, changed or deleted; change nothing."""
    stack_name = stage.stack_name
    stack = settled(cloud, stack_name, progress)
    is_new = stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    if stack and not is_new and stack["StackStatus"] in NEVER_COMPLETE:
        return [f"stack {stack_name} was never complete: deploying deletes what there is of it, and makes all of it"]
    name = f"plan-{uuid4().hex}"
    client = cloud.cloudformation
    client.create_change_set(
        **stack_request(stage, template_url),
        ChangeSetName=name,
        ChangeSetType="CREATE" if is_new else "UPDATE",
        Capabilities=CAPABILITIES,
    )
    progress(f"asking CloudFormation what it would do to stack {stack_name}")
    try:
        return _await_changes(cloud, stack_name, name)
    finally:
        client.delete_change_set(StackName=stack_name, ChangeSetName=name)
        if is_new:  # a stack that is nothing but this change set
            client.delete_stack(StackName=stack_name)


def _await_changes(cloud: Cloud, stack_name: str, name: str) -> list[str]:
    waiter = cloud.cloudformation.get_waiter("change_set_create_complete")
    delay = max(1, round(cloud.poll_interval_s))
    patience: WaiterConfigTypeDef = {"Delay": delay, "MaxAttempts": _PATIENCE_S // delay}
    try:
        waiter.wait(StackName=stack_name, ChangeSetName=name, WaiterConfig=patience)
    except WaiterError as error:
        reason = str(error.last_response.get("StatusReason", error))
        if any(words in reason for words in _NOTHING):
            return []
        raise DeploymentFailed(f"CloudFormation refuses the change: {reason}") from error
    pages = cloud.cloudformation.get_paginator("describe_change_set").paginate(StackName=stack_name, ChangeSetName=name)
    changes: Iterator[ResourceChangeTypeDef] = pages.search("Changes[].ResourceChange || `[]`")
    return [_line(change) for change in sorted(changes, key=_order)]


def _order(change: ResourceChangeTypeDef) -> tuple[str, str]:
    return change["Action"], change["LogicalResourceId"]


def _line(change: ResourceChangeTypeDef) -> str:
    """Describe the change of a resource in one line, and shout if data would be lost."""
    kind = change["ResourceType"]
    line = f"{_SIGNS.get(change['Action'], '?')} {change['LogicalResourceId']} ({kind})"
    details = {str(each["Target"].get("Name") or each["Target"].get("Attribute")) for each in change.get("Details", [])}
    if details:
        line += f": {', '.join(sorted(details))}"
    replaced = change.get("Replacement") in {"True", "Conditional"}
    if replaced:
        line += " - REPLACED" if change["Replacement"] == "True" else " - may be replaced"
    if kind.startswith(_KEEPS_DATA) and (replaced or change["Action"] == "Remove"):
        line += " - ITS DATA IS LOST"
    return line
