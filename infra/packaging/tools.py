"""The tools that packaging runs, and what it says when one of them fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class PackagingFailed(Exception):
    """The packages cannot be built; the message says why."""


def run(
    command: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str]
) -> str:
    """Run a command to its end and return all that it said."""
    done = subprocess.run(  # noqa: S603 - our own tools, no shell
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PackagingFailed(f"{Path(command[0]).name} failed:\n{done.stdout}")
    return done.stdout


def find_uv(root: Path) -> str:
    """Find uv where the set-up puts it, else on the path."""
    ours = root / "build" / "environments" / "uv" / "bin" / "uv"
    found = str(ours) if ours.exists() else shutil.which("uv")
    if not found:
        raise PackagingFailed("uv is not there; `make setup` installs it")
    return found
