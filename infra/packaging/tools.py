"""Run the tools of packaging, and report their failures."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_UV = _ROOT / "build/environments/uv/bin/uv"
_FIND_PYTHON = _ROOT / "infra/local/find_python.sh"


class PackagingFailed(Exception):
    """The packages cannot be built; the message says why."""


def run(command: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str]) -> str:
    """Run a command to its end and return its output.

    It does not get the user's AWS variables: packages belong to no account.
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


def find_python(version: str) -> str | None:
    """Return an interpreter of a version, found where `make` looks for its own, or None; nothing is installed."""
    environment = {**os.environ, "NO_INSTALL": "1"}
    done = subprocess.run(
        ["/bin/sh", str(_FIND_PYTHON), version], env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None


def find_uv() -> str:
    """Return the path of uv: where `make setup` installs it, else on the PATH."""
    uv = str(_UV) if _UV.exists() else shutil.which("uv")
    if not uv:
        raise PackagingFailed("uv is not installed; `make setup` installs it")
    return uv
