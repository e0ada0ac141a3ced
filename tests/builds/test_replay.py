"""The kernel finds the same pairs on other machines and under sanitizers, and reads nothing beyond its inputs."""

import os
import platform
import shutil
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from infra.packaging import ROOT
from infra.packaging.kernel import FLAGS, zig
from linkage.candidates.pairs import CANDIDATE, PAIR
from linkage.engines.contract import SolverLimitReached
from linkage.engines.kernel import GreedySolver, KernelPath, sort_candidates
from tests.builds.fuzzing import FUZZ, build_sanitized
from tests.comparisons import SIZES, THRESHOLDS, adversaries, compare, every_path, ragged, some_pairs, whole

SOURCES = ROOT / "layers" / "kernel" / "src"
REPLAY = ROOT / "layers" / "kernel" / "tests" / "replay.cpp"


def cases(path):
    """Comparisons of all sizes, and the expected pairs of each."""
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
    """Problems for the solver, with and without room for pairs that may still merge, and their answers here."""
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
    """Check that a replaying program finds the expected pairs."""
    asked, expected = zip(*cases(path), strict=True)
    done = subprocess.run(
        command, input=b"".join(asked), capture_output=True, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr.decode()
    at = 0
    for pairs in expected:
        (count,) = struct.unpack_from("<q", done.stdout, at)
        assert count == len(pairs)
        result = np.frombuffer(done.stdout, PAIR, count, at + 8)
        assert np.sort(result, order=["left", "right"]).tolist() == pairs.tolist()
        at += 8 + result.nbytes
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
    """A folder with the replaying program and the fuzz target, with AddressSanitizer and UndefinedBehaviorSanitizer."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("not run: g++, which has the sanitizers, is not installed")
    folder = tmp_path_factory.mktemp("sanitized")
    build_sanitized(compiler, folder, REPLAY, FUZZ, flags=["-DLINKAGE_FUZZ_AT_RANDOM"])
    return folder


@every_path
def test_sanitizers_find_nothing_wrong(sanitized, path):
    replay([sanitized / "replay"], path, UBSAN_OPTIONS="print_stacktrace=1")
    replay_groupings([sanitized / "replay"])


def test_inputs_at_random_break_nothing(sanitized):
    """The fuzz target's inputs where no fuzzer chooses them: the same each time."""
    done = subprocess.run([sanitized / "fuzz", "3000"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "3000 inputs\n"), done.stderr
