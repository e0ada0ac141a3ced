"""Build the kernel with sanitizers; with the fuzz target and clang++, look for inputs that break it.

``python -m tests.builds.fuzzing 60`` looks for 60 seconds, and keeps what it learnt below build/fuzz.
"""

import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra.packaging import ROOT
from infra.packaging.kernel import PATH_FLAGS

KERNEL = ROOT / "layers" / "kernel"
FUZZ = KERNEL / "tests" / "fuzz.cpp"
FOLDER = ROOT / "build" / "fuzz"
SANITIZERS = ["-g1", "-std=c++20", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
NOT_THERE = "not run: clang++, which has libFuzzer, is not installed (Debian: clang)"


def build_sanitized(compiler: str, folder: Path, *mains: Path, flags: Sequence[str] = ()) -> None:
    """Compile the kernel's sources once, and link a program in the folder with each main."""
    sources = sorted((KERNEL / "src").glob("*.cpp"))

    def compile_one(source: Path) -> None:
        own = PATH_FLAGS.get(source.name, []) if platform.machine() == "x86_64" else []
        target = folder / f"{source.stem}.o"
        subprocess.run([compiler, *SANITIZERS, *flags, *own, "-c", source, "-o", target], check=True)

    with ThreadPoolExecutor() as pool:
        list(pool.map(compile_one, [*sources, *mains]))
    kernel = [folder / f"{source.stem}.o" for source in sources]
    for main in mains:
        objects = [*kernel, folder / f"{main.stem}.o"]
        subprocess.run([compiler, *SANITIZERS, *flags, *objects, "-o", folder / main.stem], check=True)


def fuzz(compiler: str, folder: Path, seconds: int) -> subprocess.CompletedProcess[str]:
    """Let libFuzzer look for inputs; it fails with one that breaks the kernel, and leaves it in the folder."""
    build_sanitized(compiler, folder, FUZZ, flags=["-O1", "-fsanitize=fuzzer"])
    (folder / "corpus").mkdir(exist_ok=True)
    limits = [f"-max_total_time={seconds}", "-max_len=4096", f"-artifact_prefix={folder}/"]
    command = [str(folder / FUZZ.stem), str(folder / "corpus"), *limits]
    return subprocess.run(command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True, check=False)


def main() -> int:
    """Fuzz for the seconds given; return 0 if no input broke the kernel, or clang++ is missing."""
    compiler = shutil.which("clang++")
    if compiler is None:
        print(NOT_THERE)
        return 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    done = fuzz(compiler, FOLDER, int(sys.argv[1]))
    print(done.stdout)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
