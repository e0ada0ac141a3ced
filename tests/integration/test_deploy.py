"""A deployment stores its packages once, changes one stack, and deletes it whole."""

import io
import json
import zipfile
from functools import partial
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from infra.deploy import Cloud, DeploymentFailed, Stage, deploy, destroy, plan

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
MIGRATES = "def handler(event, context): return {}\n"
FAILS = "def handler(event, context): raise LookupError('no such table')\n"


@pytest.fixture(scope="module")
def client(stack):
    """Clients of the local stack's AWS."""
    return partial(
        boto3.client,
        endpoint_url=stack.aws_endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def cloud(stack):
    return Cloud(stack.aws_endpoint_url, "us-east-1")


@pytest.fixture
def small(cloud):
    """A stage of the test's own, beside the service."""
    stage = Stage("small", f"small-{uuid4().hex[:8]}", "us-east-1", tags={"project": "test"})
    yield stage
    destroy(stage.stack_name, cloud)


@pytest.fixture
def packages(tmp_path) -> Path:
    write_packages(tmp_path)
    return tmp_path


def write_packages(folder: Path, migrate=MIGRATES, **buckets: str) -> None:
    """Write packages as `infra.packaging` does, of a stack with little in it."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), migrate)
    (folder / "functions.zip").write_bytes(code.getvalue())
    (folder / "template.json").write_text(json.dumps(small_template(buckets)))


def small_template(buckets: dict[str, str]) -> dict[str, object]:
    migrate = {"Handler": "index.handler", "Role": {"Fn::GetAtt": ["Role", "Arn"]}}
    uploads = {"Fn::Sub": "${AWS::StackName}-uploads"}
    named = {"UploadsBucket": uploads, **buckets}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Globals": {"Function": {"Runtime": "python3.13", "CodeUri": "functions.zip"}},
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": TRUST},
            },
            "Migrate": {"Type": "AWS::Serverless::Function", "Properties": migrate},
            **{
                name: {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}}
                for name, bucket in named.items()
            },
        },
        "Outputs": {
            "MigrateFunction": {"Value": {"Ref": "Migrate"}},
            "UploadsBucket": {"Value": {"Ref": "UploadsBucket"}},
        },
    }


def put(packages: Path, small, cloud) -> tuple[dict[str, str], list[str]]:
    """Deploy; return the outputs and the stored packages."""
    said: list[str] = []
    outputs = deploy(packages, small, cloud, said.append)
    return outputs, [line.split()[1] for line in said if line.startswith("storing")]


def bucket_names(client) -> set[str]:
    return {each["Name"] for each in client("s3").list_buckets()["Buckets"]}


def test_it_makes_the_stack_and_returns_its_outputs(packages, small, cloud, client):
    outputs, stored = put(packages, small, cloud)

    assert outputs["UploadsBucket"] == f"{small.stack_name}-uploads"
    assert outputs["UploadsBucket"] in bucket_names(client)
    assert stored == ["functions.zip", "template.json"]


def test_what_is_there_already_is_not_sent_again(packages, small, cloud):
    first, _ = put(packages, small, cloud)

    second, stored = put(packages, small, cloud)

    assert stored == []
    assert second == first


def test_what_changed_is_sent_and_changes_the_stack(packages, small, cloud, client):
    put(packages, small, cloud)
    another = f"{small.stack_name}-another"
    write_packages(packages, Another=another)

    _, stored = put(packages, small, cloud)

    assert stored == ["template.json"]
    assert another in bucket_names(client)


def test_a_resource_that_fails_is_told_with_its_reason(packages, small, cloud):
    write_packages(packages, Broken="Not A Bucket's Name")

    with pytest.raises(DeploymentFailed, match="Broken"):
        put(packages, small, cloud)


def test_a_stack_that_was_never_complete_is_made_again(packages, small, cloud):
    write_packages(packages, Broken="Not A Bucket's Name")
    with pytest.raises(DeploymentFailed):
        put(packages, small, cloud)
    write_packages(packages)

    outputs, _ = put(packages, small, cloud)

    assert outputs["UploadsBucket"] == f"{small.stack_name}-uploads"


def test_a_migration_that_fails_is_told_with_its_log(packages, small, cloud):
    write_packages(packages, FAILS)

    with pytest.raises(DeploymentFailed, match=r"(?s)no such table.*LookupError"):
        put(packages, small, cloud)


def test_it_destroys_the_stack_with_all_that_is_stored(packages, small, cloud, client):
    outputs, _ = put(packages, small, cloud)
    for number in range(3):
        client("s3").put_object(Bucket=outputs["UploadsBucket"], Key=str(number))

    destroy(small.stack_name, cloud)

    left = bucket_names(client)
    assert not [name for name in left if name.startswith(small.stack_name)]


def test_destroying_what_is_not_there_is_no_error(small, cloud):
    destroy(small.stack_name, cloud)


def test_a_plan_tells_what_would_be_made_and_makes_nothing(packages, small, cloud, client):
    lines = plan(packages, small, cloud, lambda _line: None)

    assert "+ UploadsBucket (AWS::S3::Bucket)" in lines
    assert f"{small.stack_name}-uploads" not in bucket_names(client)
    assert small.stack_name not in stack_names(client)


def test_a_plan_tells_what_would_change_and_changes_nothing(packages, small, cloud, client):
    put(packages, small, cloud)
    write_packages(packages, Another=f"{small.stack_name}-another")

    lines = plan(packages, small, cloud, lambda _line: None)

    assert "+ Another (AWS::S3::Bucket)" in lines
    assert f"{small.stack_name}-another" not in bucket_names(client)
    assert small.stack_name in stack_names(client)


def stack_names(client) -> set[str]:
    stacks = client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"] for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"}
