"""anonlink's wheel: the same source makes the same bytes, for each machine, and it needs few features of it."""

import ctypes
import platform
import re
import struct
import sys
import zipfile

import pytest

from infra.packaging import PackagingFailed, anonlink
from infra.packaging.anonlink import build_anonlink
from infra.packaging.cpp_runtime import LINK, build_runtime
from infra.packaging.headers import find_headers
from infra.packaging.kernel import MACHINES, target_of, zig
from infra.packaging.runtimes import DEFAULT

ELF_MACHINES = {"x86_64": 62, "aarch64": 183}


@pytest.fixture(scope="module", params=MACHINES)
def wheel(request):
    return build_anonlink(DEFAULT.python, request.param), request.param


def libraries(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(".so")}


def test_the_same_source_makes_the_same_wheel(tmp_path):
    """For one machine: the other's differs in the compiler's target alone, and building takes half a minute."""
    path = build_anonlink(DEFAULT.python, MACHINES[0])

    again = build_anonlink(DEFAULT.python, MACHINES[0], wheels=tmp_path / "else where")

    assert again.name == path.name
    assert again.read_bytes() == path.read_bytes()


def test_what_has_not_changed_is_not_built_again(wheel):
    path, machine = wheel
    said: list[str] = []
    before = path.stat().st_mtime_ns

    build_anonlink(DEFAULT.python, machine, progress=said.append)

    assert (said, path.stat().st_mtime_ns) == ([], before)


def test_its_libraries_need_an_old_c_library_and_no_other(wheel):
    path, machine = wheel
    found = libraries(path)

    assert len(found) == 2
    for name, raw in found.items():
        assert name.endswith(f".cpython-{DEFAULT.python.replace('.', '')}-{machine}-linux-gnu.so")
        versions = {tuple(map(int, version)) for version in re.findall(rb"GLIBC_(\d+)\.(\d+)", raw)}
        assert versions
        assert max(versions) <= (2, 17)
        assert b"libstdc++" not in raw
        assert struct.unpack_from("<H", raw, 18)[0] == ELF_MACHINES[machine]


def test_nothing_in_it_tells_where_it_was_built(wheel):
    path, _ = wheel
    for raw in libraries(path).values():
        assert str(anonlink.ROOT).encode() not in raw
        assert b"/usr/" not in raw


def test_it_asks_for_what_it_imports(wheel):
    path, _ = wheel
    with zipfile.ZipFile(path) as archive:
        about = archive.read("anonlink-0.15.3.dist-info/METADATA").decode()
        texts = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")]

    assert re.findall(r"^Requires-Dist: (\S+)", about, re.MULTILINE) == anonlink.REQUIRES
    assert not [text for text in texts if re.search(r"^\s*(import|from) (pkg_resources|setuptools|Cython)", text, re.M)]


def test_a_source_with_another_hash_is_refused(tmp_path, monkeypatch):
    version, _ = anonlink._pinned()
    (tmp_path / f"anonlink-{version}.tar.gz").write_bytes(b"not it")
    monkeypatch.setattr(anonlink, "SOURCES", tmp_path)

    with pytest.raises(PackagingFailed, match="has the SHA-256"):
        build_anonlink(DEFAULT.python, "x86_64", wheels=tmp_path / "wheels")

    assert not list((tmp_path / "wheels").glob("*.whl"))


def test_a_source_that_is_not_as_expected_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(anonlink, "CHANGES", {"anonlink/__init__.py": {"no such line\n": ""}})

    with pytest.raises(PackagingFailed, match="is there 0 times"):
        build_anonlink(DEFAULT.python, "x86_64", wheels=tmp_path)


def test_headers_that_are_not_here_are_told_with_the_remedy():
    with pytest.raises(PackagingFailed, match=r"headers of Python 3\.1 are not on this machine: install them"):
        find_headers("3.1")


def test_headers_are_those_of_the_python_that_runs():
    major, minor = sys.version_info[:2]

    patchlevel = find_headers(f"{major}.{minor}").files["patchlevel.h"].read_text()

    assert f'#define PY_VERSION              "{sys.version.split()[0]}"' in patchlevel


THROWING = """
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <unordered_map>
#include <vector>
extern "C" int reserve(uint64_t n) {
    try {
        std::vector<uint64_t> numbers;
        numbers.reserve(n);
        asm volatile("" : : "g"(numbers.data()) : "memory");  // or the compiler leaves the memory out
        return 0;
    }
    catch (const std::length_error&) { return 1; } catch (const std::bad_alloc&) { return 2; } catch (...) { return 3; }
}
extern "C" int call() {
    try { std::function<int()> nothing; return nothing(); } catch (const std::exception&) { return 1; }
}
extern "C" int count(int n) {
    std::unordered_map<int, int> squares;
    for (int i = 0; i < n; ++i) squares[i] = i * i;
    return squares.size() == size_t(n) ? squares.at(n - 1) : -1;
}
"""


def test_the_part_of_the_cpp_library_that_is_linked_throws_and_catches(tmp_path):
    machine = platform.machine()
    (tmp_path / "throwing.cpp").write_text(THROWING)
    zig(target_of(machine), [*anonlink.FLAGS, "-fvisibility=default", "-c", "throwing.cpp"], cwd=tmp_path)
    runtime = build_runtime(machine, tmp_path)
    zig(target_of(machine), ["-shared", *LINK, "-o", "throwing.so", "throwing.o", *map(str, runtime)], cwd=tmp_path)

    library = ctypes.CDLL(str(tmp_path / "throwing.so"))

    reserve = library.reserve
    reserve.argtypes = [ctypes.c_uint64]
    assert [reserve(n) for n in (10, 2**62, 2**50)] == [0, 1, 2]
    assert library.call() == 1
    assert library.count(1000) == 999**2
