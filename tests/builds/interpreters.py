"""Interpreters of other Pythons that are on this machine."""

import os
import subprocess

from infra.local.environments import ROOT


def find_python(version: str) -> str | None:
    """Return an interpreter of a version, found where `make` looks for its own, or None; nothing is installed."""
    command = ["sh", str(ROOT / "infra/local/find_python.sh"), version]
    done = subprocess.run(command, env=os.environ | {"NO_INSTALL": "1"}, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None
