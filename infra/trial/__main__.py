"""Try a deployment: deploy a stage of its own, pass the end-to-end tests on it, destroy it."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
from botocore.exceptions import BotoCoreError, ClientError

from infra.deploy import Cloud, DeploymentFailed
from infra.deploy.stages import read_stage
from infra.local.stack import StackFailed, running_stack
from infra.trial.interruption import SIGNALS, TrialInterrupted, interruptible, persisting
from infra.trial.reporting import say, write_failure
from infra.trial.trial import MINUTES, Surroundings, destroy_trial, run_trial, trial_prefix

LOCAL = "local"
_DATABASE = "trial"


def main(argv: list[str] | None = None) -> int:
    """Run the trial; exit 0 if everything was deployed, tested and destroyed."""
    parser = argparse.ArgumentParser(prog="infra.trial", description=__doc__)
    parser.add_argument("stage", help="a file of infra/stages/, without .yaml; local is this machine's own stack")
    parser.add_argument("--results", type=Path, default=Path("results.xml"), help="file of the results (JUnit)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="the trial has ended by then, or failed")
    parser.add_argument(
        "--take-away", metavar="STACK", help="only destroy what an earlier trial left: it printed the stack's name"
    )
    arguments = parser.parse_args(argv)
    results = arguments.results.absolute()
    results.unlink(missing_ok=True)
    try:
        return _try_it(arguments, results, parser)
    except (Exception, TrialInterrupted) as error:  # noqa: BLE001  the results report every failure
        if isinstance(error, TrialInterrupted | StackFailed | DeploymentFailed):
            say(f"trial: {error}")
        else:
            traceback.print_exception(error)
        write_failure(results, f"{type(error).__name__}: {error}")
        return 1


def _try_it(arguments: argparse.Namespace, results: Path, parser: argparse.ArgumentParser) -> int:
    stage = read_stage(arguments.stage)
    if arguments.take_away:
        if not re.fullmatch(re.escape(trial_prefix(stage)) + "[0-9a-f]{6}", arguments.take_away):
            parser.error(f"{arguments.take_away} is no stack of a trial of stage {stage.name}")
        return _destroy_earlier(arguments.take_away, Cloud(None, stage.region))
    with persisting(), ExitStack() as cleanup:
        with interruptible(60 * arguments.minutes, SIGNALS):
            surroundings = cleanup.enter_context(_locally() if stage.name == LOCAL else _on_aws(stage.region))
        return run_trial(stage, surroundings, results, minutes=arguments.minutes)


def _destroy_earlier(stack_name: str, cloud: Cloud) -> int:
    try:
        destroy_trial(stack_name, cloud)
    except (DeploymentFailed, BotoCoreError, ClientError) as error:
        say(f"trial: {error}")
        return 1
    return 0


@contextmanager
def _on_aws(region: str) -> Iterator[Surroundings]:
    yield Surroundings(Cloud(None, region), {})


@contextmanager
def _locally() -> Iterator[Surroundings]:
    """Run a local stack, with a database of the trial's own beside that of the service."""
    with (
        tempfile.TemporaryDirectory(prefix="trial-") as folder,
        running_stack(Path(folder) / "stack", progress=say) as stack,
    ):
        admin = psycopg2.connect(stack.database_url)
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {_DATABASE}")
        admin.close()
        database_url = urlsplit(stack.database_url)._replace(path=f"/{_DATABASE}").geturl()
        parameters = {
            "DatabaseUrl": database_url,
            "RedisUrl": stack.redis_url.rstrip("/").removesuffix("/0") + "/1",
            "UploadEndpoint": urlsplit(stack.aws_endpoint_url).netloc,
        }
        cloud = Cloud(stack.aws_endpoint_url, "us-east-1")
        yield Surroundings(cloud, parameters, stack.aws_endpoint_url, database_url, str(stack.state))


if __name__ == "__main__":
    sys.exit(main())
