"""Deploy the service, or destroy it, by what ``python -m infra.packaging`` built.

python -m infra.deploy --parameter Managed=true
python -m infra.deploy --parameter DatabaseUrl=... --parameter RedisUrl=...
python -m infra.deploy --destroy
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from infra.deploy import DeploymentFailed, deploy, destroy

_PACKAGES = Path(__file__).resolve().parents[2] / "build" / "packages"


def main() -> None:
    """Deploy and print the outputs, or destroy; exit 1 with the reason if it fails."""
    arguments = _parser().parse_args()
    say = partial(print, file=sys.stderr, flush=True)
    stack, endpoint_url = arguments.stack_name, arguments.endpoint_url
    try:
        if arguments.destroy:
            destroy(stack_name=stack, endpoint_url=endpoint_url, progress=say)
            return
        outputs = deploy(
            arguments.packages,
            stack_name=stack,
            parameters=dict(arguments.parameter),
            endpoint_url=endpoint_url,
            progress=say,
        )
    except DeploymentFailed as error:
        sys.exit(f"deploy: {error}")
    for name, value in sorted(outputs.items()):
        sys.stdout.write(f"{name}={value}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infra.deploy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--packages", type=Path, default=_PACKAGES)
    add("--stack-name", default="linkage")
    add("--endpoint-url", metavar="URL", help="of a LocalStack; AWS if there is none")
    add(
        "--parameter",
        type=_parameter,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of infra/template.yaml; may be repeated",
    )
    add("--destroy", action="store_true", help="delete it with all that it stores")
    return parser


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


if __name__ == "__main__":
    main()
