"""Build the layers, which Lambda unzips over one another; their ``python/`` is on the path.

A layer's file name holds the digest of what it is built from. Where the file is there
already it is not built again; nor is it published again, because deployments go by digests.
"""

from __future__ import annotations

import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

from infra.packaging.anonlink import build_anonlink
from infra.packaging.archives import digest_of, files_below, write_zip
from infra.packaging.kernel import build_kernel, kernel_digest
from infra.packaging.runtimes import Runtime
from infra.packaging.tools import find_uv, run

_HOW = {module: Path(__file__).with_name(module) for module in ("archives.py", "tools.py")}
"""The sources that determine the bytes of every layer, beside its contents."""


def build_linkage_layer(root: Path, packages: Path) -> Path:
    """Zip the service's own code: the folder is deployed as it is."""
    files = files_below(root / "layers" / "linkage")
    layer = _layer_file(packages, "linkage", digest_of({**files, **_HOW}))
    if not layer.exists():
        write_zip(layer, files)
    return _only_version(layer)


def build_kernel_layer(root: Path, packages: Path, progress: Callable[[str], None]) -> Path:
    """Zip the native kernel for every architecture: each loads its own library."""
    layer = _layer_file(packages, "kernel", digest_of(_HOW, kernel_digest(root)))
    if not layer.exists():
        libraries = build_kernel(root, progress=progress)
        write_zip(layer, {f"python/{name}": path for name, path in libraries.items()})
    return _only_version(layer)


def build_dependencies_layer(root: Path, packages: Path, runtime: Runtime, progress: Callable[[str], None]) -> Path:
    """Install requirements.txt and anonlink for Lambda, and zip the files of them that are ever read."""
    requirements = root / "requirements.txt"
    leave_out = root / "layers" / "dependencies" / "leave_out.txt"
    anonlink = build_anonlink(runtime.python, runtime.machine, progress=progress)
    sources = {path.name: path for path in (requirements, leave_out, anonlink, Path(__file__))} | _HOW
    layer = _layer_file(packages, "dependencies", digest_of(sources, runtime.python, runtime.platform))
    if not layer.exists():
        started = time.monotonic()
        with tempfile.TemporaryDirectory(dir=packages) as folder:
            target = Path(folder) / "python"
            _install(find_uv(), requirements, target, runtime)
            with zipfile.ZipFile(anonlink) as wheel:
                wheel.extractall(target)
            write_zip(layer, dict(_kept(target, _lines(leave_out))))
        progress(f"{layer.name} built in {time.monotonic() - started:.1f} s")
    return _only_version(layer)


def _layer_file(packages: Path, name: str, digest: str) -> Path:
    return packages / f"layer-{name}-{digest}.zip"


def _only_version(layer: Path) -> Path:
    """Remove the layer's earlier versions, and return it."""
    name = layer.name.rpartition("-")[0]
    for other in layer.parent.glob(f"{name}-*.zip"):
        if other != layer:
            other.unlink(missing_ok=True)
    return layer


def _install(uv: str, requirements: Path, target: Path, runtime: Runtime) -> None:
    """Install the pinned wheels for Lambda's platform, whatever this machine is.

    The list is complete (it is a lock file), so nothing is resolved; only wheels, so
    that nothing is compiled here that would not run there.
    """
    command = [uv, "pip", "install", "--quiet", "--python", sys.executable]
    command += ["--target", str(target), "--requirements", str(requirements)]
    command += ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += ["--python-version", runtime.python, "--python-platform", runtime.platform]
    run(command, cwd=target.parent, environment={"UV_SYSTEM_CERTS": "1"})


def _lines(file: Path) -> list[str]:
    """Return a file's lines, without comments."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    return [line for line in lines if line]


def _kept(target: Path, patterns: list[str]) -> Iterator[tuple[str, Path]]:
    files: Mapping[str, Path] = files_below(target)
    for name, path in files.items():
        if not any(fnmatch(name, pattern) for pattern in patterns):
            yield f"python/{name}", path
