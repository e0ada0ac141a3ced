"""Start, stop and look at the whole service on this machine.

``python -m infra.local.stack up`` leaves it running; `running_stack` does the same for
as long as a block of code runs.
"""

import argparse
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from infra.deploy import Cloud, DeploymentFailed, Stage, deploy
from infra.local.environments import ROOT
from infra.local.servers import (
    LOOPBACK,
    Server,
    free_port,
    localstack,
    postgres,
    valkey,
)
from infra.local.servers.running import (
    Running,
    ServerFailed,
    await_ready,
    launch,
    log_file,
    tail,
)
from infra.local.state import (
    Stack,
    forget,
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
PORT = 8851
REGION = "us-east-1"  # where existing clients expect the object store

__all__ = [
    "STATE",
    "Stack",
    "StackFailed",
    "read_stack",
    "running_stack",
    "start_stack",
    "stop_stack",
]


class StackFailed(Exception):
    """The stack could not be started; the message says why and what to do."""


@contextmanager
def running_stack(state: Path, *, port: int | None = None, progress: Progress = print) -> Iterator[Stack]:
    """Have a stack up for as long as the block runs.

    One that is up already is used, and left as it is. One that is started here ends
    with this process, however that ends. Without a `port` any free one is taken.
    """
    if stack := read_stack(state):
        yield stack
        return
    stack = start_stack(state, port=port, tied=True, progress=progress)
    try:
        yield stack
    finally:
        stop_stack(state)


def start_stack(state: Path, *, port: int | None, tied: bool = False, progress: Progress = print) -> Stack:
    """Start the servers, deploy the service to them, and return where it is.

    A stack that is up is left alone. What an interrupted start left is stopped first.

    Raises
    ------
    StackFailed
        If anything could not be started or deployed; then nothing is left running.
    """
    with locked(state):
        if stack := read_stack(state):
            return stack
        _clear(state)
        try:
            return _start(state, port or free_port(), tied=tied, progress=progress)
        except BaseException as error:
            _stop_all(state)
            if isinstance(error, (ServerFailed, PackagingFailed, DeploymentFailed)):
                raise StackFailed(_explain(state, error)) from error
            raise


def stop_stack(state: Path) -> bool:
    """Stop all that was started with this folder; tell whether there was anything."""
    if not state.exists():
        return False
    with locked(state):
        return _stop_all(state)


def _start(state: Path, port: int, *, tied: bool, progress: Progress) -> Stack:
    _refuse_taken(port)
    tell = _with_times(progress)
    with ThreadPoolExecutor(1) as side_by_side:
        packages = side_by_side.submit(build, PACKAGES, progress=tell)
        cloud = localstack.prepare(state, api_port=port)
        database, cache = postgres.prepare(state), valkey.prepare(state)
        _launch_all(state, (cloud, database, cache), tied=tied, tell=tell)
        packages.result()
    stack = Stack(
        state=state,
        server_url=f"http://{LOOPBACK}:{port}",
        aws_endpoint_url=cloud.url,
        database_url=database.url,
        redis_url=cache.url,
    )
    stack = replace(stack, outputs=_deploy(stack, tell))
    _await_api(stack)
    tell(f"the service answers at {stack.server_url}")
    write_stack(stack)
    return stack


def _launch_all(state: Path, wanted: Sequence[Server], *, tied: bool, tell: Progress) -> None:
    logs = logs_dir(state)
    started: list[Running] = []
    for server in wanted:
        started.append(launch(server, logs, tied=tied))
        write_processes(state, started)
    # The slowest was started first; told in the order in which they are ready.
    for server, process in reversed(list(zip(wanted, started, strict=True))):
        await_ready(server, process, logs)
        tell(f"{server.name} is up")


def _deploy(stack: Stack, tell: Progress) -> dict[str, str]:
    parameters = {
        "Managed": "false",
        "DatabaseUrl": stack.database_url,
        "RedisUrl": stack.redis_url,
        "UploadEndpoint": urlsplit(stack.aws_endpoint_url).netloc,
        "UploadSecure": "false",
        "ProjectListing": "true",
        "Monitoring": "false",  # LocalStack has neither dashboards nor filters of logs
    }
    with _local_aws_settings():
        stage = Stage("local", "linkage", REGION, parameters)
        return deploy(PACKAGES, stage, Cloud(stack.aws_endpoint_url, REGION), tell)


def _await_api(stack: Stack) -> None:
    url = f"{stack.server_url}/api/v1/status"
    try:
        with urlopen(url, timeout=30) as answer:
            answer.read()
    except (URLError, TimeoutError) as error:
        functions = stack.logs_dir / "functions"
        raise ServerFailed(f"GET {url}: {error}; its log is in {functions}") from error


@contextmanager
def _local_aws_settings() -> Iterator[None]:
    """Keep what the user has set for AWS itself away from the local deployment."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    os.environ.update(nothing, AWS_DEFAULT_REGION=REGION)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


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
    """Stop what an interrupted start left, and remove its logs and data."""
    _stop_all(state)
    shutil.rmtree(logs_dir(state), ignore_errors=True)


def _stop_all(state: Path) -> bool:
    started = read_processes(state)
    for server in started:
        server.stop()
    postgres.remove_data(state)
    localstack.remove_data(state)
    forget(state)
    return bool(started)


def _explain(state: Path, error: Exception) -> str:
    log = log_file("localstack", logs_dir(state))
    last = f"\n{log} ends:\n{tail(log)}" if log.exists() else ""
    return f"{error}{last}\nAll logs are in {logs_dir(state)}; nothing is left running."


def _up(arguments: argparse.Namespace) -> int:
    try:
        stack = start_stack(arguments.state, port=arguments.port)
    except StackFailed as error:
        print(f"The local stack could not be started: {error}", file=sys.stderr)
        return 1
    print(f"The local stack is up. Server URL: {stack.server_url}")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    stopped = stop_stack(arguments.state)
    print("The local stack is stopped." if stopped else "The local stack was not up.")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    for server in read_processes(arguments.state):
        how = "running" if server.process.is_running() else "not running"
        print(f"{server.name}: {how} (process {server.process.pid})")
    stack = read_stack(arguments.state)
    if stack is None:
        print("The local stack is not up.")
        return 1
    print(f"AWS endpoint: {stack.aws_endpoint_url}")
    print(f"Logs: {stack.logs_dir}")
    print(f"Server URL: {stack.server_url}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; exit 1 if the stack could not be started, or is not up."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.stack", description="The service on this machine.")
    commands = parser.add_subparsers(required=True)
    explained = (
        (_up, "up", "start the servers and deploy the service"),
        (_down, "down", "stop everything"),
        (_status, "status", "say what runs, exit 1 if the service does not"),
    )
    for run, name, help_text in explained:
        command = commands.add_parser(name, help=help_text)
        command.add_argument("--state", type=Path, default=STATE, help="its folder")
        command.set_defaults(run=run)
        if run is _up:
            command.add_argument("--port", type=int, default=PORT, help="of the API")
    arguments = parser.parse_args(argv)
    arguments.state = arguments.state.absolute()
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
