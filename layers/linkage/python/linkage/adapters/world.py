"""The world of the deployed service: all adapters. Each connects when it is first used."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

import boto3
from botocore.config import Config
from redis import Redis

from linkage.adapters.credentials import Grant, StsCredentials
from linkage.adapters.database import Database
from linkage.adapters.objects import S3Objects
from linkage.adapters.progress import RedisCache, RedisProgress
from linkage.adapters.projects import PostgresProjects
from linkage.adapters.queues import SqsQueues
from linkage.adapters.runs import PostgresRuns
from linkage.adapters.sign_in import CacheToken, database_token
from linkage.adapters.tombstones import PostgresTimer, PostgresTombstones
from linkage.adapters.uploads import PostgresUploads
from linkage.ports import World
from linkage.settings import Settings

_RETRIES = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=5)
_SIGNED_S3 = _RETRIES.merge(Config(signature_version="s3v4", s3={"addressing_style": "path"}))
_REDIS_TIMEOUT_S = 2.0
"""Short, because the service works without Redis."""

_QUEUE_URL, _DEAD_LETTERS_URL = "_QUEUE_URL", "_DEAD_LETTERS_URL"


def connect(environment: Mapping[str, str]) -> World:
    """Return the world that the environment variables describe (see `linkage.settings` and `infra/template.yaml`)."""
    settings = Settings.from_environment(environment)
    token = database_token if settings.database_iam else None
    database = Database(settings.database_url.get_secret_value(), token=token)
    redis = _redis(settings)
    return World(
        settings=settings,
        projects=PostgresProjects(database),
        uploads=PostgresUploads(database),
        runs=PostgresRuns(database),
        tombstones=PostgresTombstones(database),
        timer=PostgresTimer(database),
        objects=S3Objects(boto3.client("s3", config=_SIGNED_S3)),
        queues=SqsQueues(
            boto3.client("sqs", config=_RETRIES),
            _by_worker(environment, _QUEUE_URL),
            _by_worker(environment, _DEAD_LETTERS_URL),
        ),
        progress=RedisProgress(redis),
        cache=RedisCache(redis),
        credentials=StsCredentials(
            boto3.client("sts", config=_RETRIES),
            uploads=Grant(settings.upload_role_arn, settings.uploads_bucket),
            downloads=Grant(settings.download_role_arn, settings.store_bucket, settings.store_key_arn),
            duration_s=settings.credential_duration_s,
        ),
        now=_now,
    )


def migration_url(environment: Mapping[str, str]) -> str:
    """Return the database URL for migrations. It contains a secret: a password, or a token in its place."""
    settings = Settings.from_environment(environment)
    url = settings.database_url.get_secret_value()
    if not settings.database_iam:
        return url
    user, at, address = url.removeprefix("postgresql://").partition("@")
    return f"postgresql://{user}:{quote(database_token(url), safe='')}{at}{address}"


def _redis(settings: Settings) -> Redis:
    cache, user = settings.redis_iam_cache, settings.redis_iam_user
    return Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=_REDIS_TIMEOUT_S,
        socket_connect_timeout=_REDIS_TIMEOUT_S,
        credential_provider=CacheToken(cache, user) if cache else None,
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _by_worker(environment: Mapping[str, str], suffix: str) -> dict[str, str]:
    """Return queue URLs by worker: ``PLAN_QUEUE_URL`` is the worker `plan`'s."""
    return {name.removesuffix(suffix).lower(): url for name, url in environment.items() if name.endswith(suffix)}
