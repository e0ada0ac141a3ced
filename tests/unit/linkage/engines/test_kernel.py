"""The native kernel finds the pairs of the definition on every path, and reads nothing beyond its inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.candidates.pairs import CANDIDATE, PAIR
from linkage.encodings.encoding_sets import popcounts
from linkage.engines import kernel
from linkage.engines.kernel import (
    SMALLEST_CAPACITY,
    Comparison,
    GreedySolver,
    Scan,
    Tuning,
    paths,
    sort_candidates,
    sort_pairs,
)
from linkage.engines.kernel_library import KernelNotFound
from tests.comparisons import (
    NO_SAMPLE,
    OTHER_MACHINES,
    SIZES,
    THRESHOLDS,
    adversaries,
    compare,
    every_path,
    ragged,
    some_pairs,
    whole,
)


def by_definition(left, right, threshold):
    """All pairs at or above the threshold, counted by numpy, in the order of the rows."""
    common = np.bitwise_count(left[:, np.newaxis] & right).sum(axis=2, dtype=np.int64)
    total = popcounts(left)[:, np.newaxis] + popcounts(right)
    with np.errstate(invalid="ignore"):
        rows, columns = np.nonzero((common > 0) & (2.0 * common / total >= threshold))
    pairs = np.empty(len(rows), dtype=PAIR)
    pairs["left"], pairs["right"] = rows, columns
    pairs["common"], pairs["total"] = common[rows, columns], total[rows, columns]
    return pairs


# ---- Comparing ----


@every_path
@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 2**32),
    size=st.sampled_from(SIZES[:-1]),
    threshold=st.one_of(st.sampled_from(THRESHOLDS), st.floats(1e-9, 1.0)),
    reorder=st.booleans(),
    looked_at=st.sampled_from([0, 0.01, 0.3, 0.8, 1]),
)
def test_pairs_are_those_of_the_definition(path, seed, size, threshold, reorder, looked_at):
    left, right = adversaries(seed, size)
    tuning = {"reorder": reorder, "filter_bits": int(looked_at * size * 8), "path": path}

    pairs = compare(left, right, threshold, sample=some_pairs(left, right), **tuning)

    assert pairs.tolist() == by_definition(left, right, threshold).tolist()


@every_path
@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 2**32), size=st.sampled_from(SIZES), threshold=st.sampled_from(THRESHOLDS))
def test_each_rectangle_gives_its_own_pairs(path, seed, size, threshold):
    left, right = adversaries(seed, size)
    rectangles = ragged(seed, len(left), len(right))
    all_pairs = by_definition(left, right, threshold).tolist()

    pairs = compare(left, right, threshold, rectangles=rectangles, sample=some_pairs(left, right), path=path)

    expected = [
        pair
        for left_start, left_stop, right_start, right_stop in rectangles.tolist()
        for pair in all_pairs
        if left_start <= pair[0] < left_stop and right_start <= pair[1] < right_stop
    ]
    assert pairs.tolist() == sorted(expected)


@every_path
@pytest.mark.parametrize("size", range(8, 1025, 40))
def test_encodings_of_every_size_are_compared(path, size):
    left, right = adversaries(size, size)

    for filter_bits in (0, 12, size * 8):
        pairs = compare(left, right, 0.6, filter_bits=filter_bits, path=path)
        assert pairs.tolist() == by_definition(left, right, 0.6).tolist()


@every_path
def test_every_threshold_is_inclusive_and_no_wider(path):
    """Nested rows with every score k/1000: found at it, and just below it, but not just above it."""
    few, many = np.arange(1, 501), np.arange(999, 499, -1)
    left, right = (np.packbits(np.arange(1024) < counts[:, np.newaxis], axis=1) for counts in (few, many))
    rows = np.arange(500)
    for thousandth in (7, 256, 333, 500, 650, 750, 800, 950, 999, 1000):
        for threshold in (thousandth / 1000, np.nextafter(thousandth / 1000, 0), np.nextafter(thousandth / 1000, 2)):
            if threshold > 1:
                continue
            rectangles = np.stack([rows, rows + 1, rows, rows + 1], axis=1)
            pairs = compare(left, right, threshold, rectangles=rectangles, path=path)
            assert pairs["left"].tolist() == rows[2.0 * few / 1000 >= threshold].tolist()
            around = slice(max(0, thousandth // 2 - 20), thousandth // 2 + 20)
            for filter_bits in (96, 1024):
                pairs = compare(left[around], right[around], threshold, filter_bits=filter_bits, path=path)
                assert pairs.tolist() == by_definition(left[around], right[around], threshold).tolist()


@every_path
def test_a_dense_result_goes_on_where_the_array_was_full(path):
    """Twenty thousand pairs through an array of a thousand: by panels, by rows, on either side."""
    for rows, columns in ((140, 150), (150, 140), (2, 9000), (9000, 2), (1, 20_000)):
        left, right = (np.full((count, 16), 255, np.uint8) for count in (rows, columns))
        pairs = compare(left, right, 1.0, path=path)
        assert len(pairs) == rows * columns
        assert np.array_equal(pairs["left"], np.repeat(np.arange(rows), columns))
        assert np.array_equal(pairs["right"], np.tile(np.arange(columns), rows))
        assert set(pairs["common"].tolist()) == {128}


def test_the_sample_decides_how_many_bits_are_looked_at():
    generator = np.random.default_rng(3)
    left, right = (np.packbits(generator.random((400, 1024)) < 0.4, axis=1) for _ in range(2))

    bits = [
        Comparison(left, right, threshold, sample=some_pairs(left, right, 400), tuning=Tuning()).filter_bits
        for threshold in (0.6, 0.8, 0.95)
    ]

    assert bits == sorted(bits, reverse=True)
    assert bits[0] > 2 * bits[2] > 0


# ---- Writing ----


@given(
    rows=st.lists(st.tuples(st.integers(1, 9), st.integers(18, 20), st.integers(0, 2**32 - 1), st.integers(0, 120))),
    in_order=st.booleans(),
)
def test_scores_are_written_as_python_writes_them(rows, in_order):
    candidates = np.array([(common, total, 0, left, right) for common, total, left, right in rows], CANDIDATE)
    if in_order:
        candidates = sort_candidates(candidates)

    text = kernel.format_scores(candidates)

    expected = [
        f"[[0,{left}],[1,{right}],{2.0 * common / total!r}]" for common, total, _, left, right in candidates.tolist()
    ]
    assert text.decode() == ",".join(expected)


# ---- What is refused ----


def filled(rows, size=16):
    return np.full((rows, size), 255, dtype=np.uint8)


@pytest.mark.parametrize(
    "arguments",
    [
        {"left": filled(3).view(np.uint16)},
        {"left": filled(3).tolist()},
        {"left": filled(3)[:, ::2]},
        {"left": filled(3)[0]},
        {"right": filled(3, 8)},
        {"left": filled(3, 12), "right": filled(3, 12)},
        {"left": filled(1, 1032), "right": filled(1, 1032)},
        {"left": filled(1, 0), "right": filled(1, 0)},
        {"threshold": 0.0},
        {"threshold": 1.5},
        {"threshold": float("nan")},
        {"sample": np.array([[3, 0]])},
        {"sample": np.array([[0, -1]])},
        {"sample": np.zeros((1, 3), dtype=np.int64)},
        {"sample": np.zeros((1, 2), dtype=np.int32)},
        {"sample": np.zeros((kernel.LARGEST_SAMPLE + 1, 2), dtype=np.int64)},
        {"tuning": Tuning(filter_bits=129)},
        {"tuning": Tuning(filter_bits=-1)},
        {"tuning": Tuning(path=sorted(OTHER_MACHINES)[0])},
    ],
)
def test_what_cannot_be_compared_is_refused(arguments):
    usual = {"left": filled(3), "right": filled(3), "threshold": 0.8, "sample": NO_SAMPLE, "tuning": Tuning()}
    chosen = usual | arguments
    with pytest.raises(ValueError):  # noqa: PT011
        Comparison(
            chosen["left"], chosen["right"], chosen["threshold"], sample=chosen["sample"], tuning=chosen["tuning"]
        )


@pytest.mark.parametrize(
    "rectangles",
    [
        [[0, 4, 0, 3]],
        [[0, 3, 0, 4]],
        [[-1, 3, 0, 3]],
        [[0, 3, -1, 3]],
        [[2, 1, 0, 3]],
        [[0, 3, 2, 1]],
        [[0, 3, 0, 3], [0, 3, 0, 2**62]],
        [[0, 3, 0]],
        [0, 3, 0, 3],
    ],
)
def test_rectangles_beyond_the_arrays_are_refused(rectangles):
    comparison = Comparison(filled(3), filled(3), 0.8, sample=NO_SAMPLE, tuning=Tuning())
    with pytest.raises(ValueError):  # noqa: PT011
        Scan(comparison, np.array(rectangles, dtype=np.int64))


@pytest.mark.parametrize("into", [np.empty(SMALLEST_CAPACITY - 1, PAIR), np.empty(4096, CANDIDATE)])
def test_an_array_that_pairs_do_not_go_into_is_refused(into):
    scan = Scan(Comparison(filled(3), filled(3), 0.8, sample=NO_SAMPLE, tuning=Tuning()), whole(filled(3), filled(3)))
    with pytest.raises(ValueError):  # noqa: PT011
        scan.next_pairs(into)
    assert scan.next_pairs(np.empty(SMALLEST_CAPACITY, PAIR)) == 9


def test_arrays_of_other_records_are_refused():
    for function, dtype in ((sort_pairs, CANDIDATE), (sort_candidates, PAIR), (kernel.format_scores, PAIR)):
        with pytest.raises(ValueError):  # noqa: PT011
            function(np.zeros(2, dtype))
    with pytest.raises(ValueError):  # noqa: PT011
        GreedySolver([2, 2], max_pending=0).feed(np.zeros(2, PAIR))


@pytest.mark.parametrize("record_counts", [[2], [2, -1], [2**31, 2**31], [1] * 5000])
def test_data_sets_that_cannot_be_grouped_are_refused(record_counts):
    with pytest.raises(ValueError, match="cannot group"):
        GreedySolver(record_counts, max_pending=10)


def test_a_library_that_is_not_there_is_missed_with_a_word_of_what_to_do(monkeypatch):
    monkeypatch.setattr("sys.path", [])
    kernel.library.cache_clear()
    with pytest.raises(KernelNotFound, match="make setup"):
        paths()
