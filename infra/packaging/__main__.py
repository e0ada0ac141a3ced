"""Build the deployment packages: ``python -m infra.packaging``."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from infra.packaging import PackagingFailed, build, packages_folder
from infra.packaging.anonlink import build_anonlink_here
from infra.packaging.kernel import build_kernel
from infra.packaging.runtimes import ARCHITECTURES, DEFAULT, NAMES, RUNTIMES


def main() -> None:
    """Build what changed; exit 1 with the reason if that fails."""
    parser = argparse.ArgumentParser(prog="infra.packaging", description=__doc__)
    parser.add_argument("--packages", type=Path, help="folder (default: one of build/ for each runtime)")
    parser.add_argument("--runtime", choices=NAMES, default=DEFAULT.name, help="Lambda's Python to build for")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default=DEFAULT.architecture, help="the processor")
    parser.add_argument("--kernel", action="store_true", help="build the native kernel and nothing else")
    parser.add_argument(
        "--anonlink", action="store_true", help="build anonlink for this Python and machine, and no more"
    )
    arguments = parser.parse_args()
    progress = partial(print, flush=True)
    try:
        if arguments.kernel:
            build_kernel(progress=progress)
        elif arguments.anonlink:
            build_anonlink_here(progress=progress)
        else:
            runtime = RUNTIMES[arguments.runtime, arguments.architecture]
            build(arguments.packages or packages_folder(runtime), runtime=runtime, progress=progress)
    except PackagingFailed as error:
        sys.exit(f"packaging: {error}")


if __name__ == "__main__":
    main()
