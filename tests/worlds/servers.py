"""Worlds on real servers: PostgreSQL, Valkey and S3 of the local stack, beside the deployed service.

The tests have a database, a Redis database and buckets of their own; the queues stay in memory, so that a test decides
what is delivered when.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import psycopg2
from redis import Redis

from infra.local.stack import Stack
from linkage.adapters.projects import PostgresProjects
from linkage.adapters.world import connect
from linkage.migrations import migrate
from linkage.ports import World
from linkage.testing.clock import Clock
from linkage.testing.queues import MemoryQueues

DATABASE = "promises"
TABLES = ("projects", "parties", "uploads", "runs", "tombstones", "audit", "timer")
BUCKETS = {"UPLOADS_BUCKET": "promises-uploads", "STORE_BUCKET": "promises-store"}
ROLE = "arn:aws:iam::000000000000:role/upload"


class WorldsOnServers:
    """Worlds that share their servers' databases and buckets, which begin empty."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.connected: list[World] = []

    def make(self, **settings: object) -> World:
        texts = {name.upper(): str(value) for name, value in settings.items()}
        self.connected.append(connect({**self.environment, **texts}))
        return replace(self.connected[-1], queues=MemoryQueues(), now=Clock(datetime.now(UTC).replace(tzinfo=None)))

    def flush_redis(self) -> None:
        Redis.from_url(self.environment["REDIS_URL"]).flushdb()

    def rows_of(self, project_id: str) -> list[str]:
        return [
            table
            for table in TABLES
            if table != "timer"
            and self._query(f"SELECT count(*) FROM {table} WHERE project_id = %s", project_id) != [(0,)]
        ]

    def audit_of(self, project_id: str) -> list[str]:
        rows = self._query("SELECT event FROM audit WHERE project_id = %s ORDER BY audit_id", project_id)
        return [event for (event,) in rows]

    def empty(self) -> None:
        """Remove all rows, keys and objects that an earlier test left."""
        with open_database(self.environment["DATABASE_URL"]) as cursor:
            cursor.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
        self.flush_redis()
        s3 = boto3.client("s3")
        for bucket in BUCKETS.values():
            with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
                s3.create_bucket(Bucket=bucket)
            for stored in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
                s3.delete_object(Bucket=bucket, Key=stored["Key"])

    def close(self) -> None:
        for world in self.connected:
            assert isinstance(world.projects, PostgresProjects)
            world.projects._database.close()

    def _query(self, statement: str, project_id: str) -> list[tuple[Any, ...]]:
        with open_database(self.environment["DATABASE_URL"]) as cursor:
            cursor.execute(statement, [project_id])
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows


@contextmanager
def open_database(url: str) -> Iterator[Any]:
    """Have a cursor in a transaction of its own, on a connection that is closed afterwards."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def create_database(stack: Stack) -> str:
    """Make the tests' own database anew, with the schema of this version, and return its URL."""
    admin = psycopg2.connect(stack.database_url)
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    admin.close()
    url = with_database(stack.database_url, DATABASE)
    migrate(url)
    return url


def with_database(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    head, _, parameters = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{parameters}" if parameters else "")
