"""Build MinIO from its source, once.

There is no other way to it any more: the project is archived, and its images and downloads are gone. Go's checksum
database vouches for the source, and the version is pinned, so that everybody has the same one. The program is kept
below build/; only Go's own caches are used beside that.

This is run by ``make minio`` in a fresh clone, so it needs only the standard library.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.local.environments import ROOT

MODULE = "github.com/minio/minio"
VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
"""The last commit there is, of 12 February 2026; releases have no version that Go would take."""

PROGRAMS = ROOT / "build" / "minio"
OLDEST_GO = (1, 24)
_SAY_EVERY_S = 10
_LAST_LINES = 15

Progress = Callable[[str], None]


class MinioUnavailable(Exception):
    """MinIO is not built and cannot be built; the message says why, and what to install."""


def program() -> Path:
    """Return the path of the built program: each version has its own folder."""
    return PROGRAMS / VERSION / "minio"


def build_minio(progress: Progress = print) -> Path:
    """Build MinIO if it is not built yet, and return the program.

    Raises
    ------
    MinioUnavailable
        If Go is missing or too old, or could not build it; with the last lines of its output.
    """
    if program().exists():
        return program()
    go = _find_go()
    progress(f"building MinIO {VERSION}, once; this takes some minutes of all processors")
    began = time.monotonic()
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PROGRAMS) as folder:
        _install(go, Path(folder), progress)
        program().parent.mkdir(exist_ok=True)
        Path(folder, "minio").replace(program())  # whole or not at all, whoever else builds it
    progress(f"MinIO is built, in {time.monotonic() - began:.0f} s")
    return program()


def why_unavailable() -> str | None:
    """Return the reason why MinIO cannot be built here, or None if it can or is built."""
    if program().exists():
        return None
    try:
        _find_go()
    except MinioUnavailable as error:
        return str(error)
    return None


def _find_go() -> str:
    needed = f"MinIO is built from source by Go {'.'.join(map(str, OLDEST_GO))} or later"
    go = shutil.which("go")
    if go is None:
        raise MinioUnavailable(f"{needed}, and there is no `go` here: install it from https://go.dev/dl/")
    output = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"go(\d+)\.(\d+)", output)
    if version is None or tuple(map(int, version.groups())) < OLDEST_GO:
        raise MinioUnavailable(f"{needed}, this is {output.strip() or 'none'}: install it from https://go.dev/dl/")
    return go


def _install(go: str, folder: Path, progress: Progress) -> None:
    """Build the program with Go into a folder, and report progress."""
    environment = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0"}
    for name in ("GOOS", "GOARCH"):  # with those GOBIN is refused
        environment.pop(name, None)
    log = PROGRAMS / "build.log"
    with log.open("w") as output:
        command = [go, "install", "-v", "-trimpath", f"{MODULE}@{VERSION}"]
        building = subprocess.Popen(command, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        try:
            _follow(building, log, progress)
        finally:
            building.kill()
            building.wait()
    if building.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
        raise MinioUnavailable(f"Go could not build MinIO; {log} ends:\n{last}")


def _follow(building: "subprocess.Popen[bytes]", log: Path, progress: Progress) -> None:
    while True:
        try:
            building.wait(_SAY_EVERY_S)
        except subprocess.TimeoutExpired:
            lines = log.read_text(errors="replace").splitlines()
            progress(f"  {len(lines)} of about 1,550 steps: {lines[-1] if lines else 'asking for the source'}")
        else:
            return


def main(argv: Sequence[str] | None = None) -> int:
    """Build MinIO; exit 1 if that is not possible."""
    parser = argparse.ArgumentParser(description="Build MinIO, for the local stack.")
    parser.add_argument("--if-possible", action="store_true", help="where there is no Go, say so and exit 0")
    arguments = parser.parse_args(argv)
    reason = why_unavailable()
    if reason and arguments.if_possible:
        print(f"== not tested with MinIO: {reason}")
        return 0
    try:
        built = build_minio()
    except MinioUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    print(f"MinIO is at {built}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
