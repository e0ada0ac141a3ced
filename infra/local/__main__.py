"""The commands of the local stack: up, down, status."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.local.stack import (
    LOCALSTACK,
    OBJECT_STORES,
    STATE,
    StackFailed,
    delete_data,
    read_stack,
    start_stack,
    stop_stack,
)
from infra.local.state import kept_dir, read_processes

_PORT = 8851


def _up(arguments: argparse.Namespace) -> int:
    try:
        stack = start_stack(arguments.state, port=arguments.port, object_store=arguments.object_store)
    except StackFailed as error:
        print(f"The local stack could not be started: {error}", file=sys.stderr)
        return 1
    print(f"The local stack is up. Server URL: {stack.server_url}")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    stopped = stop_stack(arguments.state)
    print("The local stack is stopped." if stopped else "The local stack was not up.")
    if arguments.delete_data:
        delete_data(arguments.state)
    elif kept_dir(arguments.state).exists():
        print(f"Its data in MinIO and PostgreSQL are in {kept_dir(arguments.state)}; --delete-data deletes it.")
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
    print(f"Object store: {stack.object_store} at {stack.s3_endpoint_url}")
    print(f"Logs: {stack.logs_dir}")
    print(f"Server URL: {stack.server_url}")
    return 0


def _object_store(name: str) -> str:
    """Return the name of an object store that exists: argparse checks a default by its type, not by the choices."""
    if name not in OBJECT_STORES:
        raise argparse.ArgumentTypeError(f"there is no object store {name!r}; there are {', '.join(OBJECT_STORES)}")
    return name


def add_object_store(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses the object store; its default is the variable OBJECT_STORE."""
    parser.add_argument(
        "--object-store",
        choices=OBJECT_STORES,
        type=_object_store,
        default=os.environ.get("OBJECT_STORE") or LOCALSTACK,
        help="where the objects are (default: OBJECT_STORE, else %(default)s)",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; exit 1 if the stack could not be started, or is not up."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description="The service on this machine.")
    commands = parser.add_subparsers(required=True)
    explained = (
        (_up, "up", "start the servers and deploy the service"),
        (_down, "down", "stop all servers"),
        (_status, "status", "list the servers and URLs; exit 1 if the service is not up"),
    )
    for run, name, help_text in explained:
        command = commands.add_parser(name, help=help_text)
        command.add_argument(
            "--state", type=Path, default=STATE, help="folder of the stack's state (default: %(default)s)"
        )
        command.set_defaults(run=run)
        if run is _up:
            command.add_argument("--port", type=int, default=_PORT, help="port of the API (default: %(default)s)")
            add_object_store(command)
        if run is _down:
            command.add_argument(
                "--delete-data",
                "--remove-data",
                action="store_true",
                help="also delete the data in MinIO and PostgreSQL",
            )
    arguments = parser.parse_args(argv)
    arguments.state = arguments.state.absolute()
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
