"""Run the demo; exit 0 only if it came out as promised."""

import argparse
import shutil
import signal
import sys
from contextlib import ExitStack
from types import FrameType

from infra.local.__main__ import add_object_store
from infra.local.demo.client import AnonlinkClient, ClientError
from infra.local.demo.steps import Steps
from infra.local.demo.walkthrough import demonstrate
from infra.local.environments import ROOT
from infra.local.stack import STATE, StackFailed, running_stack
from infra.local.state import logs_dir

_FOLDER = ROOT / "build" / "demo"
_LOG = _FOLDER / "client.log"


def main() -> int:
    """Exit 0 if all is as promised, 1 if not, 2 for wrong usage, 130 if interrupted."""
    arguments = _parse()
    signal.signal(signal.SIGTERM, _interrupt)
    steps = Steps(sys.stdout)
    try:
        with ExitStack() as cleanup:
            server_url = arguments.server or _start_stack(cleanup, steps, arguments.object_store)
            kept = _demonstrate(server_url, arguments.threshold, steps)
        steps.end("as promised" if kept else "NOT AS PROMISED")
    except (ClientError, StackFailed) as error:
        sys.stderr.write(f"\ndemo: {error}\n\n{_logs(arguments.server)}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ndemo: interrupted\n")
        return 130
    return 0 if kept else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.demo",
        description="Link FEBRL4 with anonlink-client and judge the result.",
    )
    parser.add_argument(
        "--server",
        metavar="URL",
        type=lambda url: url.rstrip("/"),
        help="a server that is up; otherwise the local stack, started if it is down",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.8,
        help="Dice coefficient from which two records may match (default: %(default)s)",
    )
    add_object_store(parser)
    return parser.parse_args()


def _start_stack(cleanup: ExitStack, steps: Steps, object_store: str) -> str:
    def show(line: str) -> None:
        steps.say(f"    {line}")

    with steps.step("start the local stack, unless it is up"):
        return cleanup.enter_context(running_stack(STATE, object_store=object_store, progress=show)).server_url


def _demonstrate(server_url: str, threshold: float, steps: Steps) -> bool:
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    steps.say(f"  server: {server_url}")
    client = AnonlinkClient(server_url, log=_LOG)
    return demonstrate(client, _FOLDER, threshold, steps)


def _logs(server: str | None) -> str:
    """Name the logs; those of a server elsewhere are not known here."""
    ours = [] if server else [f"What the service logged: {logs_dir(STATE)}"]
    return "\n".join([f"All that the client said: {_LOG}", *ours])


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Let a terminated demo stop what it started, as an interrupted one does."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
