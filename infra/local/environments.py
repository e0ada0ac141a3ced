"""Make the virtual environments of the local stack from their lock files.

Each environment holds what one part of the system has in production and no more, so
that a package missing from one is noticed here: `development` runs the code and its
checks, `localstack` is the cloud, `runtime` has the packages of AWS's Python runtime, `client`
those of a party, `checkov` scans the template, `kernel` compiles the native kernel. `client-0.1.9`,
`schemathesis` and `plots` are made by the tests that need them. Each is a dependency group of
pyproject.toml, which `make lock` compiles to a lock file. An environment is made again only when
its lock file has changed.

This is the first thing to run in a fresh clone, so it needs only the standard library.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra.packaging.anonlink import build_anonlink_here
from infra.packaging.tools import PackagingFailed

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / "build" / "environments"
REQUIREMENTS = Path(__file__).parent / "requirements"
NAMES = ("development", "localstack", "runtime", "client", "checkov", "kernel")
# Those that have anonlink, which has no wheel for this Python: it is built here.
WITH_ANONLINK = ("development", "client-0.1.9")
PYTHON_VERSION = (3, 13)


class SetUpFailed(Exception):
    """An environment could not be made; the message is the installer's output."""


def python(environment: str) -> Path:
    """Return the interpreter of an environment."""
    return ENVIRONMENTS / environment / "bin" / "python"


def make_environments(names: Sequence[str] = NAMES) -> None:
    """Make the environments that are missing, or whose lock file has changed."""
    with_anonlink = [name for name in names if name in WITH_ANONLINK]
    if not _is_current("uv"):
        _timed("uv", _install_uv)
    # Side by side: most of the time goes into waiting for downloads, and for the compiler.
    with ThreadPoolExecutor() as pool:
        made = {name: pool.submit(_make, name) for name in {*names, *(["kernel"] if with_anonlink else [])} - {"uv"}}
        if with_anonlink:
            made["kernel"].result()
            wheel = build_anonlink_here(progress=_tell)
        for name in with_anonlink:
            made[name].result()
            _add_anonlink(name, wheel)
        for each in made.values():
            each.result()


def _make(name: str) -> None:
    if not _is_current(name):
        _timed(name, lambda: _install(name))


def _add_anonlink(name: str, wheel: Path) -> None:
    """Install the wheel that is built here: no index has one for this Python."""
    stamp, digest = ENVIRONMENTS / name / "anonlink.sha256", hashlib.sha256(wheel.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    install = (str(_uv()), "pip", "install", "--quiet", "--no-deps", "--reinstall", "--offline")
    _run(*install, "--python", str(ENVIRONMENTS / name), str(wheel))
    stamp.write_text(digest)


def _timed(name: str, install: Callable[[], None]) -> None:
    began = time.monotonic()
    install()
    _stamp(name).write_text(_digest(name))
    _tell(f"  environment {name}: {time.monotonic() - began:.1f} s")


def _tell(line: str) -> None:
    print(line, flush=True)


def _install_uv() -> None:
    folder = str(ENVIRONMENTS / "uv")
    _run(sys.executable, "-m", "venv", "--clear", folder)
    pip = (str(python("uv")), "-m", "pip", "install", "--quiet", "--require-hashes")
    _run(*pip, "--requirement", str(_lock("uv")))


def _install(name: str) -> None:
    uv, folder = str(_uv()), str(ENVIRONMENTS / name)
    _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder)
    sync = (uv, "pip", "sync", "--quiet", "--require-hashes", "--python", folder)
    _run(*sync, str(_lock(name)))


def _uv() -> Path:
    return ENVIRONMENTS / "uv" / "bin" / "uv"


def _run(*command: str) -> None:
    environment = {**os.environ, "UV_SYSTEM_CERTS": "1"}
    environment.pop("VIRTUAL_ENV", None)
    completed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if completed.returncode:
        raise SetUpFailed(f"{' '.join(command)}\n{completed.stdout}{completed.stderr}")


def _is_current(name: str) -> bool:
    stamp = _stamp(name)
    return stamp.exists() and stamp.read_text() == _digest(name)


def _digest(name: str) -> str:
    """Digest the lock file, the Python version, and the path: an environment cannot be moved."""
    described = f"{ENVIRONMENTS}\n{sys.version}\n".encode() + _lock(name).read_bytes()
    return hashlib.sha256(described).hexdigest()


def _stamp(name: str) -> Path:
    return ENVIRONMENTS / name / "made-from.sha256"


def _lock(name: str) -> Path:
    return REQUIREMENTS / f"{name}.txt"


def main(argv: Sequence[str] | None = None) -> int:
    """Make the environments; exit 1 if one could not be made."""
    parser = argparse.ArgumentParser(description="Make the virtual environments.")
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME")
    arguments = parser.parse_args(argv)
    if sys.version_info[:2] != PYTHON_VERSION:
        version = ".".join(map(str, sys.version_info[:3]))
        print(f"Python {'.'.join(map(str, PYTHON_VERSION))} is needed, this is {version}; set PYTHON", file=sys.stderr)
        return 1
    try:
        make_environments(arguments.names)
    except (SetUpFailed, PackagingFailed) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
