"""The part of the compiler's C++ library that an extension needs: exceptions, their types, and hash tables.

Zig would build all of libc++, which takes two minutes of processor time for each machine. These files of it take
seconds. What else of the library an extension uses is in headers.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from infra.packaging.kernel import COMPILER, target_of, zig
from infra.packaging.tools import PackagingFailed

_ABI = ["abort_message", "cxa_aux_runtime", "cxa_default_handlers", "cxa_exception", "cxa_exception_storage"]
_ABI += ["cxa_guard", "cxa_handlers", "cxa_personality", "cxa_virtual", "fallback_malloc", "private_typeinfo"]
_ABI += ["stdlib_exception", "stdlib_new_delete", "stdlib_stdexcept", "stdlib_typeinfo"]
_LIBRARY = ["functional", "hash", "new_handler", "new_helpers", "stdexcept", "verbose_abort"]
SOURCES = [f"libcxxabi/src/{name}.cpp" for name in _ABI] + [f"libcxx/src/{name}.cpp" for name in _LIBRARY]

_FLAGS = ["-O2", "-std=c++23", "-fPIC", "-fvisibility=hidden", "-g0", "-fno-sanitize=all"]
# As zig builds them, but for names in the message of an exception that nobody catches.
_FLAGS += ["-D_LIBCPP_BUILDING_LIBRARY", "-D_LIBCXXABI_BUILDING_LIBRARY", "-DLIBCXX_BUILDING_LIBCXXABI"]
_FLAGS += ["-DLIBCXXABI_NON_DEMANGLING_TERMINATE", "-Ilibcxx/src", "-Ilibcxxabi/src"]

LINK = ["-nostdlib++", "-lunwind"]
"""What a link gets beside the objects: none of libc++, and the unwinder, which is small."""


def build_runtime(machine: str, folder: Path) -> list[Path]:
    """Compile the runtime for a machine into a folder, and return its objects, in a fixed order."""
    library = _library()
    objects = [folder / Path(source).with_suffix(".o").name for source in SOURCES]
    with ThreadPoolExecutor() as pool:
        list(pool.map(partial(_compile, machine, library), SOURCES, objects))
    return objects


def _compile(machine: str, library: Path, source: str, target: Path) -> None:
    """Compile one source; by a path relative to the library, because it may get into the object."""
    zig(target_of(machine), [*_FLAGS, "-c", source, "-o", str(target)], cwd=library)


def _library() -> Path:
    """Return the folder of the compiler's own libraries."""
    found = sorted(COMPILER.parents[1].glob("lib/python3.*/site-packages/ziglang/lib"))
    if len(found) != 1:
        raise PackagingFailed(f"the compiler's libraries are not where they should be: {found}")
    return found[0]
