"""The headers of a Python, with which extensions for it are compiled, whatever machine they are for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.packaging.archives import files_below
from infra.packaging.tools import PackagingFailed, find_python

_DESCRIBE = """
import json, sysconfig
print(json.dumps({"include": sysconfig.get_path("include"), "config": sysconfig.get_config_h_filename(),
    "version": sysconfig.get_python_version(), "plain": not (
        sysconfig.get_config_var("Py_GIL_DISABLED") or sysconfig.get_config_var("Py_DEBUG"))}))
"""


@dataclass(frozen=True)
class Headers:
    """The headers of one Python, by their place below its include folder."""

    files: dict[str, Path]

    def copy_to(self, folder: Path) -> None:
        """Copy the headers into a new folder."""
        for name, path in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)


def find_headers(python: str) -> Headers:
    """Return the headers of a Python such as ``3.13``: of the one that runs, or of another on this machine.

    Those for x86_64 and aarch64 are alike: both have the sizes of types that pyconfig.h tells.
    """
    for interpreter in _interpreters(python):
        done = subprocess.run([interpreter, "-I", "-c", _DESCRIBE], capture_output=True, text=True, check=False)
        if done.returncode:
            continue
        found = json.loads(done.stdout)
        include, config = Path(found["include"]), Path(found["config"])
        if found["version"] == python and found["plain"] and (include / "Python.h").exists() and config.exists():
            # Where a distribution keeps a pyconfig.h for each machine, the one in the folder only includes it.
            return Headers(files_below(include) | {"pyconfig.h": config})
    message = f"the headers of Python {python} are not on this machine: install them (python{python}-dev, "
    message += f"python{python}-devel), or a Python that has them (`uv python install {python}`)"
    raise PackagingFailed(message)


def _interpreters(python: str) -> Iterator[str]:
    """Yield interpreters to ask for headers: this one, and one that is found where `make` looks for its own."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == python:
        yield sys.executable
    if found := find_python(python):
        yield found
