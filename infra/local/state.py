"""The record of a local stack: its URLs and its processes.

It is written below the stack's folder as soon as there is anything to stop, so that
whatever an interrupted command left behind is found by the next one.
"""

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from infra.local.processes import Process
from infra.local.servers.running import Running


@dataclass(frozen=True)
class Stack:
    """A local stack that is up: its URLs, credentials and outputs."""

    state: Path
    server_url: str
    aws_endpoint_url: str
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    object_store: str
    s3_endpoint_url: str
    s3_credentials: tuple[str, str] = field(repr=False)
    """Access key id and secret of the object store's administrator."""
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def logs_dir(self) -> Path:
        """The folder of the servers' logs, with those of the functions below `functions/`."""
        return logs_dir(self.state)


def logs_dir(state: Path) -> Path:
    """Return the folder of the logs of the stack with this folder."""
    return state / "logs"


def kept_dir(state: Path) -> Path:
    """Return the folder of the data that outlive the stack: the objects in MinIO, and their database."""
    return state / "kept"


def write_processes(state: Path, running: Sequence[Running]) -> None:
    """Record the servers that have been started so far."""
    _write(state / "processes.json", [asdict(server) for server in running])


def read_processes(state: Path) -> list[Running]:
    """Return the servers that the last command started, running or not."""
    recorded = _read(state / "processes.json") or []
    return [Running(**{**server, "process": Process(**server["process"])}) for server in recorded]


def write_stack(stack: Stack) -> None:
    """Record that a stack is up."""
    _write(stack.state / "stack.json", {**asdict(stack), "state": str(stack.state)})


def read_stack(state: Path) -> Stack | None:
    """Return the stack if all of it is up, else None."""
    running = read_processes(state)
    recorded = _read(state / "stack.json")
    if not recorded or not all(server.process.is_running() for server in running):
        return None
    return Stack(**{**recorded, "state": state, "s3_credentials": tuple(recorded["s3_credentials"])})


def forget(state: Path) -> None:
    """Delete the record: nothing runs."""
    for name in ("stack.json", "processes.json"):
        (state / name).unlink(missing_ok=True)


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Let one command at a time change a stack."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(file: Path, content: object) -> None:
    """Write a file whole or not at all, for its owner alone: it holds passwords."""
    partial = file.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(content, indent=2))
    partial.replace(file)


def _read(file: Path) -> Any:  # noqa: ANN401  JSON is anything
    return json.loads(file.read_text()) if file.exists() else None
