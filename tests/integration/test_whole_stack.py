"""The template that AWS gets, deployed once more beside the service: it works, changes, and goes away whole.

Its database, cache and everything that is named after a stack are its own, so the two do not see one another.
"""

import json
import shutil
import zipfile
from uuid import uuid4

import boto3
import psycopg2
import pytest

from infra.deploy import Cloud, Stage, deploy, destroy
from infra.deploy.smoke import smoke_test
from infra.packaging import ROOT, build
from tests.worlds.servers import with_database

REGION = "us-east-1"


@pytest.fixture(scope="module")
def cloud(stack):
    return Cloud(stack.aws_endpoint_url, REGION)


@pytest.fixture(scope="module")
def stage(stack):
    """A stage of the test's own, with an empty database."""
    name = f"whole-{uuid4().hex[:8]}"
    database = name.replace("-", "_")
    execute(stack, f"CREATE DATABASE {database}")
    parameters = {
        "DatabaseUrl": with_database(stack.database_url, database),
        "RedisUrl": stack.redis_url.rstrip("/").removesuffix("/0") + "/2",
        "UploadEndpoint": stack.aws_endpoint_url.removeprefix("http://"),
        "UploadSecure": "false",
        "Monitoring": "false",
    }
    yield Stage("whole", name, REGION, parameters, tags={"project": "linkage", "stage": "whole"})
    execute(stack, f"DROP DATABASE {database} WITH (FORCE)")


def execute(stack, statement):
    connection = psycopg2.connect(stack.database_url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


@pytest.fixture(scope="module")
def made_of(cloud):
    """A function from a name to all resources with that name, of each kind that the template makes."""

    def client(service):
        return boto3.client(
            service,
            endpoint_url=cloud.s3.meta.endpoint_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def every(service, operation, result):
        pages = client(service).get_paginator(operation).paginate()
        return [json.dumps(resource, default=str) for resource in pages.search(f"{result}[]") if resource]

    def versions(layer):  # LocalStack cannot list layers once one has no version
        return client("lambda").list_layer_versions(LayerName=layer)["LayerVersions"]

    def log_groups():  # but those that LocalStack makes: it does not know that functions may write to another
        return [group for group in every("logs", "describe_log_groups", "logGroups") if "/aws/lambda/" not in group]

    def named(name):
        resources = {
            "functions": every("lambda", "list_functions", "Functions"),
            "layers": [name + layer for layer in ("-linkage", "-dependencies") if versions(name + layer)],
            "event sources": every("lambda", "list_event_source_mappings", "EventSourceMappings"),
            "queues": every("sqs", "list_queues", "QueueUrls"),
            "roles": every("iam", "list_roles", "Roles"),
            "policies": every("iam", "list_policies", "Policies"),
            "rules": [json.dumps(rule) for rule in client("events").list_rules()["Rules"]],
            "log groups": log_groups(),
            "APIs": every("apigateway", "get_rest_apis", "items"),
            "alarms": every("cloudwatch", "describe_alarms", "MetricAlarms"),
            "buckets": [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]],
        }
        return {kind: named for kind, each in resources.items() if (named := [one for one in each if name in one])}

    return named


@pytest.fixture(scope="module")
def changed_packages(tmp_path_factory):
    """The packages, with workers that are a little different."""
    packages = shutil.copytree(build(ROOT / "build" / "packages"), tmp_path_factory.mktemp("changed") / "packages")
    archive = packages / "functions.zip"
    with zipfile.ZipFile(archive) as before:
        files = {name: before.read(name) for name in before.namelist()}
    files["functions/migrate.py"] = files["functions/migrate.py"].replace(b'"migrated": True', b'"migrated": "again"')
    with zipfile.ZipFile(archive, "w") as after:
        for name, body in files.items():
            after.writestr(zipfile.ZipInfo(name), body)
    return packages


def test_it_is_made_works_is_changed_works_and_leaves_nothing(stage, cloud, made_of, changed_packages):
    said: list[str] = []
    outputs = deploy(build(ROOT / "build" / "packages"), stage, cloud, said.append)
    try:
        smoke_test(cloud.server_url(outputs), said.append)
        made = made_of(stage.stack_name)
        assert len(made) == 11, f"the test looks for what is not made: {made.keys()}"
        before = cloud.functions.get_function_configuration(FunctionName=outputs["MigrateFunction"])["CodeSha256"]

        again = deploy(changed_packages, stage, cloud, said.append)

        after = cloud.functions.invoke(FunctionName=outputs["MigrateFunction"])["Payload"].read()
        assert json.loads(after) == {"migrated": "again"}
        assert before != cloud.functions.get_function_configuration(FunctionName=again["MigrateFunction"])["CodeSha256"]
        assert again == outputs
        smoke_test(cloud.server_url(again), said.append)
    finally:
        destroy(stage.stack_name, cloud, said.append)
    assert made_of(stage.stack_name) == {}
