"""The workers' world, built once per execution environment from its environment variables."""

import os
from functools import cache

from linkage.adapters.world import connect, migration_url
from linkage.ports import World
from linkage.settings import Settings


@cache
def world() -> World:
    """Return this process's world; connections open on first use, so compare never connects to PostgreSQL."""
    return connect(os.environ)


def database_url() -> str:
    """Return the URL by which the migrations connect to the database."""
    return migration_url(os.environ)


def owns_shared_tables() -> bool:
    """Tell whether migrations run as another database user than the other functions sign in as."""
    return Settings.from_environment(os.environ).database_iam
