"""Worlds on real servers: PostgreSQL, Valkey and S3 of the local stack, beside what is deployed there.

The tests have a database, a Redis database and buckets of their own; the queues stay in memory, so that a test decides
what is delivered when.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import boto3
import psycopg2
import pytest
from redis import Redis

from linkage.adapters.world import connect
from linkage.migrations import migrate
from linkage.testing.clock import Clock
from linkage.testing.queues import MemoryQueues

DATABASE = "promises"
TABLES = ("projects", "parties", "uploads", "runs", "tombstones", "audit", "timer")
BUCKETS = {"UPLOADS_BUCKET": "promises-uploads", "STORE_BUCKET": "promises-store"}


@pytest.fixture(scope="session")
def database_url(stack):
    """A database of its own, with the schema of this version."""
    admin = psycopg2.connect(stack.database_url)
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    admin.close()
    url = with_database(stack.database_url, DATABASE)
    migrate(url)
    return url


@pytest.fixture(scope="session")
def redis_url(stack):
    return stack.redis_url.rstrip("/").removesuffix("/0") + "/1"


@pytest.fixture
def aws(stack, monkeypatch):
    """Have boto3 speak to the stack."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.aws_endpoint_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", stack.s3_endpoint_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", stack.s3_endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", stack.s3_credentials[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", stack.s3_credentials[1])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def buckets(aws):
    """Two empty buckets."""
    s3 = boto3.client("s3")
    for bucket in BUCKETS.values():
        with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=bucket)
        for found in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=found["Key"])
    return BUCKETS


@pytest.fixture
def make_world(database_url, redis_url, buckets):
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    connection.close()
    Redis.from_url(redis_url).flushdb()
    environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "UPLOAD_ROLE_ARN": ROLE, **buckets}
    worlds = []

    def make(**settings):
        text = {name.upper(): str(value) for name, value in settings.items()}
        world = connect(environment | text)
        worlds.append(world)
        return replace(world, queues=MemoryQueues(), now=Clock(datetime.now(UTC).replace(tzinfo=None)))

    yield make
    for world in worlds:
        world.projects._database.close()


ROLE = "arn:aws:iam::000000000000:role/upload"


@pytest.fixture
def flush_redis(redis_url):
    return lambda _world: Redis.from_url(redis_url).flushdb()


@pytest.fixture
def rows_of(database_url):
    """A function from a project's id to the tables that still have rows of it."""

    def rows(project_id):
        connection = psycopg2.connect(database_url)
        try:
            with connection, connection.cursor() as cursor:
                return [table for table in TABLES if table != "timer" and count(cursor, table, project_id)]
        finally:
            connection.close()

    return rows


def count(cursor, table, project_id):
    cursor.execute(f"SELECT count(*) FROM {table} WHERE project_id = %s", [project_id])
    return cursor.fetchone()[0]


def with_database(url, name):
    """Return the URL of another database of the same server."""
    head, _, parameters = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{parameters}" if parameters else "")


@pytest.fixture
def audit_of(database_url):
    """A function from a project's id to what the audit trail says of it."""

    def audit(project_id):
        connection = psycopg2.connect(database_url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT event FROM audit WHERE project_id = %s ORDER BY audit_id", [project_id])
                return [event for (event,) in cursor.fetchall()]
        finally:
            connection.close()

    return audit
