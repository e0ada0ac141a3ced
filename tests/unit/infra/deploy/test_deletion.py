"""A stack can be deleted whatever its state, and deleting it can be repeated."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from infra.deploy import DeploymentFailed, deletion, destroy
from infra.deploy.deletion import ATTEMPTS, delete_stack


class Aws:
    """CloudFormation, RDS and S3 as far as deleting a stack uses them; notes each request."""

    account_id, region, poll_interval_s = "000000000000", "us-east-1", 0

    def __init__(self, *, protected=True, failures=0, cluster="gone-1", status="CREATE_COMPLETE"):
        self.notes, self.failures, self.cluster, self.status = [], failures, cluster, status
        self.stack = {"StackId": "id", "StackName": "s", "EnableTerminationProtection": protected}
        self.cloudformation = self.rds = self.s3 = self
        self.looks = 0

    def describe_stacks(self, StackName):  # noqa: N803
        if self.status == "UPDATE_IN_PROGRESS":
            self.notes.append("update goes on")
            self.looks += 1
            if self.looks > 2:
                self.status = "UPDATE_COMPLETE"
        if self.status is None:
            raise refusal("ValidationError", "Stack does not exist")
        return {"Stacks": [{**self.stack, "StackStatus": self.status}]}

    def get_paginator(self, name):
        pages = {
            "list_stack_resources": {"StackResourceSummaries": self.resources()},
            "list_objects_v2": {"Contents": [{"Key": "k"}]},
            "describe_stack_events": {"StackEvents": []},
        }
        return SimpleNamespace(paginate=lambda **_names: Pages([pages[name]]))

    def resources(self):
        made = [("Database", "AWS::RDS::DBCluster", "s-1"), ("Uploads", "AWS::S3::Bucket", "uploads")]
        resources = [
            {"LogicalResourceId": name, "ResourceType": kind, "PhysicalResourceId": there, "ResourceStatus": "DONE"}
            for name, kind, there in made
        ]
        gone = {**resources[1], "PhysicalResourceId": "gone", "ResourceStatus": "DELETE_COMPLETE"}
        another = {**resources[1], "PhysicalResourceId": "somebody-elses", "ResourceStatus": "CREATE_FAILED"}
        return [*resources, gone, another, {**resources[1], "PhysicalResourceId": ""}]

    def describe_db_clusters(self, DBClusterIdentifier):  # noqa: N803
        if self.cluster != DBClusterIdentifier:
            raise refusal("DBClusterNotFoundFault", "it is gone")
        return {"DBClusters": [{"DeletionProtection": True}]}

    def delete_stack(self, **_names):
        self.notes.append("delete_stack")
        self.status = "DELETE_FAILED" if self.failures else None
        self.failures -= 1

    def delete_objects(self, Bucket, **_names):  # noqa: N803
        self.notes.append(f"empty {Bucket}")
        return {}

    def __getattr__(self, name):
        return lambda **names: self.notes.append(name)


class Pages(list):
    def search(self, _words):
        return []


def refusal(code, message):
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


def delete(aws):
    delete_stack(aws, "s", lambda _line: None)
    return aws.notes


def test_what_protects_is_taken_off_and_what_is_stored_is_deleted_before_the_stack():
    assert delete(Aws(cluster="s-1")) == [
        "update_termination_protection",
        "modify_db_cluster",
        "put_bucket_logging",
        "empty uploads",
        "delete_stack",
    ]


@pytest.mark.parametrize("status", ["ROLLBACK_FAILED", "DELETE_FAILED", "CREATE_IN_PROGRESS"])
def test_so_it_is_whatever_the_state_of_the_stack(status):
    """A stack that was never complete has no outputs, and may have a database that RDS does not delete."""
    assert "modify_db_cluster" in delete(Aws(cluster="s-1", status=status, protected=False))


def test_a_database_that_is_gone_already_is_in_nobodys_way():
    assert delete(Aws(cluster="another", protected=False)) == ["put_bucket_logging", "empty uploads", "delete_stack"]


def test_a_bucket_that_got_something_again_is_emptied_again():
    notes = delete(Aws(failures=ATTEMPTS - 1))

    assert notes.count("empty uploads") == notes.count("delete_stack") == ATTEMPTS


def test_what_cannot_be_deleted_is_told():
    aws = Aws(failures=ATTEMPTS)

    with pytest.raises(DeploymentFailed, match="DELETE_FAILED"):
        delete(aws)

    assert aws.notes.count("delete_stack") == ATTEMPTS


def test_a_stack_that_is_gone_is_no_error():
    assert delete(Aws(status=None)) == []


def test_what_is_being_updated_is_left_alone_until_that_is_over():
    """CloudFormation would refuse to delete it, and could not go back without its packages."""
    aws = Aws(status="UPDATE_IN_PROGRESS", protected=False)

    destroy("s", aws, lambda _line: None)

    updating = aws.notes.count("update goes on")
    assert updating > 1
    assert set(aws.notes[:updating]) == {"update goes on"}
    assert aws.notes[-1] == "delete_stack"


def test_the_packages_go_before_the_stack_so_that_nothing_is_left_if_nobody_waits(monkeypatch):
    aws = Aws()
    monkeypatch.setattr(deletion, "attempt_deletion", lambda *_args: (_ for _ in ()).throw(KeyboardInterrupt))

    with pytest.raises(KeyboardInterrupt):
        destroy("s", aws, lambda _line: None)

    assert aws.notes[:2] == ["empty s-artifacts-000000000000-us-east-1", "delete_bucket"]
