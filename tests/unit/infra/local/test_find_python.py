"""A Python to run the project is found wherever people have one, or installed, or what to do is said."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.environments import ROOT

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
SCRIPT = Path("infra/local/find_python.sh")


@pytest.fixture
def machine(tmp_path):
    """A machine with the tools that the script calls, and without any Python."""
    for name in ("sh", "dirname", "tail"):
        put(tmp_path / "bin" / name, f'exec {shutil.which(name)} "$@"')
    script = tmp_path / "project" / SCRIPT
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / SCRIPT, script)
    return tmp_path


def put(path, command):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)
    return str(path)


def put_python(path):
    return put(path, f'exec {sys.executable} "$@"')


def find(machine, *asked, **environment):
    variables = {"PATH": str(machine / "bin"), "HOME": str(machine / "home"), **environment}
    script = machine / "project" / SCRIPT
    command = [shutil.which("sh"), script, VERSION, *asked]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)


def test_the_one_that_is_named_is_taken(machine):
    put_python(machine / "bin" / f"python{VERSION}")
    named = put_python(machine / "elsewhere" / "python")
    assert find(machine, named).stdout == f"{named}\n"


def test_a_named_one_that_is_not_good_is_refused_although_there_is_another(machine):
    put_python(machine / "bin" / f"python{VERSION}")
    other = put(machine / "elsewhere" / "python", 'case "$2" in *print*) echo Python 3.9.1;; *) exit 1;; esac')
    done = find(machine, other)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"PYTHON={other} is not one: Python 3.9.1" in done.stderr


@pytest.mark.parametrize(
    "place",
    [
        f"bin/python{VERSION}",
        "bin/python3",
        f"home/.pyenv/versions/{VERSION}.7/bin/python{VERSION}",
        f"home/.local/share/uv/python/cpython-{VERSION}.7-linux-x86_64-gnu/bin/python{VERSION}",
        f"project/build/python/cpython-{VERSION}.7-linux-x86_64-gnu/bin/python{VERSION}",
    ],
    ids=["path", "another name", "pyenv", "uv", "installed before"],
)
def test_it_is_found_where_people_have_it(machine, place):
    put(machine / "bin" / "python", "exit 127")  # as pyenv's shims do
    python = put_python(machine / place)
    assert find(machine).stdout == f"{python}\n"


@pytest.mark.parametrize(
    ("variable", "place"),
    [
        ("PYENV_ROOT", f"versions/{VERSION}.1/bin/python{VERSION}"),
        ("UV_PYTHON_INSTALL_DIR", f"cpython-{VERSION}.1-linux-x86_64-gnu/bin/python{VERSION}"),
        ("XDG_DATA_HOME", f"uv/python/cpython-{VERSION}.1-linux-x86_64-gnu/bin/python{VERSION}"),
    ],
)
def test_it_is_found_where_people_have_told_their_tools_to_keep_it(machine, variable, place):
    python = put_python(machine / "kept" / place)
    assert find(machine, **{variable: str(machine / "kept")}).stdout == f"{python}\n"


def test_else_uv_installs_one_and_says_so(machine):
    installed = machine / "project/build/python" / f"cpython-{VERSION}.9-linux/bin/python{VERSION}"
    put_python(machine / "ready")
    put(
        machine / "bin" / "uv",
        f'export PATH={os.defpath}; [ "$1 $2 $3 $4" = "python install --no-bin {VERSION}" ] &&'
        f' [ "$UV_PYTHON_INSTALL_DIR" = {machine}/project/build/python ] &&'
        f" mkdir -p {installed.parent} && cp {machine}/ready {installed}",
    )
    done = find(machine)
    assert done.stdout == f"{installed}\n"
    assert done.stderr == f"Python {VERSION} is not here: uv installs one in build/python\n"


@pytest.mark.parametrize("uv", [None, "echo no way to reach the archive >&2; exit 2", "exit 0"])
def test_where_none_can_be_had_it_says_what_to_do(machine, uv):
    if uv:
        put(machine / "bin" / "uv", uv)
    done = find(machine)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"Python {VERSION} is needed, and" in done.stderr
    assert f"PYTHON=/path/to/python{VERSION} make" in done.stderr


def test_who_only_looks_installs_nothing(machine):
    put(machine / "bin" / "uv", f"echo called >{machine}/called")
    done = find(machine, NO_INSTALL="1")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert not (machine / "called").exists()
