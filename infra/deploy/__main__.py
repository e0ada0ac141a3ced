"""Deploy a stage, show what that would change, or destroy it: see infra/stages/.

python -m infra.deploy plan prod
python -m infra.deploy deploy prod
python -m infra.deploy destroy prod --confirm prod
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from infra.deploy import Cloud, DeploymentFailed, Stage, deploy, destroy, plan
from infra.deploy.smoke import smoke_test
from infra.deploy.stages import read_stage
from infra.packaging import ROOT, PackagingFailed, build
from infra.packaging.runtimes import DEFAULT, RUNTIMES

PACKAGES = ROOT / "build" / "packages"
CERTIFICATES = ROOT / "layers" / "linkage" / "certificates" / "rds.pem"


def say(line: str) -> None:
    """Tell who waits how far it has come."""
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
        (_deploy, "deploy", "make the stack what the sources and the stage say, and try it"),
        (_plan, "plan", "show what deploying would change, and change nothing"),
        (_destroy, "destroy", "delete the stack with all that it stores"),
    ):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("stage", help="a file of infra/stages/, without .yaml")
        command.add_argument("--endpoint-url", metavar="URL", help="of a LocalStack; AWS if there is none")
        command.set_defaults(run=run)
        if run is _destroy:
            command.add_argument("--confirm", metavar="STAGE", help="the stage's name again; else it is asked for")
    return parser


def _deploy(stage: Stage, arguments: argparse.Namespace) -> None:
    cloud = _cloud(stage, arguments)
    outputs = deploy(_packages(stage), stage, cloud, say)
    url = cloud.server_url(outputs)
    smoke_test(url, say)
    for name, value in sorted(outputs.items()):
        print(f"{name}={value}")
    print(f"Server URL: {url}")


def _plan(stage: Stage, arguments: argparse.Namespace) -> None:
    lines = plan(_packages(stage), stage, _cloud(stage, arguments), say)
    print("\n".join(lines) if lines else "nothing would change")


def _destroy(stage: Stage, arguments: argparse.Namespace) -> None:
    wanted = arguments.confirm or _ask(stage)
    if wanted != stage.name:
        raise DeploymentFailed("not confirmed: nothing was deleted")
    destroy(stage.stack_name, _cloud(stage, arguments), say)


def _ask(stage: Stage) -> str:
    if not sys.stdin.isatty():
        return ""
    say(f"This deletes stack {stage.stack_name} in {stage.region} with every project, upload and result in it.")
    return input("Type the stage's name to go on: ")


def _cloud(stage: Stage, arguments: argparse.Namespace) -> Cloud:
    return Cloud(arguments.endpoint_url or os.environ.get("AWS_ENDPOINT_URL"), stage.region)


def _packages(stage: Stage) -> Path:
    """Build what is deployed, and check that the stage speaks of what its template knows."""
    runtime = RUNTIMES[stage.runtime]
    folder = PACKAGES if runtime == DEFAULT else PACKAGES.with_name(f"packages-{runtime.name}")
    packages = build(folder, runtime=runtime, progress=say)
    _check(stage, packages)
    return packages


def _check(stage: Stage, packages: Path) -> None:
    """Fail before anything is touched, and with a word that helps."""
    known = json.loads((packages / "template.json").read_bytes())["Parameters"]
    if stage.parameters.get("Managed") == "true" and f"RDS {stage.region} Root CA" not in CERTIFICATES.read_text():
        raise DeploymentFailed(
            f"{CERTIFICATES.relative_to(ROOT)} has no certificate for databases in {stage.region}: functions could not"
            " verify theirs. Take that region's from AWS's own bundle (docs/operations.md, 'Rotate')"
        )
    if unknown := stage.parameters.keys() - known.keys():
        raise DeploymentFailed(f"infra/stages/{stage.name}.yaml has unknown parameters: {', '.join(sorted(unknown))}")


if __name__ == "__main__":
    sys.exit(main())
