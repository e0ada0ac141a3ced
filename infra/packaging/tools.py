"""The tools that packaging runs, and what it says when one of them fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_UV = Path(__file__).resolve().parents[2] / "build/environments/uv/bin/uv"


class PackagingFailed(Exception):
    """The packages cannot be built; the message says why."""


def run(command: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str]) -> str:
    """Run a command to its end and return all that it said.

    What the user has set for AWS is kept from it: packages are nobody's in particular.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PackagingFailed(f"{Path(command[0]).name} failed:\n{done.stdout}")
    return done.stdout


def find_uv() -> str:
    """Find uv where the set-up puts it, else on the path."""
    found = str(_UV) if _UV.exists() else shutil.which("uv")
    if not found:
        raise PackagingFailed("uv is not there; `make setup` installs it")
    return found
