"""Start servers, wait for them, and stop them again."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local import processes
from infra.local.processes import Process
from infra.local.servers import Server

_PATIENCE_S = 180
"""LocalStack takes 10 s on a quiet machine, and more than a minute on one that does other work."""
_LAST_LINES = 20
# The only variables that a server gets from the user's environment: settings of AWS,
# Python or a proxy that are meant for other things must not reach it.
_INHERITED = ("HOME", "LANG", "PATH", "TMPDIR", "USER")


class ServerFailed(Exception):
    """A server did not start; the message ends with the last lines of its log."""


@dataclass(frozen=True)
class Running:
    """The process of a server, and the signal that stops it."""

    name: str
    process: Process
    stop_signal: int

    def stop(self) -> None:
        """Stop the server if it is running."""
        processes.stop(self.process, signal.Signals(self.stop_signal))


def launch(server: Server, logs: Path, *, tied: bool) -> Running:
    """Start a server without waiting for it; if `tied`, it ends with this process."""
    logs.mkdir(parents=True, exist_ok=True)
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    process = processes.start(
        server.command,
        log=log_file(server.name, logs),
        environment={**inherited, **server.environment},
        user=server.user,
        parent_death_signal=server.stop_signal if tied else None,
    )
    return Running(server.name, process, server.stop_signal)


def await_ready(server: Server, running: Running, logs: Path) -> None:
    """Wait until a server can be used.

    Raises
    ------
    ServerFailed
        If it ended, or is not ready in time.
    """
    process = running.process
    processes.wait_until(lambda: not process.is_running() or server.is_ready(), _PATIENCE_S)
    if not process.is_running() or not server.is_ready():
        log = log_file(server.name, logs)
        raise ServerFailed(f"{server.name} did not start; {log} ends:\n{tail(log)}")


@contextmanager
def running(server: Server, logs: Path) -> Iterator[Server]:
    """Run a server for as long as the block runs."""
    started = launch(server, logs, tied=True)
    try:
        await_ready(server, started, logs)
        yield server
    finally:
        started.stop()


def log_file(name: str, logs: Path) -> Path:
    """Return the log file of a server."""
    return logs / f"{name}.log"


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
