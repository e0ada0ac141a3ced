"""Deploy a stage of infra/stages/, show what that would change, or destroy it.

python -m infra.deploy plan prod
python -m infra.deploy deploy prod
python -m infra.deploy destroy prod --confirm prod
"""

from __future__ import annotations

import argparse
import os
import sys

from botocore.exceptions import BotoCoreError, ClientError

from infra.deploy import Cloud, DeploymentFailed, Stage, deploy, destroy, plan
from infra.deploy.preparation import prepare_packages
from infra.deploy.smoke import smoke_test
from infra.deploy.stages import read_stage
from infra.packaging import PackagingFailed


def say(line: str) -> None:
    """Print a line of progress to stderr."""
    print(line, file=sys.stderr, flush=True)


def main(argv: list[str] | None = None) -> int:
    """Run the command; exit 1 with the reason if it fails."""
    arguments = _parser().parse_args(argv)
    try:
        stage = read_stage(arguments.stage)
        arguments.run(stage, arguments)
    except (DeploymentFailed, PackagingFailed, BotoCoreError, ClientError) as error:
        say(f"{arguments.command} {arguments.stage}: {error}")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infra.deploy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for run, name, help_text in (
        (_deploy, "deploy", "create or update the stack from the sources and the stage, and smoke-test it"),
        (_plan, "plan", "show what deploying would change, and change nothing"),
        (_destroy, "destroy", "delete the stack with all that it stores"),
    ):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("stage", help="a file of infra/stages/, without .yaml")
        command.add_argument("--endpoint-url", metavar="URL", help="of a LocalStack (default: AWS)")
        command.set_defaults(run=run)
        if run is _destroy:
            command.add_argument("--confirm", metavar="STAGE", help="the stage's name again (default: ask for it)")
    return parser


def _deploy(stage: Stage, arguments: argparse.Namespace) -> None:
    cloud = _cloud(stage, arguments)
    outputs = deploy(prepare_packages(stage, say), stage, cloud, say)
    url = cloud.server_url(outputs)
    smoke_test(url, say)
    for name, value in sorted(outputs.items()):
        print(f"{name}={value}")
    print(f"Server URL: {url}")


def _plan(stage: Stage, arguments: argparse.Namespace) -> None:
    lines = plan(prepare_packages(stage, say), stage, _cloud(stage, arguments), say)
    print("\n".join(lines) if lines else "nothing would change")


def _destroy(stage: Stage, arguments: argparse.Namespace) -> None:
    confirmation = arguments.confirm or _ask(stage)
    if confirmation != stage.name:
        raise DeploymentFailed("not confirmed: nothing was deleted")
    destroy(stage.stack_name, _cloud(stage, arguments), say)


def _ask(stage: Stage) -> str:
    if not sys.stdin.isatty():
        return ""
    say(f"This deletes stack {stage.stack_name} in {stage.region} with every project, upload and result in it.")
    return input("Type the stage's name to go on: ")


def _cloud(stage: Stage, arguments: argparse.Namespace) -> Cloud:
    return Cloud(arguments.endpoint_url or os.environ.get("AWS_ENDPOINT_URL"), stage.region)


if __name__ == "__main__":
    sys.exit(main())
