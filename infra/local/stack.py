"""Start and stop the whole service on this machine.

``python -m infra.local up`` leaves it running; `running_stack` does the same for as long as
a block of code runs.
"""

import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from infra.deploy import DeploymentFailed
from infra.local.deployment import await_api, deploy_service, reconcile
from infra.local.environments import ROOT
from infra.local.minio import wiring
from infra.local.minio.mirror import MirrorFailed
from infra.local.minio.program import MinioUnavailable, build_minio
from infra.local.servers import (
    LOOPBACK,
    Server,
    free_port,
    localstack,
    postgres,
    valkey,
)
from infra.local.servers.running import (
    ServerFailed,
    await_ready,
    launch,
    log_file,
    tail,
)
from infra.local.state import (
    Stack,
    forget,
    kept_dir,
    locked,
    logs_dir,
    read_processes,
    read_stack,
    write_processes,
    write_stack,
)
from infra.packaging import build
from infra.packaging.tools import PackagingFailed

Progress = Callable[[str], None]

STATE = ROOT / "build" / "stack"
PACKAGES = ROOT / "build" / "packages"
LOCALSTACK, MINIO = OBJECT_STORES = ("localstack", "minio")
_FAILURES = (ServerFailed, PackagingFailed, DeploymentFailed, MirrorFailed, MinioUnavailable, postgres.DataLost)

__all__ = [
    "LOCALSTACK",
    "MINIO",
    "OBJECT_STORES",
    "STATE",
    "Stack",
    "StackFailed",
    "delete_data",
    "read_stack",
    "running_stack",
    "start_stack",
    "stop_stack",
]


class StackFailed(Exception):
    """The stack could not be started; the message says why and what to do."""


@contextmanager
def running_stack(
    state: Path, *, port: int | None = None, object_store: str = LOCALSTACK, progress: Progress = print
) -> Iterator[Stack]:
    """Run a stack for as long as the block runs.

    One that is up already is used, and left as it is. One that is started here ends
    with this process, however that ends. Without a `port` any free one is taken.
    """
    if stack := read_stack(state):
        yield _with_store(stack, object_store)
        return
    stack = start_stack(state, port=port, object_store=object_store, tied=True, progress=progress)
    try:
        yield stack
    finally:
        stop_stack(state)


def start_stack(
    state: Path,
    *,
    port: int | None,
    object_store: str = LOCALSTACK,
    tied: bool = False,
    progress: Progress = print,
) -> Stack:
    """Start the servers, deploy the service to them, and return the stack.

    A stack that is up is left alone. What an interrupted start left is stopped first. With MinIO as the object store
    its objects, and the database that knows of them, are those that an earlier stack with MinIO left.

    Raises
    ------
    StackFailed
        If anything could not be started or deployed; then nothing is left running.
    """
    with locked(state):
        if stack := read_stack(state):
            return _with_store(stack, object_store)
        _clear(state)
        try:
            return _start(state, port or free_port(), object_store, tied=tied, progress=progress)
        except BaseException as error:
            _stop_all(state)
            if isinstance(error, _FAILURES):
                raise StackFailed(_explain(state, error)) from error
            raise


def stop_stack(state: Path) -> bool:
    """Stop all servers of the stack with this folder; return False if there were none."""
    if not state.exists():
        return False
    with locked(state):
        return _stop_all(state)


def delete_data(state: Path) -> None:
    """Delete the data of the stopped stack with this folder: the objects in MinIO, and their database."""
    kept = kept_dir(state)
    postgres.delete_data(kept)
    shutil.rmtree(kept, ignore_errors=True)


def _with_store(stack: Stack, object_store: str) -> Stack:
    if stack.object_store != object_store:
        raise StackFailed(
            f"the stack is up with OBJECT_STORE={stack.object_store}, not {object_store}: stop it first (make down)"
        )
    return stack


def _start(state: Path, port: int, object_store: str, *, tied: bool, progress: Progress) -> Stack:
    _refuse_taken(port)
    tell = _with_times(progress)
    data = kept_dir(state) if object_store == MINIO else state
    data.mkdir(exist_ok=True)
    store = None
    if object_store == MINIO:
        build_minio(tell)
        store = wiring.prepare(state, data)
    with ThreadPoolExecutor(1) as side_by_side:
        packages = side_by_side.submit(build, PACKAGES, progress=tell)
        cloud = localstack.prepare(state, api_port=port, object_store=store.settings if store else None)
        database, cache = postgres.prepare(data), valkey.prepare(state)
        wanted = [cloud, database, cache, *([store.server] if store else [])]
        _launch_all(state, wanted, tied=tied, tell=tell)
        packages.result()
    stack = Stack(
        state=state,
        server_url=f"http://{LOOPBACK}:{port}",
        aws_endpoint_url=cloud.url,
        database_url=database.url,
        redis_url=cache.url,
        object_store=object_store,
        s3_endpoint_url=store.server.url if store else cloud.url,
        s3_credentials=store.administrator if store else ("test", "test"),
    )
    stack = replace(stack, outputs=deploy_service(stack, PACKAGES, tell))
    if store:
        _launch_all(state, [store.connect(stack, PACKAGES / "template.json")], tied=tied, tell=tell)
        reconcile(stack)
    await_api(stack)
    tell(f"the service answers at {stack.server_url}")
    write_stack(stack)
    return stack


def _launch_all(state: Path, wanted: Sequence[Server], *, tied: bool, tell: Progress) -> None:
    logs = logs_dir(state)
    earlier = read_processes(state)
    started = []
    for server in wanted:
        started.append(launch(server, logs, tied=tied))
        write_processes(state, [*earlier, *started])
    # The slowest was started first; told in the order in which they are ready.
    for server, process in reversed(list(zip(wanted, started, strict=True))):
        await_ready(server, process, logs)
        tell(f"{server.name} is up")


def _refuse_taken(port: int) -> None:
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError as error:
        raise StackFailed(
            f"port {port} is taken ({error.strerror}); choose another one with"
            " --port (make up PORT=...), or stop what has it"
        ) from error


def _with_times(progress: Progress) -> Progress:
    began = time.monotonic()
    return lambda line: progress(f"[{time.monotonic() - began:5.1f} s] {line}")


def _clear(state: Path) -> None:
    """Stop the servers that an interrupted start left, and delete its logs and data."""
    _stop_all(state)
    shutil.rmtree(logs_dir(state), ignore_errors=True)


def _stop_all(state: Path) -> bool:
    started = read_processes(state)
    for server in started:
        server.stop()
    postgres.delete_data(state)
    localstack.delete_data(state)
    (state / "object-store.json").unlink(missing_ok=True)
    forget(state)
    return bool(started)


def _explain(state: Path, error: Exception) -> str:
    log = log_file("localstack", logs_dir(state))
    last = f"\n{log} ends:\n{tail(log)}" if log.exists() else ""
    return f"{error}{last}\nAll logs are in {logs_dir(state)}; nothing is left running."
