"""The native kernel's library: find it, load it, and pass arrays to its functions safely.

The library is built from layers/kernel and lies on Python's path: in its own layer where it is deployed, below build/
in a checkout. Arrays are checked here (types, shapes, contiguity), and the values in them (row numbers, ranges) in the
library: neither reads out of bounds.

`linkage.engines.kernel` gives the functions Python's form.
"""

import ctypes
import platform
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIBRARY = f"liblinkage_kernel.{platform.machine()}.so"

INVALID, OUT_OF_ORDER, LIMIT = -2, -3, -4
"""Error codes of layers/kernel/src/kernel.h."""


class KernelNotFound(RuntimeError):
    """The library is not on Python's path; in a checkout `make setup` builds it."""


class Handle:
    """An object of the library; freed with this one."""

    def __init__(self, pointer: int | None, free: Any) -> None:  # noqa: ANN401
        self.pointer, self._free = pointer, free

    def __del__(self) -> None:
        if self.pointer is not None:
            self._free(self.pointer)


def check_array(array: NDArray[Any], dtype: np.dtype[Any], dimensions: int) -> None:
    """Raise `ValueError` unless the library can read the array as it expects."""
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != dimensions:
        raise ValueError(f"a {dimensions}-dimensional array of {dtype} is needed")
    if not array.flags.c_contiguous:
        raise ValueError("a C-contiguous array is needed")


def raise_for(result: int, problem: str) -> None:
    """Raise the error that a result stands for; ``problem`` is the message where an argument is invalid."""
    if result == OUT_OF_ORDER:
        raise ValueError("candidates are out of order, or one comes twice")
    if result == INVALID:
        raise ValueError(problem)
    if result < 0:
        raise MemoryError("there is not enough memory")


@cache
def library() -> ctypes.CDLL:
    """Return the library, loaded once."""
    for folder in sys.path:
        if (file := Path(folder, LIBRARY)).is_file():
            return _declare(ctypes.CDLL(str(file)))
    raise KernelNotFound(f"{LIBRARY} is not on Python's path; `make setup` builds it")


def _declare(loaded: ctypes.CDLL) -> ctypes.CDLL:
    """Declare the types of the functions' arguments and results, as layers/kernel/src/kernel.h does."""
    address, size, word = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "linkage_path": (word, [word]),
        "linkage_comparison_new": (
            address,
            [address, size, address, size, word, ctypes.c_double, address, size, word, word, word, address],
        ),
        "linkage_comparison_filter_bits": (word, [address]),
        "linkage_comparison_free": (None, [address]),
        "linkage_scan_new": (address, [address, address, size, address]),
        "linkage_scan_next": (size, [address, address, size, address]),
        "linkage_scan_free": (None, [address]),
        "linkage_sort_pairs": (size, [address, address, size]),
        "linkage_sort_candidates": (size, [address, address, size]),
        "linkage_format_scores": (size, [address, size, address, address, size, ctypes.c_char_p, address, size]),
        "linkage_solver_new": (address, [size, address, size, address]),
        "linkage_solver_feed": (size, [address, address, size]),
        "linkage_solver_count": (None, [address, address, address]),
        "linkage_solver_groups": (size, [address, address, address, address]),
        "linkage_solver_free": (None, [address]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded
