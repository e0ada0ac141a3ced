"""The unit tests pass on the Pythons before and after the one that is deployed, where these are on the machine."""

import os
import subprocess
import sys

import pytest

from infra.local.environments import ENVIRONMENTS, REQUIREMENTS, ROOT
from infra.packaging.anonlink import build_anonlink
from infra.packaging.tools import find_python, find_uv

pytestmark = [pytest.mark.builds, pytest.mark.slow]


@pytest.mark.parametrize("version", ["3.12", "3.14"])
def test_the_unit_tests_pass_on_another_python(version):
    interpreter = find_python(version)
    if interpreter is None:
        pytest.skip(f"Python {version} is not on this machine")
    folder = ENVIRONMENTS / f"development-{version}"
    call(find_uv(), "venv", "--quiet", "--clear", "--python", interpreter, folder)
    call(find_uv(), "pip", "sync", "--quiet", "--require-hashes", "--python", folder, REQUIREMENTS / "development.txt")
    wheel = build_anonlink(version, os.uname().machine)
    call(find_uv(), "pip", "install", "--quiet", "--no-deps", "--offline", "--python", folder, wheel)

    passed = call(
        *(folder / "bin" / "python", "-m", "pytest", "tests/unit", "tests/promises"),
        *("-m", "not servers and not builds and not slow", "--numprocesses", "auto", "--dist", "worksteal", "-q"),
    )

    assert f"python{version}" in call(folder / "bin" / "python", "-c", "import numpy; print(numpy.__file__)")
    assert " passed" in passed.splitlines()[-1], passed
    assert sys.version_info[:2] != tuple(map(int, version.split(".")))


def call(*command):
    environment = os.environ | {"UV_SYSTEM_CERTS": "1"}
    for name in ("VIRTUAL_ENV", "PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS"):
        environment.pop(name, None)
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout
