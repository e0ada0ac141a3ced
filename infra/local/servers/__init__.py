"""The servers of the local stack: for each, the command that starts it.

They come as wheels with the programs inside, listen on loopback alone, and keep
nothing: LocalStack loses all data when it stops, so the database starts empty with it. With
MinIO as the object store, MinIO and the database keep their data.
"""

import contextlib
import secrets
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
_PORTS = range(16_384, 32_768)
_PORTS_TRIED = 100


@dataclass(frozen=True)
class Server:
    """One server: its command, its check for readiness, and the signal that stops it."""

    name: str
    url: str
    command: tuple[str | Path, ...]
    is_ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM


def wheel(package: str) -> Path:
    """Return the folder of an installed package, without running any of its code."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed; run `make setup`")
    return Path(spec.origin).parent


def free_port() -> int:
    """Return a port that nothing listens on.

    Below those that systems give to outgoing connections: one of these would often be taken before the server has it.
    At random, so that stacks that start at the same time seldom choose the same.
    """
    for _ in range(_PORTS_TRIED):
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        with contextlib.suppress(OSError), socket.create_server((LOOPBACK, port)):
            return port
    raise OSError(f"cannot listen on {LOOPBACK}: {_PORTS_TRIED} ports were tried")


def is_listening(url: str) -> bool:
    """Tell whether a server takes connections at the host and port of a URL."""
    parts = urlsplit(url)
    with contextlib.suppress(OSError):
        socket.create_connection((parts.hostname, parts.port), timeout=1).close()
        return True
    return False
