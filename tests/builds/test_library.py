"""The kernel's library: the same sources make the same bytes, and it needs few features of its machine."""

import os
import shutil
import struct

import pytest

from infra.packaging import ROOT
from infra.packaging.kernel import MACHINES, build_kernel, build_library, library_name

SOURCES = ROOT / "layers" / "kernel" / "src"


@pytest.mark.parametrize("machine", MACHINES)
def test_the_same_sources_make_the_same_library(machine, tmp_path):
    copy = shutil.copytree(SOURCES, tmp_path / "elsewhere" / "layers" / "kernel" / "src")
    for path in copy.iterdir():
        os.utime(path, (1e9, 1e9))

    build_library(tmp_path / "elsewhere", machine, tmp_path / library_name(machine))

    assert (tmp_path / library_name(machine)).read_bytes() == build_kernel()[library_name(machine)].read_bytes()


@pytest.mark.parametrize("machine", MACHINES)
def test_the_library_needs_an_old_c_library_and_no_other(machine):
    said = build_kernel()[library_name(machine)].read_bytes()

    versions = {tuple(map(int, version.split(b"."))) for version in set_of_words(said, b"GLIBC_")}
    needed = set_of_words(said, b"lib")
    assert versions
    assert max(versions) <= (2, 17)
    assert {name for name in needed if b".so" in name} == {b"c.so.6", b"linkage_kernel." + machine.encode() + b".so"}
    assert not set_of_words(said, b"_ZN"), "a symbol of C++ is visible"
    assert struct.unpack_from("<H", said, 18)[0] == {"x86_64": 62, "aarch64": 183}[machine]


def set_of_words(raw, prefix):
    """All strings of an ELF file that begin with the prefix, without it."""
    return {word.removeprefix(prefix) for word in raw.split(b"\0") if word.startswith(prefix) and word.isascii()}
