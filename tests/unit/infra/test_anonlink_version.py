"""The anonlink that is built is the one that the dependencies are locked for."""

import tomllib

from infra.packaging import ROOT, anonlink

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_source_is_of_the_version_that_is_deployed():
    version, digest = anonlink._pinned()

    assert f"anonlink=={version}" in PROJECT["dependency-groups"]["deployed"]
    assert len(bytes.fromhex(digest)) == 32


def test_what_the_wheel_requires_is_locked():
    (described,) = PROJECT["tool"]["uv"]["dependency-metadata"]
    locked = {line.partition("==")[0] for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line}

    assert (described["name"], described["version"]) == ("anonlink", anonlink._pinned()[0])
    assert described["requires-dist"] == anonlink.REQUIRES
    assert {requirement.partition(">=")[0] for requirement in anonlink.REQUIRES} <= locked
    assert not locked & {"anonlink", "cython", "setuptools"}
