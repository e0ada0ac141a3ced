"""Everything that an account lacks is reported at once, before anything is made in it."""

import json
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from infra.deploy import DeploymentFailed, Stage
from infra.deploy.accounts import check_account
from infra.deploy.artifacts import leave_no_snapshots, store_packages


def account(*, free=1000, zones="abc", versions=("16.1", "17.5", "17.7")):
    """An account as AWS describes it."""
    pages = [{"DBEngineVersions": [{"EngineVersion": version}]} for version in versions]
    answer = {"AvailabilityZones": [{"ZoneName": f"us-east-1{letter}"} for letter in zones]}
    return SimpleNamespace(
        is_aws=True,
        region="us-east-1",
        functions=SimpleNamespace(
            get_account_settings=lambda: {"AccountLimit": {"UnreservedConcurrentExecutions": free}}
        ),
        ec2=SimpleNamespace(describe_availability_zones=lambda **_names: answer),
        rds=SimpleNamespace(get_paginator=lambda _name: SimpleNamespace(paginate=lambda **_names: pages)),
    )


def told(packages, cloud, **parameters):
    stage = Stage("test", "test", "us-east-1", {"Managed": "true", **parameters})
    said = []
    try:
        check_account(cloud, stage, packages, said.append)
    except DeploymentFailed as error:
        return str(error).splitlines()[1:]
    return said


def test_an_account_that_has_all_of_it_is_let_pass(packages):
    assert told(packages, account()) == []


def test_all_that_is_in_the_way_is_told_at_once_with_what_to_do(packages):
    concurrency, zone, version = told(packages, account(free=10, zones="ac", versions=["16.1", "17.6", "17.7"]))

    assert "ApiConcurrency: 40" in concurrency
    assert "Set it to 0" in concurrency
    assert "SecondZone: us-east-1 has no zone 'b' for this account, but a, c" in zone
    assert "17.5 any more; of 17 there are 17.6, 17.7" in version


def test_what_the_stage_says_counts(packages):
    small = account(free=10, zones="de", versions=["17.9"])

    assert told(packages, small, ApiConcurrency="0", FirstZone="d", SecondZone="e", DatabaseVersion="17.9") == []


def test_servers_of_ones_own_need_no_zones_and_no_database(packages):
    assert told(packages, account(zones="", versions=[]), Managed="false") == []


def test_who_may_not_ask_may_deploy_all_the_same(packages):
    def refuse():
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetAccountSettings")

    cloud = account()
    cloud.functions.get_account_settings = refuse

    (line,) = told(packages, cloud)

    assert line.startswith("not checked: ")


def test_a_localstack_is_not_asked(packages):
    check_account(SimpleNamespace(is_aws=False), Stage("test", "test", "us-east-1"), packages, print)


def test_a_bucket_of_that_name_that_is_somebody_elses_stops_it(packages):
    """The owner of that bucket could put code into it that is run with our roles."""
    asked = []

    def head_bucket(**names):
        asked.append(names)
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket")

    cloud = SimpleNamespace(account_id="000000000000", region="us-east-1", s3=SimpleNamespace(head_bucket=head_bucket))

    with pytest.raises(DeploymentFailed, match="somebody else's"):
        store_packages(cloud, packages, Stage("test", "test", "us-east-1"), print)

    assert [each["ExpectedBucketOwner"] for each in asked] == ["000000000000"]


def test_a_stage_may_leave_no_snapshot(packages):
    template = json.loads((packages / "template.json").read_text())
    assert template["Resources"]["Database"]["DeletionPolicy"] == "Snapshot"

    leave_no_snapshots(template)

    database = template["Resources"]["Database"]
    assert (database["DeletionPolicy"], database["UpdateReplacePolicy"]) == ("Delete", "Delete")
    assert template["Resources"]["ApiGatewayLogsRole"]["DeletionPolicy"] == "Retain"
