"""The native kernel, built from layers/kernel for every machine that Lambda has.

The compiler is Zig's clang from PyPI: it builds for any machine and against any glibc, wherever it runs, and the same
sources make the same bytes. What has not changed is not built again.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from infra.packaging.archives import digest_of, files_below
from infra.packaging.tools import PackagingFailed, run

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "zig"
COMPILER = ROOT / "build" / "environments" / "kernel" / "bin" / "python"
LOCK = ROOT / "infra" / "local" / "requirements" / "kernel.txt"
MACHINES = ("x86_64", "aarch64")
# The oldest that the machines' wheels are made for; Lambda's oldest Python runtime has 2.26.
GLIBC = "2.17"

FLAGS = ["-O3", "-std=c++20", "-fPIC", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti", "-g0"]
FLAGS += ["-fno-sanitize=all", "-Wall", "-Wextra", "-Werror"]
# Each way to compare is compiled for its own processor, and nothing else is.
PATH_FLAGS = {
    "scan_avx2.cpp": ["-mavx2", "-mpopcnt"],
    "scan_avx512.cpp": ["-mavx512f", "-mavx512bw", "-mavx2", "-mpopcnt"],
}


def library_name(machine: str) -> str:
    """Return the library's name; `linkage.engines.kernel_library` looks for that of its machine."""
    return f"liblinkage_kernel.{machine}.so"


def build_kernel(root: Path = ROOT, *, progress: Callable[[str], None] = print) -> dict[str, Path]:
    """Bring the libraries below build/kernel up to date, and return them by their names.

    Raises
    ------
    PackagingFailed
        If the compiler fails, or is not there.
    """
    folder = root / "build" / "kernel"
    libraries = {library_name(machine): folder / library_name(machine) for machine in MACHINES}
    stamp, digest = folder / "made-from.digest", kernel_digest(root)
    if stamp.exists() and stamp.read_text() == digest and all(path.exists() for path in libraries.values()):
        return libraries
    if not COMPILER.exists():
        raise PackagingFailed("the kernel's compiler is not there; `make setup` installs it")
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    for machine in MACHINES:
        build_library(root, machine, folder / library_name(machine))
    stamp.write_text(digest)
    progress(f"  kernel for {', '.join(MACHINES)}: {time.monotonic() - started:.1f} s")
    return libraries


def kernel_digest(root: Path) -> str:
    """Return a digest of all that the libraries depend on."""
    sources = files_below(root / "layers" / "kernel" / "src")
    return digest_of({**sources, "kernel.txt": LOCK, "kernel.py": Path(__file__)})


def build_library(root: Path, machine: str, target: Path) -> None:
    """Compile and link for one machine; the library appears whole, or not at all."""
    sources = sorted((root / "layers" / "kernel" / "src").glob("*.cpp"))
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        objects = [Path(scratch, source.name).with_suffix(".o") for source in sources]
        with ThreadPoolExecutor() as pool:
            list(pool.map(partial(_compile, machine), sources, objects))
        linked = Path(scratch, target.name)
        link = ["-shared", "-nostdlib++", "-s", "-Wl,-z,now,-z,relro", f"-Wl,-soname,{target.name}"]
        zig(target_of(machine), [*link, "-o", str(linked), *map(str, objects)], cwd=root)
        linked.replace(target)


def target_of(machine: str) -> str:
    """Return the compiler's name for a machine of Lambda's."""
    return f"{machine}-linux-gnu.{GLIBC}"


def _compile(machine: str, source: Path, target: Path) -> None:
    own = PATH_FLAGS.get(source.name, []) if machine == "x86_64" else []
    zig(target_of(machine), [*FLAGS, *own, "-c", source.name, "-o", str(target)], cwd=source.parent)


def zig(target: str, arguments: Sequence[str], *, cwd: Path) -> None:
    """Run the compiler for a machine; it keeps its cache below build/ too."""
    run(
        [COMPILER, "-m", "ziglang", "c++", "-target", target, *arguments],
        cwd=cwd,
        environment={"ZIG_GLOBAL_CACHE_DIR": str(CACHE), "ZIG_LOCAL_CACHE_DIR": str(CACHE)},
    )
