"""The workers' world, built once per execution environment from its environment variables."""

import os
from functools import cache

from linkage.adapters.world import connect, migration_url
from linkage.ports import World


@cache
def world() -> World:
    """Return this process's world; connections open on first use, so compare never connects to PostgreSQL."""
    return connect(os.environ)


def database_url() -> str:
    """Return the URL with which the migrations connect."""
    return migration_url(os.environ)
