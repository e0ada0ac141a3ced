"""Comparisons that are hard on the native kernel, and a scan of them: for its own tests and for its builds."""

import platform
from typing import Any

import numpy as np
import pytest
from _pytest.mark.structures import ParameterSet
from numpy.typing import NDArray

from linkage.candidates.pairs import PAIR
from linkage.engines.kernel import SMALLEST_CAPACITY, Comparison, KernelPath, Scan, Tuning, paths

Encodings = NDArray[np.uint8]
Integers = NDArray[np.int64]
NO_SAMPLE = np.empty((0, 2), dtype=np.int64)
SIZES = [8, 16, 24, 64, 104, 128, 256, 1024]
THRESHOLDS = [0.05, 0.3, 0.5, 0.7, 0.8, 0.95, 1.0]


def of_this_machine(path: KernelPath) -> ParameterSet:
    """A path, or a skip if this machine lacks its instructions."""
    reason = f"not run: this machine cannot take the path {path.name}"
    return pytest.param(path, id=path.name.lower(), marks=pytest.mark.skipif(path not in paths(), reason=reason))


OTHER_MACHINES = {KernelPath.NEON} if platform.machine() == "x86_64" else {KernelPath.AVX2, KernelPath.AVX512}
every_path = pytest.mark.parametrize(
    "path", [of_this_machine(path) for path in KernelPath if path and path not in OTHER_MACHINES]
)


def whole(left: Encodings, right: Encodings) -> Integers:
    """Return the one rectangle that holds every comparison."""
    return np.array([[0, len(left), 0, len(right)]], dtype=np.int64)


def compare(
    left: Encodings,
    right: Encodings,
    threshold: float,
    *,
    rectangles: Integers | None = None,
    sample: Integers = NO_SAMPLE,
    **tuning: Any,
) -> NDArray[np.void]:
    """All pairs that a scan finds, in the order of the rows; the smallest array that it may be given."""
    comparison = Comparison(left, right, threshold, sample=sample, tuning=Tuning(**tuning))
    scan = Scan(comparison, whole(left, right) if rectangles is None else rectangles)
    pieces, buffer = [], np.empty(SMALLEST_CAPACITY, dtype=PAIR)
    while not scan.done:
        pieces.append(buffer[: scan.next_pairs(buffer)].copy())
    found = np.concatenate(pieces)
    ordered: NDArray[np.void] = found[np.lexsort((found["right"], found["left"]))]  # sort(order=...) is slow
    return ordered


def adversaries(seed: int, size: int, rows: int = 150) -> list[Encodings]:
    """Two sides that share rows, of bits nested in one another; all zeros and all ones among them."""
    generator = np.random.default_rng(seed)
    density, kept = generator.choice([0.02, 0.3, 0.5, 0.9]), generator.choice([0.5, 0.9, 1.0])
    pool = np.packbits(generator.random((8, size * 8)) < density, axis=1)
    pool = np.concatenate([pool, np.zeros((1, size), np.uint8), np.full((1, size), 255, np.uint8)])
    sides = []
    for _ in range(2):
        chosen = pool[generator.integers(0, len(pool), generator.integers(0, rows))]
        nested = chosen & np.packbits(generator.random((len(chosen), size * 8)) < kept, axis=1)
        sides.append(np.where(generator.random((len(chosen), 1)) < 0.8, nested, chosen))
    return sides


def some_pairs(left: Encodings, right: Encodings, count: int = 50) -> Integers:
    """A sample of pairs, if both sides have rows."""
    if not len(left) or not len(right):
        return NO_SAMPLE
    return np.stack([np.arange(count) % len(left), np.arange(count) % len(right)], axis=1)


def ragged(seed: int, left_rows: int, right_rows: int) -> Integers:
    """Rectangles of all sizes, down to empty ones; some overlap."""
    generator = np.random.default_rng(seed)
    count = generator.integers(0, 40)
    rows = np.sort(generator.integers(0, left_rows + 1, (count, 2)), axis=1)
    columns = np.sort(generator.integers(0, right_rows + 1, (count, 2)), axis=1)
    return np.concatenate([rows, columns], axis=1).astype(np.int64)
