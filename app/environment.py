"""The API's world, built once per execution environment from its environment variables."""

import os
from functools import cache

from linkage.adapters.world import connect
from linkage.ports import World


@cache
def world() -> World:
    """Return this process's world; connections open on first use."""
    return connect(os.environ)
