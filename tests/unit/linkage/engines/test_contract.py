"""Both engines answer by the definition, with the same bytes, however the work is cut."""

import subprocess
import tracemalloc
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.demo import febrl4
from infra.local.environments import python
from linkage.candidates.pairs import CANDIDATE, PAIR, scores
from linkage.engines import native
from linkage.engines.anonlink import greedy_solve
from linkage.engines.choice import engine
from linkage.engines.contract import SolverLimitReached
from tests.oracle import pairs_by_definition

ENGINES = ["native", "anonlink"]
both_engines = pytest.mark.parametrize("name", ENGINES)


def whole(left, right):
    return np.array([[0, len(left), 0, len(right)]], dtype=np.int64)


def find(name, left, right, threshold, rectangles=None, *, threads=1, max_pairs=10**6):
    """All candidate pairs, in their order."""
    rectangles = whole(left, right) if rectangles is None else rectangles
    chosen = engine(name)
    batches = chosen.find_candidates(left, right, rectangles, threshold, threads=threads, max_pairs=max_pairs)
    return chosen.sort_pairs(np.concatenate([np.empty(0, PAIR), *batches]))


def filled(bits, size=128):
    """An encoding whose first bits are set."""
    row = np.zeros(size * 8, dtype=np.uint8)
    row[:bits] = 1
    return np.packbits(row)[np.newaxis]


def noisy(seed, rows, size=16, noise=0.1):
    """Two sides of rows that come in copies with some bits flipped."""
    generator = np.random.default_rng(seed)
    pool = generator.integers(0, 256, (max(1, rows // 4), size), dtype=np.uint8)
    return [
        pool[generator.integers(0, len(pool), rows)] ^ np.packbits(generator.random((rows, size * 8)) < noise, axis=1)
        for _ in range(2)
    ]


ENCODE = """
import io, itertools, sys
from clkhash import clk, schema
linkage_schema, records, count = sys.argv[1:]
with open(linkage_schema) as described, open(records, newline="") as rows:
    wanted = "".join(itertools.islice(rows, int(count) + 1))
    for encoding in clk.generate_clk_from_csv(
        io.StringIO(wanted), "a secret", schema.from_json_file(described), progress_bar=False
    ):
        sys.stdout.buffer.write(encoding.tobytes())
"""


@pytest.fixture(scope="module")
def febrl_encodings(tmp_path_factory):
    """The first FEBRL4 records of two parties, encoded by the released client's own clkhash."""
    files = febrl4.write_party_files(tmp_path_factory.mktemp("febrl4"))
    encoded = [
        subprocess.run(
            [python("client"), "-W", "ignore", "-c", ENCODE, febrl4.LINKAGE_SCHEMA, file, "1500"],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        for file in files
    ]
    return [np.frombuffer(raw, np.uint8).reshape(1500, 128) for raw in encoded]


# ---- Comparing ----


@both_engines
@settings(deadline=None)
@given(
    data=st.data(),
    size=st.sampled_from([8, 16]),
    threshold=st.sampled_from([0.1, 0.55, 0.65, 0.75, 0.8, 0.9, 0.95, 1.0]),
)
def test_the_pairs_are_those_of_the_definition(name, data, size, threshold):
    row = st.binary(min_size=size, max_size=size) | st.sampled_from([b"\0", b"\xff", b"\x0f"]).map(lambda b: b * size)
    left, right = (
        np.frombuffer(b"".join(data.draw(st.lists(row, max_size=8))), np.uint8).reshape(-1, size) for _ in range(2)
    )

    pairs = find(name, left, right, threshold)

    expected = pairs_by_definition(left, right, threshold)
    keys = list(zip(pairs["left"].tolist(), pairs["right"].tolist(), strict=True))
    assert dict(zip(keys, scores(pairs).tolist(), strict=True)) == expected
    assert keys == sorted(keys, key=lambda key: (-expected[key], key))


@both_engines
@pytest.mark.parametrize(("threshold", "few", "many"), [(0.75, 3, 5), (0.65, 13, 27), (0.55, 33, 87), (0.95, 19, 21)])
def test_pairs_on_the_threshold_that_anonlink_loses_are_found(name, threshold, few, many):
    one, other = filled(few), filled(many)

    assert scores(find(name, one, other, threshold)).tolist() == [threshold]
    assert scores(find(name, other, one, threshold)).tolist() == [threshold]


@both_engines
def test_every_threshold_is_inclusive_and_no_wider(name):
    """For each k/1000 that is the exact score of two nested encodings: found at it, not found just above it."""
    for thousandth in range(100, 1000, 2):
        threshold, few = thousandth / 1000, thousandth // 2
        one, other = filled(few), filled(1000 - few)
        assert len(find(name, one, other, threshold)) == 1
        assert len(find(name, one, other, np.nextafter(threshold, 2))) == 0


@both_engines
def test_encodings_without_a_set_bit_match_nothing(name):
    empty = np.zeros((300, 8), dtype=np.uint8)

    assert len(find(name, empty, empty, 1e-9)) == 0
    assert len(find(name, empty, filled(64, 8), 1e-9)) == 0


@both_engines
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), max_pairs=st.sampled_from([30, 10**6]), threads=st.integers(1, 3))
def test_rectangles_that_cover_the_whole_find_the_same_as_the_whole(name, seed, max_pairs, threads):
    left, right = noisy(seed, 60)
    generator = np.random.default_rng(seed)
    cuts = [np.unique([0, 60, *generator.integers(0, 61, generator.integers(0, 30))]) for _ in range(2)]
    spans = [list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)) for bounds in cuts]
    rectangles = np.array([[*rows, *columns] for rows, columns in product(*spans)], dtype=np.int64)
    generator.shuffle(rectangles)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "TASK_COMPARISONS", 1000)  # so that there is a task for each thread, and more
        pairs = find(name, left, right, 0.7, rectangles, threads=threads, max_pairs=max_pairs)

    assert pairs.tobytes() == find("anonlink", left, right, 0.7).tobytes()
    assert len(pairs)


@both_engines
def test_rectangles_may_be_empty_overlap_and_leave_rows_out(name):
    left, right = noisy(2, 40)
    rectangles = np.array([[0, 0, 0, 40], [5, 30, 7, 7], [0, 10, 0, 40], [5, 20, 0, 40]], dtype=np.int64)

    pairs = find(name, left, right, 0.6, rectangles)

    all_pairs = find(name, left, right, 0.6).tolist()
    assert sorted(pairs.tolist()) == sorted(
        [pair for pair in all_pairs if pair[0] < 10] + [pair for pair in all_pairs if 5 <= pair[0] < 20]
    )
    assert len(find(name, left, right, 0.6, rectangles[:2])) == 0
    assert len(find(name, left, right, 0.6, rectangles[:0])) == 0


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("name", "rows"), [("native", 1500), ("anonlink", 400)])
def test_memory_is_bounded_even_if_every_pair_is_a_candidate(name, rows, threads, monkeypatch):
    monkeypatch.setattr(native, "TASK_COMPARISONS", rows**2 // 8)  # so that there is a task for each thread, and more
    same = np.repeat(filled(500), rows, axis=0)
    rectangles = np.array([[start, start + rows // 10, 0, rows] for start in range(0, rows, rows // 10)])
    tracemalloc.start()
    try:
        batches = engine(name).find_candidates(same, same, rectangles, 1.0, threads=threads, max_pairs=20_000)
        sizes = [len(batch) for batch in batches]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert sum(sizes) == rows**2
    assert max(sizes) <= 20_000
    row_copies = 0 if name == "native" else 3 * same.shape[1]  # anonlink's pairs are counted again
    assert peak < 20_000 * (6 * PAIR.itemsize + row_copies) + 4 * same.nbytes + 2**20


def test_both_engines_find_the_same_in_encodings_of_every_size():
    for size in range(8, 1025, 8):
        left, right = noisy(size, 24, size)
        pairs = find("native", left, right, 0.7)
        assert pairs.tobytes() == find("anonlink", left, right, 0.7).tobytes()
        assert len(pairs)


@both_engines
@pytest.mark.parametrize("threshold", [0, -0.1, 1.01, float("nan")])
def test_a_threshold_out_of_range_is_refused(name, threshold):
    with pytest.raises(ValueError, match="threshold"):
        find(name, filled(1), filled(1), threshold)


@both_engines
@pytest.mark.parametrize(
    ("left", "right", "rectangles", "problem"),
    [
        (filled(1, 8), filled(1, 16), None, "differ in size"),
        (np.zeros((1, 12), np.uint8), np.zeros((1, 12), np.uint8), None, "multiple of 8"),
        (np.zeros((1, 1032), np.uint8), np.zeros((1, 1032), np.uint8), None, "up to 1024"),
        (np.zeros((1, 0), np.uint8), np.zeros((1, 0), np.uint8), None, "multiple of 8"),
        (np.zeros((1, 8), np.uint16), filled(1, 8), None, "uint8"),
        (np.zeros((2, 16), np.uint8)[:, ::2], filled(1, 8), None, "C-contiguous"),
        (filled(1, 8), filled(1, 8), [[0, 2, 0, 1]], "beyond"),
        (filled(1, 8), filled(1, 8), [[0, 1, -1, 1]], "beyond"),
        (filled(1, 8), filled(1, 8), [[1, 0, 0, 1]], "negative side"),
        (filled(1, 8), filled(1, 8), [[0, 1, 0]], "shape"),
    ],
)
def test_what_is_no_comparison_is_refused(name, left, right, rectangles, problem):
    with pytest.raises(ValueError, match=problem):
        find(name, left, right, 0.8, None if rectangles is None else np.array(rectangles, dtype=np.int64))


@both_engines
@pytest.mark.parametrize("bounds", [{"threads": 0}, {"max_pairs": 0}])
def test_no_threads_or_no_pairs_are_refused(name, bounds):
    with pytest.raises(ValueError, match="at least 1"):
        find(name, filled(1), filled(1), 0.8, **bounds)


def test_there_is_no_other_engine():
    with pytest.raises(ValueError, match="no engine 'fast'"):
        engine("fast")


# ---- Sorting ----


def random_candidates(generator, count, parties=4, records=50, most=30):
    """Candidates with many equal scores, some of them of unequal counts; duplicates too."""
    candidates = np.zeros(count, CANDIDATE)
    candidates["datasets"] = generator.integers(0, parties * (parties - 1) // 2, count)
    candidates["left"], candidates["right"] = generator.integers(0, records, (2, count), dtype=np.uint32)
    candidates["common"] = generator.integers(1, most + 1, count)
    candidates["total"] = 2 * candidates["common"] + generator.integers(0, most, count)
    return candidates


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32),
    count=st.sampled_from([0, 1, 2, 31, 33, 700, 6000]),
    records=st.sampled_from([1, 50, 2**32 - 1]),
    most=st.sampled_from([1, 30, 4000]),
)
def test_both_engines_sort_the_same(seed, count, records, most):
    candidates = random_candidates(np.random.default_rng(seed), count, records=records, most=most)
    pairs = np.empty(count, PAIR)
    for field in PAIR.names:
        pairs[field] = candidates[field]

    ordered = engine("native").sort_candidates(candidates)
    keys = list(zip(-scores(ordered), *(ordered[field] for field in ("datasets", "left", "right")), strict=True))
    assert keys == sorted(keys)
    assert sorted(ordered.tolist()) == sorted(candidates.tolist())
    ties_of_value = ["datasets", "left", "right"]
    assert ordered[ties_of_value].tolist() == engine("anonlink").sort_candidates(candidates)[ties_of_value].tolist()
    ordered = engine("native").sort_pairs(pairs)
    assert ordered[["left", "right"]].tolist() == engine("anonlink").sort_pairs(pairs)[["left", "right"]].tolist()


def test_scores_that_are_as_near_as_can_be_are_told_apart():
    """Neighbours of a half in the order of fractions with the largest denominators that there are."""
    common, total = [4095, 4096, 8189, 8190, 8191, 8192], [8191, 8192, 8193, 16381, 16382, 16383, 16384]
    both = np.array([(c, t) for c, t in product(common, total) if 2 * c <= t], dtype=np.uint16)
    pairs = np.zeros(len(both), PAIR)
    pairs["common"], pairs["total"] = both.T
    pairs["left"] = np.arange(len(both))[::-1]

    for name in ENGINES:
        ordered = engine(name).sort_pairs(pairs)
        exact = [(-int(pair["common"]) * 2**40 // int(pair["total"]), int(pair["left"])) for pair in ordered]
        assert exact == sorted(exact)


# ---- Grouping ----


def group(name, candidates, record_counts, *, pieces=1, max_pending=10**6):
    """The groups, as a list of lists."""
    chosen = engine(name)
    solver = chosen.new_solver(record_counts, max_pending=max_pending)
    for piece in np.array_split(chosen.sort_candidates(candidates), pieces):
        solver.feed(piece)
    datasets, records, offsets = solver.groups()
    assert (datasets.dtype, records.dtype, offsets.dtype) == (np.uint32, np.uint32, np.int64)
    members = list(zip(datasets.tolist(), records.tolist(), strict=True))
    return [members[start:stop] for start, stop in pairwise(offsets)]


def group_by_anonlink(candidates, parties):
    """Raw anonlink's groups, in the order that ours have."""
    ordered = engine("anonlink").sort_candidates(candidates)
    datasets = np.array(list(combinations(range(parties), 2)), dtype=np.uint32)[ordered["datasets"]]
    sides = [(datasets[:, at].copy(), ordered[field].copy()) for at, field in enumerate(("left", "right"))]
    return sorted(sorted(map(tuple, group)) for group in greedy_solve((scores(ordered), *zip(*sides, strict=True))))


def distinct(candidates):
    """Each pair of records once."""
    _, first = np.unique(candidates[["datasets", "left", "right"]], return_index=True)
    return candidates[first]


@both_engines
@settings(deadline=None, max_examples=200)
@given(
    seed=st.integers(0, 2**32),
    parties=st.integers(2, 6),
    records=st.integers(1, 12),
    most=st.sampled_from([1, 5, 100]),
    pieces=st.integers(1, 5),
)
def test_groups_are_those_of_anonlink(name, seed, parties, records, most, pieces):
    generator = np.random.default_rng(seed)
    count = int(generator.random() * records**2 * parties * (parties - 1) / 2)
    candidates = distinct(random_candidates(generator, count, parties, records, most))

    groups = group(name, candidates, [records] * parties, pieces=pieces)

    assert groups == group_by_anonlink(candidates, parties)
    assert all(len({dataset for dataset, _ in members}) == len(members) for members in groups)


@both_engines
def test_cliques_that_come_in_any_order_are_grouped_whole(name):
    """Entities that all parties have, with few candidates missing: the most that counters have to do."""
    generator = np.random.default_rng(5)
    parties, entities = 5, 60
    candidates = np.zeros(entities * 10, CANDIDATE)
    candidates["datasets"] = np.tile(np.arange(10), entities)
    candidates["left"] = candidates["right"] = np.repeat(np.arange(entities), 10)
    candidates["common"], candidates["total"] = generator.integers(60, 100, len(candidates)), 200
    noise = distinct(random_candidates(generator, 2000, parties, entities, 90))
    candidates = distinct(np.concatenate([candidates, noise]))
    kept = candidates[generator.random(len(candidates)) < 0.97]

    groups = group(name, kept, [entities] * parties, pieces=7)

    assert groups == group_by_anonlink(kept, parties)
    assert max(map(len, groups)) == parties


@both_engines
def test_real_candidates_are_grouped_as_anonlink_does(name, febrl_encodings):
    """Encodings of clkhash, of two data sets with true matches and of a third that repeats some."""
    left, right = febrl_encodings
    datasets = [left, right, np.concatenate([left[::3], right[1::3]])]
    parts = []
    for number, (one, other) in enumerate(combinations(datasets, 2)):
        pairs = find("native", one, other, 0.75)
        candidates = np.zeros(len(pairs), CANDIDATE)
        candidates["datasets"] = number
        for field in PAIR.names:
            candidates[field] = pairs[field]
        parts.append(candidates)
        assert pairs.tobytes() == find("anonlink", one, other, 0.75).tobytes()
    candidates = np.concatenate(parts)

    assert group(name, parts[0], [len(left), len(right)]) == group_by_anonlink(parts[0], 2)
    assert group(name, candidates, list(map(len, datasets)), pieces=3) == group_by_anonlink(candidates, 3)
    assert len(candidates) > 1000


@both_engines
def test_no_candidates_make_no_groups(name):
    assert group(name, np.empty(0, CANDIDATE), [3, 0, 7]) == []
    assert group(name, np.empty(0, CANDIDATE), [0, 0]) == []


@both_engines
@pytest.mark.parametrize("parties", [2, 3])
def test_candidates_out_of_order_are_refused(name, parties):
    chosen = engine(name)
    rows = chosen.sort_candidates(distinct(random_candidates(np.random.default_rng(1), 30, parties, 9)))
    for first, second in [(rows[:5], rows[4:6]), (rows[5:6], rows[:5]), (rows[[0, 2, 1]], rows[:0])]:
        solver = chosen.new_solver([9] * parties, max_pending=100)
        with pytest.raises(ValueError, match="out of order"):
            solver.feed(first), solver.feed(second)


@both_engines
@pytest.mark.parametrize("candidate", [(1, 2, 3, 0, 0), (1, 2, 0, 5, 0), (1, 2, 1, 0, 6), (1, 2, 2, 5, 0)])
def test_candidates_of_records_that_are_not_there_are_refused(name, candidate):
    with pytest.raises(ValueError, match="not there"):
        group(name, np.array([candidate], CANDIDATE), [5, 5, 6])


@both_engines
@pytest.mark.parametrize("record_counts", [[], [3], [3, -1], [3, 2**32]])
def test_what_are_no_data_sets_is_refused(name, record_counts):
    with pytest.raises(ValueError, match="data sets"):
        engine(name).new_solver(record_counts, max_pending=10)


def test_the_native_solver_stops_at_its_limit_and_no_sooner():
    """Groups of two that meet third records once each: every meeting is one pair that may still merge."""
    met = 50
    candidates = np.zeros(2 * met, CANDIDATE)
    candidates["left"] = np.tile(np.arange(met), 2)
    candidates["right"] = np.concatenate([np.arange(met), np.arange(met)])
    candidates["datasets"] = np.repeat([0, 1], met)
    candidates["common"], candidates["total"] = np.repeat([10, 9], met), 20

    assert len(group("native", candidates, [met] * 3, max_pending=met)) == met
    with pytest.raises(SolverLimitReached, match=str(met - 1)):
        group("native", candidates, [met] * 3, max_pending=met - 1)
    two = candidates[candidates["datasets"] == 0]
    assert len(group("native", two, [met] * 2, max_pending=0)) == met


def test_a_solver_that_failed_says_so():
    solver = engine("native").new_solver([2, 2], max_pending=0)
    wrong = np.array([(1, 2, 0, 9, 0)], CANDIDATE)
    with pytest.raises(ValueError, match="not there"):
        solver.feed(wrong)

    with pytest.raises(ValueError):  # noqa: PT011
        solver.groups()
