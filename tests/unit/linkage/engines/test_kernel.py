"""The native kernel finds what the definition says, whatever way it takes, and reads nothing that is not its own."""

import os
import platform
import shutil
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.packaging import ROOT
from infra.packaging.kernel import FLAGS, MACHINES, PATH_FLAGS, build_kernel, build_library, library_name, zig
from linkage.candidates.pairs import CANDIDATE, PAIR
from linkage.encodings.encoding_sets import popcounts
from linkage.engines import kernel
from linkage.engines.contract import SolverLimitReached
from linkage.engines.kernel import (
    SMALLEST_CAPACITY,
    Comparison,
    GreedySolver,
    KernelPath,
    Scan,
    Tuning,
    paths,
    sort_candidates,
    sort_pairs,
)
from linkage.engines.kernel_library import KernelNotFound

SOURCES = ROOT / "layers" / "kernel" / "src"
REPLAY = ROOT / "layers" / "kernel" / "tests" / "replay.cpp"
NO_SAMPLE = np.empty((0, 2), dtype=np.int64)
SIZES = [8, 16, 24, 64, 104, 128, 256, 1024]
THRESHOLDS = [0.05, 0.3, 0.5, 0.7, 0.8, 0.95, 1.0]


def of_this_machine(path):
    """A path, or a skip that says that nothing here could take it."""
    reason = f"not run: this machine cannot take the path {path.name}"
    return pytest.param(path, id=path.name.lower(), marks=pytest.mark.skipif(path not in paths(), reason=reason))


OTHER_MACHINES = {KernelPath.NEON} if platform.machine() == "x86_64" else {KernelPath.AVX2, KernelPath.AVX512}
every_path = pytest.mark.parametrize(
    "path", [of_this_machine(path) for path in KernelPath if path and path not in OTHER_MACHINES]
)


def whole(left, right):
    return np.array([[0, len(left), 0, len(right)]], dtype=np.int64)


def compare(left, right, threshold, *, rectangles=None, sample=NO_SAMPLE, **tuning):
    """All pairs that a scan finds, in the order of the rows; the smallest array that it may be given."""
    comparison = Comparison(left, right, threshold, sample=sample, tuning=Tuning(**tuning))
    scan = Scan(comparison, whole(left, right) if rectangles is None else rectangles)
    found, buffer = [], np.empty(SMALLEST_CAPACITY, dtype=PAIR)
    while not scan.done:
        found.append(buffer[: scan.next_pairs(buffer)].copy())
    return np.sort(np.concatenate(found), order=["left", "right"])


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


def adversaries(seed, size, rows=150):
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


def some_pairs(left, right, count=50):
    """A sample, where there is anything to draw it from."""
    if not len(left) or not len(right):
        return NO_SAMPLE
    return np.stack([np.arange(count) % len(left), np.arange(count) % len(right)], axis=1)


def ragged(seed, left_rows, right_rows):
    """Rectangles of all sizes, down to empty ones; some overlap."""
    generator = np.random.default_rng(seed)
    count = generator.integers(0, 40)
    rows = np.sort(generator.integers(0, left_rows + 1, (count, 2)), axis=1)
    columns = np.sort(generator.integers(0, right_rows + 1, (count, 2)), axis=1)
    return np.concatenate([rows, columns], axis=1).astype(np.int64)


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

    found = compare(left, right, threshold, sample=some_pairs(left, right), **tuning)

    assert found.tolist() == by_definition(left, right, threshold).tolist()


@every_path
@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 2**32), size=st.sampled_from(SIZES), threshold=st.sampled_from(THRESHOLDS))
def test_each_rectangle_gives_its_own_pairs(path, seed, size, threshold):
    left, right = adversaries(seed, size)
    rectangles = ragged(seed, len(left), len(right))
    all_pairs = by_definition(left, right, threshold)

    found = compare(left, right, threshold, rectangles=rectangles, sample=some_pairs(left, right), path=path)

    expected = [
        pair
        for left_start, left_stop, right_start, right_stop in rectangles.tolist()
        for pair in all_pairs.tolist()
        if left_start <= pair[0] < left_stop and right_start <= pair[1] < right_stop
    ]
    assert found.tolist() == sorted(expected)


@every_path
@pytest.mark.parametrize("size", range(8, 1025, 40))
def test_encodings_of_every_size_are_compared(path, size):
    left, right = adversaries(size, size)

    for filter_bits in (0, 12, size * 8):
        found = compare(left, right, 0.6, filter_bits=filter_bits, path=path)
        assert found.tolist() == by_definition(left, right, 0.6).tolist()


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
            found = compare(left, right, threshold, rectangles=rectangles, path=path)
            assert found["left"].tolist() == rows[2.0 * few / 1000 >= threshold].tolist()
            around = slice(max(0, thousandth // 2 - 20), thousandth // 2 + 20)
            for filter_bits in (96, 1024):
                found = compare(left[around], right[around], threshold, filter_bits=filter_bits, path=path)
                assert found.tolist() == by_definition(left[around], right[around], threshold).tolist()


@every_path
def test_a_dense_result_goes_on_where_the_array_was_full(path):
    """Twenty thousand pairs through an array of a thousand: by panels, by rows, on either side."""
    for rows, columns in ((140, 150), (150, 140), (2, 9000), (9000, 2), (1, 20_000)):
        left, right = (np.full((count, 16), 255, np.uint8) for count in (rows, columns))
        found = compare(left, right, 1.0, path=path)
        assert len(found) == rows * columns
        assert np.array_equal(found["left"], np.repeat(np.arange(rows), columns))
        assert np.array_equal(found["right"], np.tile(np.arange(columns), rows))
        assert set(found["common"].tolist()) == {128}


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


# ---- The library ----


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
    """The rests of all strings of an ELF file that begin so."""
    return {word.removeprefix(prefix) for word in raw.split(b"\0") if word.startswith(prefix) and word.isascii()}


# ---- On other machines, and under sanitizers ----


def cases(path):
    """Comparisons of all sizes, and what each should find."""
    for seed, size in enumerate(SIZES * 6):
        left, right = adversaries(seed, size, rows=100 if size < 1024 else 40)
        threshold = THRESHOLDS[seed % len(THRESHOLDS)]
        rectangles = whole(left, right) if seed % 2 else ragged(seed, len(left), len(right))
        sample = some_pairs(left, right)
        reorder, filter_bits = seed % 3 == 0, [0, 12, size * 4, size * 8][seed % 4]
        numbers = (len(left), len(right), size, len(sample), len(rectangles), reorder, filter_bits, path)
        arrays = b"".join(array.tobytes() for array in (left, right, sample, rectangles))
        tuning = {"reorder": reorder, "filter_bits": filter_bits, "path": KernelPath.PORTABLE}
        expected = compare(left, right, threshold, rectangles=rectangles, sample=sample, **tuning)
        yield struct.pack("<9qd", 0, *numbers, threshold) + arrays, expected


def groupings():
    """Problems for the solver, with and without room for what may still merge, and what it answers here."""
    generator = np.random.default_rng(9)
    for turn in range(60):
        parties, records = 2 + turn % 4, 1 + 3 * turn
        count = int(generator.integers(0, 4 * records * parties))
        candidates = np.zeros(count, CANDIDATE)
        candidates["datasets"] = generator.integers(0, parties * (parties - 1) // 2, count)
        candidates["left"], candidates["right"] = generator.integers(0, records, (2, count))
        candidates["total"] = generator.integers(20, 25, count)
        candidates["common"] = generator.integers(5, 11, count)
        _, first = np.unique(candidates[["datasets", "left", "right"]], return_index=True)
        candidates = candidates[generator.permutation(first)]
        counts, max_pending = [records] * parties, [10, 10**6][turn % 2]
        asked = struct.pack(f"<4q{parties}q", 1, parties, len(candidates), max_pending, *counts) + candidates.tobytes()
        solver = GreedySolver(counts, max_pending=max_pending)
        try:
            solver.feed(sort_candidates(candidates))
        except SolverLimitReached:
            yield asked, struct.pack("<4q", -4, 0, 0, 0)
        else:
            answer = solver.groups()
            header = struct.pack("<3q", 0, len(answer[2]) - 1, len(answer[0]))
            yield asked, header + b"".join(array.tobytes() for array in answer)


def replay_groupings(command):
    """Check that a replaying program groups as this machine does."""
    asked, expected = zip(*groupings(), strict=True)
    done = subprocess.run(command, input=b"".join(asked), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b"".join(expected)
    assert len({answer[:8] for answer in expected}) == 2, "some reach the limit and some do not"


def replay(command, path, **environment):
    """Check that a replaying program finds what it should."""
    asked, expected = zip(*cases(path), strict=True)
    done = subprocess.run(
        command, input=b"".join(asked), capture_output=True, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr.decode()
    at = 0
    for pairs in expected:
        (count,) = struct.unpack_from("<q", done.stdout, at)
        assert count == len(pairs)
        found = np.frombuffer(done.stdout, PAIR, count, at + 8)
        assert np.sort(found, order=["left", "right"]).tolist() == pairs.tolist()
        at += 8 + found.nbytes
    assert at == len(done.stdout)
    assert sum(map(len, expected)) > 10_000


def in_turns(sources, build):
    """Build the sources, as many at a time as there are processors."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(build, sources))


@pytest.mark.parametrize("path", [KernelPath.NEON, KernelPath.PORTABLE], ids=lambda path: path.name.lower())
def test_aarch64_finds_the_same(path, tmp_path):
    native = platform.machine() == "aarch64"
    emulator = None if native else shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if not native and emulator is None:
        pytest.skip("not run: qemu-user is not installed (Debian: qemu-user-static)")
    target, program = "aarch64-linux-musl", tmp_path / "replay"

    def build(source):
        zig(target, [*FLAGS, "-c", str(source), "-o", str(tmp_path / f"{source.stem}.o")], cwd=ROOT)

    in_turns([*sorted(SOURCES.glob("*.cpp")), REPLAY], build)
    zig(target, ["-static", "-nostdlib++", *map(str, tmp_path.glob("*.o")), "-o", str(program)], cwd=ROOT)

    command = [program] if native else [emulator, program]
    replay(command, path)
    replay_groupings(command)


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory):
    """The replaying program for this machine, with AddressSanitizer and UndefinedBehaviorSanitizer."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("not run: g++, which has the sanitizers, is not installed")
    folder = tmp_path_factory.mktemp("sanitized")
    flags = ["-g1", "-std=c++20", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

    def build(source):
        own = PATH_FLAGS.get(source.name, []) if platform.machine() == "x86_64" else []
        subprocess.run([compiler, *flags, *own, "-c", source, "-o", folder / f"{source.stem}.o"], check=True)

    in_turns([*sorted(SOURCES.glob("*.cpp")), REPLAY], build)
    subprocess.run([compiler, *flags, *folder.glob("*.o"), "-o", folder / "replay"], check=True)
    return folder / "replay"


@every_path
def test_sanitizers_find_nothing_wrong(sanitized, path):
    replay([sanitized], path, UBSAN_OPTIONS="print_stacktrace=1")
    replay_groupings([sanitized])
