"""Build the deployment packages: ``python -m infra.packaging``."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from infra.packaging import ROOT, PackagingFailed, build


def main() -> None:
    """Build what changed; exit 1 with the reason if it cannot be built."""
    parser = argparse.ArgumentParser(prog="infra.packaging", description=__doc__)
    parser.add_argument("--packages", type=Path, default=ROOT / "build" / "packages")
    packages: Path = parser.parse_args().packages
    try:
        build(packages, progress=partial(print, flush=True))
    except PackagingFailed as error:
        sys.exit(f"packaging: {error}")


if __name__ == "__main__":
    main()
