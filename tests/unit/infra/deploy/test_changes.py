"""A plan describes a change set, and never changes anything itself."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, WaiterError
from botocore.paginate import Paginator
from botocore.session import get_session

from infra.deploy import DeploymentFailed, Stage
from infra.deploy.changes import show_changes

STAGE = Stage("test", "linkage-test", "us-east-1", {"Managed": "true"}, {"project": "linkage"})


class ChangeSets:
    """CloudFormation as far as a plan uses it."""

    def __init__(self, changes, *, status="UPDATE_COMPLETE", refusal=None):
        self.changes, self.status, self.refusal, self.calls = changes, status, refusal, []

    def describe_stacks(self, StackName):  # noqa: N803
        if self.status is None:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "it does not exist"}}, "DescribeStacks")
        return {"Stacks": [{"StackName": StackName, "StackStatus": self.status}]}

    def get_waiter(self, _name):
        return self

    def get_paginator(self, name):
        """Return botocore's own, which asks here."""
        models = get_session().get_paginator_model("cloudformation")
        operation = "".join(map(str.capitalize, name.split("_")))
        return Paginator(getattr(self, name), models.get_paginator(operation), None)

    def wait(self, **_names):
        if self.refusal:
            raise WaiterError("waiter", "failed", {"StatusReason": self.refusal})

    def describe_change_set(self, NextToken=None, **_names):  # noqa: N803
        if NextToken is None and len(self.changes) > 1:
            return {"Changes": [{"ResourceChange": self.changes[0]}], "NextToken": "more"}
        return {"Changes": [{"ResourceChange": change} for change in self.changes[1 if NextToken else 0 :]]}

    def __getattr__(self, name):
        return lambda **names: self.calls.append((name, names))


def change(name, kind, action="Modify", **more):
    return {"Action": action, "LogicalResourceId": name, "ResourceType": kind, **more}


def lines_of(client):
    cloud = SimpleNamespace(cloudformation=client, poll_interval_s=0.2)
    return show_changes(cloud, STAGE, "https://template", lambda _line: None)


def test_it_shouts_where_data_would_be_lost():
    details = [{"Target": {"Attribute": "Properties", "Name": "Engine"}}]
    client = ChangeSets(
        [
            change("Cache", "AWS::ElastiCache::ServerlessCache", "Add"),
            change("Database", "AWS::RDS::DBCluster", Replacement="True", Details=details),
            change("StoreBucket", "AWS::S3::Bucket", "Remove"),
            change("UploadsBucket", "AWS::S3::Bucket", Replacement="Conditional"),
            change("Compare", "AWS::Lambda::Function", Replacement="False"),
        ]
    )

    assert lines_of(client) == [
        "+ Cache (AWS::ElastiCache::ServerlessCache)",
        "~ Compare (AWS::Lambda::Function)",
        "~ Database (AWS::RDS::DBCluster): Engine - REPLACED - ITS DATA IS LOST",
        "~ UploadsBucket (AWS::S3::Bucket) - may be replaced - ITS DATA IS LOST",
        "- StoreBucket (AWS::S3::Bucket) - ITS DATA IS LOST",
    ]


@pytest.mark.parametrize(("status", "kind"), [("UPDATE_COMPLETE", "UPDATE"), (None, "CREATE")])
def test_the_change_set_is_made_and_deleted_and_never_executed(status, kind):
    client = ChangeSets([], status=status)

    assert lines_of(client) == []

    (created, asked), (deleted, _), *rest = client.calls
    assert (created, deleted) == ("create_change_set", "delete_change_set")
    assert asked["ChangeSetType"] == kind
    assert asked["Parameters"] == [{"ParameterKey": "Managed", "ParameterValue": "true"}]
    assert asked["Tags"] == [{"Key": "project", "Value": "linkage"}]
    assert [name for name, _ in rest] == ([] if status else ["delete_stack"])


def test_of_a_stack_that_was_never_complete_it_says_that_all_is_made_anew():
    client = ChangeSets([], status="ROLLBACK_COMPLETE")

    (line,) = lines_of(client)

    assert "was never complete" in line
    assert client.calls == []


@pytest.mark.parametrize(
    ("status", "says"), [("DELETE_FAILED", "make destroy"), ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback")]
)
def test_a_stack_that_cannot_be_changed_is_told_with_what_to_do(status, says):
    client = ChangeSets([], status=status)

    with pytest.raises(DeploymentFailed, match=says):
        lines_of(client)

    assert client.calls == []


def test_what_is_under_way_is_waited_for():
    client = ChangeSets([], status="UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    later = ["UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"]
    said = []
    describe = client.describe_stacks

    def describe_stacks(StackName):  # noqa: N803
        client.status = later.pop() if later else "UPDATE_COMPLETE"
        return {"Stacks": [{**describe(StackName)["Stacks"][0], "StackId": "id"}]}

    client.describe_stacks = describe_stacks

    assert (
        show_changes(SimpleNamespace(cloudformation=client, poll_interval_s=0), STAGE, "https://t", said.append) == []
    )

    assert later == []
    assert "waiting for the end of it" in said[0]
    assert [name for name, _ in client.calls] == ["create_change_set", "delete_change_set"]


def test_nothing_to_change_is_no_error():
    refusal = "The submitted information didn't contain changes. Submit different information to create a change set."

    assert lines_of(ChangeSets([], refusal=refusal)) == []


def test_what_cloudformation_refuses_is_told_and_leaves_no_change_set():
    client = ChangeSets([], refusal="Template error: nonsense")

    with pytest.raises(DeploymentFailed, match="nonsense"):
        lines_of(client)

    assert client.calls[-1][0] == "delete_change_set"
