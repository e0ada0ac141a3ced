"""anonlink, built from its source for every Python and every machine that Lambda has.

It has wheels up to Python 3.11, and for x86_64 alone. Its setup.py is left aside: Cython and the kernel's compiler
are called directly, so that the same source makes the same bytes, against an old glibc, for any machine. Where nothing
has changed, nothing is built again.

This runs before there is anything but the environment `kernel`, so it needs the standard library alone.
"""

from __future__ import annotations

import base64
import hashlib
import platform
import re
import shutil
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from infra.packaging.archives import digest_of, files_below, write_zip
from infra.packaging.cpp_runtime import LINK, build_runtime
from infra.packaging.headers import Headers, find_headers
from infra.packaging.kernel import COMPILER, LOCK, ROOT, target_of, zig
from infra.packaging.tools import PackagingFailed, run

PIN = ROOT / "layers" / "dependencies" / "anonlink.txt"
SOURCES = ROOT / "build" / "sources"
WHEELS = ROOT / "build" / "wheels"

EXTENSIONS = {
    "anonlink/similarities/_dice": [],  # its .pxd includes the rest
    "anonlink/solving/_multiparty_solving": ["anonlink/solving/_multiparty_solving_inner.cpp"],
}
FLAGS = ["-O3", "-std=c++11", "-DNDEBUG", "-fPIC", "-fvisibility=hidden", "-g0", "-fno-sanitize=all"]
# On aarch64 char has no sign by default, and anonlink puts arrays of signed ones into buffers of char.
FLAGS += ["-fsigned-char"]
# pkg_resources is gone from current setuptools, and slow to import.
CHANGES = {
    "anonlink/__init__.py": {
        "import pkg_resources\n": "import importlib.metadata  # changed, as is __version__: this was pkg_resources\n",
        "pkg_resources.get_distribution('anonlink').version": "importlib.metadata.version('anonlink')",
    },
}
# As setup.py has it, without Cython, which is never imported.
REQUIRES = ["bitarray>=2.5", "numpy>=1.19", "mypy-extensions>=0.4"]


def build_anonlink(
    python: str, machine: str, *, wheels: Path = WHEELS, progress: Callable[[str], None] = print
) -> Path:
    """Bring anonlink's wheel for a Python, such as ``3.13``, and a machine up to date, and return it.

    Raises
    ------
    PackagingFailed
        If the source, the headers of that Python or the compiler are not there, or if one of the tools fails.
    """
    version, source_hash = _pinned()
    tag = f"cp{python.replace('.', '')}"
    wheel = wheels / f"anonlink-{version}-{tag}-{tag}-linux_{machine}.whl"
    headers = find_headers(python)
    stamp = wheel.with_suffix(".digest")
    digest = digest_of({**_how(), **headers.files}, wheel.name)
    if wheel.exists() and stamp.exists() and stamp.read_text() == digest:
        return wheel
    if not COMPILER.exists():
        raise PackagingFailed("anonlink's compiler is not there; `make setup` installs it")
    started = time.monotonic()
    wheels.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    source = _download(version, source_hash)
    with tempfile.TemporaryDirectory(dir=wheels) as scratch:
        tree = _unpack(source, Path(scratch))
        _build_extensions(tree, machine, tag, headers)
        _write_wheel(tree, wheel, version)
    stamp.write_text(digest)
    progress(f"  anonlink {version} for Python {python}, {machine}: {time.monotonic() - started:.1f} s")
    return wheel


def build_anonlink_here(*, progress: Callable[[str], None] = print) -> Path:
    """Bring the wheel for the Python that runs and for this machine up to date, and return it."""
    if sys.platform != "linux":
        raise PackagingFailed(f"anonlink is built for Linux alone; this is {sys.platform}")
    return build_anonlink(f"{sys.version_info.major}.{sys.version_info.minor}", platform.machine(), progress=progress)


def _pinned() -> tuple[str, str]:
    """Return the version that is built, and the SHA-256 of its source."""
    (line,) = [line for line in PIN.read_text().splitlines() if not line.startswith("#")]
    requirement, _, source_hash = line.partition(" --hash=sha256:")
    return requirement.removeprefix("anonlink=="), source_hash


def _how() -> dict[str, Path]:
    """Return the files, beside Python's headers, that the wheel depends on."""
    here = {
        name: Path(__file__).with_name(name)
        for name in ("anonlink.py", "archives.py", "cpp_runtime.py", "headers.py", "kernel.py")
    }
    return {"anonlink.txt": PIN, "kernel.txt": LOCK, **here}


def _download(version: str, expected: str) -> Path:
    """Return the source, from the package index unless it is there already."""
    source = SOURCES / f"anonlink-{version}.tar.gz"
    if not source.exists():
        SOURCES.mkdir(parents=True, exist_ok=True)
        command = [str(COMPILER), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-binary", ":all:", "--no-build-isolation", "--require-hashes", "--requirement", str(PIN)]
        run([*command, "--dest", str(SOURCES)], cwd=SOURCES, environment={})
    found = hashlib.sha256(source.read_bytes()).hexdigest()
    if found != expected:
        raise PackagingFailed(f"{source} has the SHA-256 {found}, not {expected}; remove it to download it again")
    return source


def _unpack(source: Path, scratch: Path) -> Path:
    """Unpack the source, without the C++ that an older Cython made, and change what has to be changed."""
    with tarfile.open(source) as archive:
        archive.extractall(scratch, filter="data")
    tree = scratch / source.name.removesuffix(".tar.gz")
    for name, changes in CHANGES.items():
        text = (tree / name).read_text()
        for old, new in changes.items():
            if text.count(old) != 1:
                raise PackagingFailed(
                    f"{name} of anonlink is not as expected: {old!r} is there {text.count(old)} times"
                )
            text = text.replace(old, new)
        (tree / name).write_text(text)
    return tree


def _build_extensions(tree: Path, machine: str, tag: str, headers: Headers) -> None:
    headers.copy_to(tree / "headers")
    # The module's start is all that a library shows: its C++ library stays its own.
    (tree / "visible.map").write_text("{ global: PyInit_*; local: *; };\n")
    suffix = f".cpython-{tag.removeprefix('cp')}-{machine}-linux-gnu.so"
    (tree / "runtime").mkdir()
    with ThreadPoolExecutor() as pool:
        objects = pool.map(partial(_compile_extension, tree, machine), EXTENSIONS)
        runtime = [str(path.relative_to(tree)) for path in build_runtime(machine, tree / "runtime")]
        for name, compiled in zip(EXTENSIONS, objects, strict=True):
            link = ["-O3", "-shared", "-s", "-Wl,-z,now,-z,relro", "-Wl,--version-script=visible.map", *LINK]
            zig(target_of(machine), [*link, "-o", name + suffix, *compiled, *runtime], cwd=tree)


def _compile_extension(tree: Path, machine: str, name: str) -> list[str]:
    """Make C++ of an extension and compile it; all paths are relative, because some get into the library."""
    # setup.py gives the name without the package; with it, Cython would take the .pxd for the module's own.
    module = name.removeprefix("anonlink/").replace("/", ".")
    cython = [str(COMPILER), "-m", "cython", "--cplus", "--module-name", module, f"{name}.pyx", "-o", f"{name}.cpp"]
    run(cython, cwd=tree, environment={"PYTHONHASHSEED": "0"})
    _leave_out_streams(tree / f"{name}.cpp")
    target, objects = target_of(machine), []
    for source in [f"{name}.cpp", *EXTENSIONS[name]]:
        objects.append(source.removesuffix(".cpp") + ".o")
        zig(target, [*FLAGS, "-isystem", "headers", "-I.", "-c", source, "-o", objects[-1]], cwd=tree)
    return objects


def _leave_out_streams(source: Path) -> None:
    """Remove the one mention of streams, an error that nothing here raises: they need most of the C++ library."""
    source.write_text(re.sub(r"  \} catch \(const std::ios_base::failure& exn\) \{\n.*\n", "", source.read_text()))


def _write_wheel(tree: Path, wheel: Path, version: str) -> None:
    information = f"anonlink-{version}.dist-info"
    tag = wheel.stem.removeprefix(f"anonlink-{version}-")
    folder = tree / information
    folder.mkdir()
    shutil.copyfile(tree / "LICENSE", folder / "LICENSE")
    about, _, description = (tree / "PKG-INFO").read_text().partition("\n\n")
    about = "\n".join([about, *(f"Requires-Dist: {requirement}" for requirement in REQUIRES)])
    (folder / "METADATA").write_text(f"{about}\n\n{description}")
    (folder / "WHEEL").write_text(f"Wheel-Version: 1.0\nGenerator: linkage\nRoot-Is-Purelib: false\nTag: {tag}\n")
    files = files_below(tree / "anonlink", prefix="anonlink/") | files_below(folder, prefix=f"{information}/")
    files = {
        name: path for name, path in files.items() if path.suffix in (".py", ".so") or name.startswith(information)
    }
    (folder / "RECORD").write_text(_record(files.items(), f"{information}/RECORD"))
    write_zip(wheel, files | {f"{information}/RECORD": folder / "RECORD"})


def _record(files: Iterable[tuple[str, Path]], own: str) -> str:
    """Return a wheel's list of its files, with their hashes; its own line has none."""
    lines = []
    for name, path in sorted(files):
        digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{path.stat().st_size}")
    return "\n".join([*lines, f"{own},,\n"])
