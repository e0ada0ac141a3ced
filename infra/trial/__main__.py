"""Try a deployment: ``python -m infra.trial STAGE`` makes a stage of its own, tests it, and takes it away."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2

from infra.deploy import Cloud, DeploymentFailed
from infra.deploy.stages import read_stage
from infra.local.stack import running_stack
from infra.trial import MINUTES, Surroundings, run_trial

LOCAL = "local"
_DATABASE = "trial"


def main(argv: list[str] | None = None) -> int:
    """Run the trial; exit 0 if everything was made, tested and taken away."""
    parser = argparse.ArgumentParser(prog="infra.trial", description=__doc__)
    parser.add_argument("stage", help="a file of infra/stages/, without .yaml; local is this machine's own stack")
    parser.add_argument("--results", type=Path, default=Path("results.xml"), help="where to write them (JUnit)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="after which it has ended, or failed")
    arguments = parser.parse_args(argv)
    try:
        stage = read_stage(arguments.stage)
    except DeploymentFailed as error:
        print(f"trial: {error}", file=sys.stderr)
        return 1
    where = _locally() if arguments.stage == LOCAL else _on_aws(stage.region)
    with where as surroundings:
        return run_trial(stage, surroundings, arguments.results.absolute(), minutes=arguments.minutes)


@contextmanager
def _on_aws(region: str) -> Iterator[Surroundings]:
    yield Surroundings(Cloud(None, region), {})


@contextmanager
def _locally() -> Iterator[Surroundings]:
    """Have a local stack up, and in it a database of the trial's own, beside that of the service."""
    with (
        tempfile.TemporaryDirectory(prefix="trial-") as folder,
        running_stack(Path(folder) / "stack", progress=_say) as stack,
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


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
