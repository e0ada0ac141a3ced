"""Every dependency group has a lock file that pins its requirements, by hash and from no host in particular."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.local.environments import NAMES, REQUIREMENTS, ROOT

GROUPS = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
PIN = re.compile(
    r"^([a-z0-9][a-z0-9-]*)==([^ ]+)((?: ; [^\\]+)?) ((?:\\\n    --hash=sha256:[0-9a-f]{64} ?)+)$", re.MULTILINE
)

ANONLINK = ROOT / "layers" / "dependencies" / "anonlink.txt"

each_group = pytest.mark.parametrize("group", GROUPS)


def lock_of(group) -> Path:
    return ROOT / "requirements.txt" if group == "deployed" else REQUIREMENTS / f"{group}.txt"


def pins_of(group):
    """The versions that a lock file pins; one a package, or several for several Pythons."""
    return [(name, version) for name, version, _, _ in PIN.findall(lock_of(group).read_text())]


def built_here():
    """The pin of anonlink, which is built from its source and so in no lock file."""
    return re.findall(r"^(anonlink)==(\S+) --hash=sha256:[0-9a-f]{64}$", ANONLINK.read_text(), re.MULTILINE)


def requirements_of(group):
    """All that a group asks for, with the groups that it includes."""
    for entry in GROUPS[group]:
        if isinstance(entry, str):
            yield Requirement(entry)
        else:
            yield from requirements_of(entry["include-group"])


def test_each_lock_file_is_of_a_group():
    assert {file.stem for file in REQUIREMENTS.glob("*.txt")} == set(GROUPS) - {"deployed"}
    assert {file.stem for file in REQUIREMENTS.glob("*.excludes")} <= set(GROUPS)
    assert set(NAMES) <= set(GROUPS)


@each_group
def test_all_that_a_group_asks_for_is_pinned(group):
    pinned = dict([*pins_of(group), *built_here()])
    for requirement in requirements_of(group):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement


@each_group
def test_a_lock_file_holds_pins_with_hashes_and_nothing_else(group):
    text = lock_of(group).read_text()

    rest = re.sub(r"^ *#.*$", "", PIN.sub("", text), flags=re.MULTILINE)
    assert rest.strip() == ""


@each_group
def test_a_lock_file_names_no_host_and_no_folder_of_a_machine(group):
    text = lock_of(group).read_text()

    assert re.findall(r"\w+://\S+|index-url|find-links|(?<=[ =])/\S+", text) == []


@pytest.mark.parametrize("excludes", sorted(REQUIREMENTS.glob("*.excludes")), ids=lambda file: file.stem)
def test_what_is_left_out_is_in_no_lock_file(excludes):
    names = [line for line in excludes.read_text().splitlines() if not line.startswith("#")]

    assert names
    assert set(names).isdisjoint(dict(pins_of(excludes.stem)))


def test_what_is_developed_against_is_what_is_deployed():
    deployed, development = pins_of("deployed"), pins_of("development")

    assert set(deployed) <= set(development)
    names = [name for name, _ in development]
    assert [name for name, _ in deployed if names.count(name) > 1] == []
