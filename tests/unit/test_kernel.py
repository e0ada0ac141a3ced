"""The native kernel finds, sorts and groups what the definition says, whatever way it takes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.candidates import PAIR
from linkage.encoding_sets import popcounts
from linkage.kernel import SMALLEST_CAPACITY, Comparison, Scan, Tuning, paths

NO_SAMPLE = np.empty((0, 2), dtype=np.int64)
every_path = pytest.mark.parametrize("path", paths(), ids=lambda path: path.name.lower())


def compare(left, right, threshold, *, rectangles=None, sample=NO_SAMPLE, capacity=SMALLEST_CAPACITY, **tuning):
    """All pairs that a scan finds, in the order of the rows."""
    if rectangles is None:
        rectangles = np.array([[0, len(left), 0, len(right)]])
    scan = Scan(Comparison(left, right, threshold, sample=sample, tuning=Tuning(**tuning)), rectangles)
    found, buffer = [], np.empty(capacity, dtype=PAIR)
    while not scan.done:
        found.append(buffer[: scan.next_pairs(buffer)].copy())
    return np.sort(np.concatenate(found), order=["left", "right"])


def by_definition(left, right, threshold):
    """All pairs at or above the threshold, counted by numpy."""
    common = np.bitwise_count(left[:, np.newaxis] & right).sum(axis=2, dtype=np.int64)
    total = popcounts(left)[:, np.newaxis] + popcounts(right)
    with np.errstate(invalid="ignore"):
        rows, columns = np.nonzero((common > 0) & (2.0 * common / total >= threshold))
    pairs = np.empty(len(rows), dtype=PAIR)
    pairs["left"], pairs["right"] = rows, columns
    pairs["common"], pairs["total"] = common[rows, columns], total[rows, columns]
    return pairs


@st.composite
def encodings(draw, sizes):
    """Two sides that share some rows and some of whose bits are nested; all zeros and all ones among them."""
    size = draw(sizes)
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    density = draw(st.sampled_from([0.02, 0.3, 0.5, 0.9]))
    pool = np.packbits(generator.random((draw(st.integers(1, 8)), size * 8)) < density, axis=1)
    pool = np.concatenate([pool, np.zeros((1, size), np.uint8), np.full((1, size), 255, np.uint8)])
    sides = []
    for _ in range(2):
        rows = pool[generator.integers(0, len(pool), draw(st.integers(0, 150)))]
        kept = np.packbits(generator.random((len(rows), size * 8)) < draw(st.sampled_from([0.5, 0.9, 1.0])), axis=1)
        sides.append(np.where(generator.random((len(rows), 1)) < 0.8, rows & kept, rows))
    return sides


@every_path
@settings(deadline=None, max_examples=150)
@given(
    sides=encodings(st.sampled_from([8, 16, 24, 64, 104, 128, 256])),
    threshold=st.one_of(st.sampled_from([0.05, 0.3, 0.5, 0.7, 0.8, 0.95, 1.0]), st.floats(1e-9, 1.0)),
    reorder=st.booleans(),
    share=st.floats(0, 1),
)
def test_pairs_are_those_of_the_definition(path, sides, threshold, reorder, share):
    left, right = sides
    sample = np.empty((0, 2), dtype=np.int64)
    if len(left) and len(right):
        sample = np.stack([np.arange(50) % len(left), np.arange(50) % len(right)], axis=1)
    filter_bits = int(share * left.shape[1] * 8)

    found = compare(left, right, threshold, sample=sample, reorder=reorder, filter_bits=filter_bits, path=path)

    assert found.tolist() == by_definition(left, right, threshold).tolist()
