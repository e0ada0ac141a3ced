"""Create, change and delete a CloudFormation stack, and report progress.

CloudFormation goes on by itself after a request; here it is waited for, and when it
fails the reasons are taken from its events. boto3's waiters cannot do that: they are silent
while a stack takes a quarter of an hour, and do not return before the clean-up after an update is over too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, TypedDict
from uuid import uuid4

from botocore.exceptions import ClientError

from infra.deploy.errors import DeploymentFailed

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.literals import CapabilityType
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackEventTypeDef, StackTypeDef, TagTypeDef

    from infra.deploy.clouds import Cloud
    from infra.deploy.stages import Stage

CAPABILITIES: list[CapabilityType] = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
_REPORT_EVERY_S = 10.0
_OUTPUTS_LATE_S = 10.0
NEVER_COMPLETE = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "REVIEW_IN_PROGRESS"}
"""Of a stack whose creation failed: it cannot be changed, only deleted and made again."""
_UNCHANGEABLE = {
    "DELETE_FAILED": "it is half deleted: `make destroy` goes on with that, and then it can be made again",
    "UPDATE_ROLLBACK_FAILED": "CloudFormation could neither change it nor go back. Mend what its events say, then"
    " `aws cloudformation continue-update-rollback --stack-name` and its name",
}
_DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"}


class Request(TypedDict):
    """The parameters of a request to create or change a stack."""

    StackName: str
    TemplateURL: str
    Parameters: list[ParameterTypeDef]
    Tags: list[TagTypeDef]


def settled(cloud: Cloud, stack_name: str, progress: Callable[[str], None]) -> StackTypeDef | None:
    """Wait until nothing changes the stack any more, and describe it; None if there is none.

    Raises
    ------
    DeploymentFailed
        If it can be neither changed nor made again as it is; the message says what to do.
    """
    stack = find_stack(cloud, stack_name)
    if stack and _is_in_progress(stack["StackStatus"]):
        _await_rest(cloud, stack, progress)
        stack = find_stack(cloud, stack_name)
    if stack and stack["StackStatus"] in _UNCHANGEABLE:
        status = stack["StackStatus"]
        raise DeploymentFailed(f"stack {stack_name} is {status}: {_UNCHANGEABLE[status]}")
    return stack


def await_update(cloud: Cloud, stack_name: str, progress: Callable[[str], None]) -> None:
    """Wait until no update of the stack is in progress: CloudFormation does not delete it before."""
    stack = find_stack(cloud, stack_name)
    if stack and stack["StackStatus"].startswith("UPDATE_") and _is_in_progress(stack["StackStatus"]):
        _await_rest(cloud, stack, progress)


def _await_rest(cloud: Cloud, stack: StackTypeDef, progress: Callable[[str], None]) -> None:
    progress(f"stack {stack['StackName']} is {stack['StackStatus']}: waiting for the end of it")
    _follow(cloud, stack["StackId"], progress, done=())


def put_stack(cloud: Cloud, stage: Stage, template_url: str, progress: Callable[[str], None]) -> None:
    """Create the stack or change it, and wait until it is done."""
    stack_name = stage.stack_name
    stack_id = _change(cloud, stack_request(stage, template_url), exists=find_stack(cloud, stack_name) is not None)
    if stack_id is None:
        progress(f"stack {stack_name} is up to date")
        return
    if _follow(cloud, stack_id, progress) not in _DONE:
        raise DeploymentFailed(_reasons(cloud, stack_id))


def await_outputs(cloud: Cloud, stack_name: str) -> dict[str, str]:
    """Return the stack's outputs; LocalStack says that a stack is complete a moment before it has them."""
    deadline = time.monotonic() + _OUTPUTS_LATE_S
    while not (outputs := read_outputs(cloud, stack_name)) and time.monotonic() < deadline:
        time.sleep(cloud.poll_interval_s)
    return outputs


def read_outputs(cloud: Cloud, stack_name: str) -> dict[str, str]:
    """Return the stack's outputs; none if there is no such stack."""
    stack = find_stack(cloud, stack_name)
    outputs = stack.get("Outputs", []) if stack else []
    return {each["OutputKey"]: each["OutputValue"] for each in outputs}


def attempt_deletion(cloud: Cloud, stack_name: str, progress: Callable[[str], None]) -> None:
    """Ask CloudFormation once to delete the stack, if there is one, and wait until it is gone."""
    stack = find_stack(cloud, stack_name)
    if stack is None:
        return
    stack_id = stack["StackId"]
    cloud.cloudformation.delete_stack(StackName=stack_name)
    if _follow(cloud, stack_id, progress) != "DELETE_COMPLETE":
        raise DeploymentFailed(_reasons(cloud, stack_id))


def stack_request(stage: Stage, template_url: str) -> Request:
    """Translate a stage into a request to CloudFormation, which puts the tags on every resource."""
    return {
        "StackName": stage.stack_name,
        "TemplateURL": template_url,
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in stage.parameters.items()],
        "Tags": [{"Key": name, "Value": value} for name, value in stage.tags.items()],
    }


def protect_stack(cloud: Cloud, stack_name: str, *, protected: bool) -> None:
    """Set the stack's termination protection: CloudFormation then refuses to delete it."""
    cloud.cloudformation.update_termination_protection(StackName=stack_name, EnableTerminationProtection=protected)


def _change(cloud: Cloud, request: Request, *, exists: bool) -> str | None:
    """Send the request; return the stack's id, or None where there is nothing to change."""
    client = cloud.cloudformation
    try:
        answer = (client.update_stack if exists else client.create_stack)(
            **request,
            ClientRequestToken=str(uuid4()),  # boto3 may have to ask again
            Capabilities=CAPABILITIES,
        )
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise
        return None
    return answer["StackId"]


def find_stack(cloud: Cloud, stack: str) -> StackTypeDef | None:
    """Describe a stack by its name or, once it is deleted, its id."""
    try:
        return cloud.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return None


def _follow(
    cloud: Cloud, stack_id: str, progress: Callable[[str], None], *, done: Collection[str] = frozenset(_DONE)
) -> str:
    """Wait until the stack is done or nothing changes it any more, and report what it waits for; return its status."""
    reported = time.monotonic()
    while _is_in_progress(status := _status(cloud, stack_id)) and status not in done:
        if time.monotonic() - reported > _REPORT_EVERY_S:
            reported = time.monotonic()
            progress(f"waiting for {', '.join(_resources_in_progress(cloud, stack_id))}")
        time.sleep(cloud.poll_interval_s)
    return status


def _is_in_progress(status: str) -> bool:
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"  # which waits for somebody's change set


def _status(cloud: Cloud, stack_id: str) -> str:
    stack = find_stack(cloud, stack_id)
    return stack["StackStatus"] if stack else "DELETE_COMPLETE"


def _resources_in_progress(cloud: Cloud, stack_id: str) -> list[str]:
    """Return the names of the resources that are being created, changed or deleted."""
    latest = {event["LogicalResourceId"]: event for event in _events(cloud, stack_id)}
    return sorted(
        name
        for name, event in latest.items()
        if event["ResourceStatus"].endswith("_IN_PROGRESS") and name != event["StackName"]
    )


def _reasons(cloud: Cloud, stack_id: str) -> str:
    """Explain a failure: the reason of each failed resource, without those merely cancelled."""
    stack = find_stack(cloud, stack_id)
    lines = [f"the stack is {_status(cloud, stack_id)}"]
    if stack and "StackStatusReason" in stack:
        lines.append(f"  {stack['StackStatusReason']}")
    for event in _events(cloud, stack_id):
        reason = event.get("ResourceStatusReason", "no reason given")
        if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
            lines.append(f"  {event['LogicalResourceId']}: {reason}")
    return "\n".join(lines)


def _events(cloud: Cloud, stack_id: str) -> list[StackEventTypeDef]:
    """Return the stack's events since the last request, oldest first."""
    events: list[StackEventTypeDef] = []
    pages = cloud.cloudformation.get_paginator("describe_stack_events")
    for event in pages.paginate(StackName=stack_id).search("StackEvents"):
        events.append(event)
        if _begins(event, stack_id):
            break
    return events[::-1]


def _begins(event: StackEventTypeDef, stack_id: str) -> bool:
    """Tell whether this event is the first one of a creation, an update or a deletion."""
    return event.get("PhysicalResourceId") == stack_id and event["ResourceStatus"] in {
        "CREATE_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
    }
