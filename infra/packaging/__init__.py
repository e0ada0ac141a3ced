"""Build the packages that are deployed: two of code, three layers and one template.

The same packages go to AWS and to the local stack. They are reproducible (the same
sources make the same bytes), because a deployment recognises by its digest what it
has already; and what has not changed is not built again, because every start of the
local stack comes by here.

`infra.deploy` takes it from there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from infra.packaging.api import build_api
from infra.packaging.archives import files_below, write_zip
from infra.packaging.layers import build_dependencies_layer, build_kernel_layer, build_linkage_layer
from infra.packaging.runtimes import DEFAULT, Runtime
from infra.packaging.tools import PackagingFailed

__all__ = ["PackagingFailed", "build"]

ROOT = Path(__file__).resolve().parents[2]


def packages_folder(runtime: Runtime = DEFAULT) -> Path:
    """Return the default folder of the packages for a runtime."""
    name = "packages" if runtime == DEFAULT else f"packages-{runtime.name}-{runtime.architecture}"
    return ROOT / "build" / name


def build(
    packages: Path, *, root: Path = ROOT, runtime: Runtime = DEFAULT, progress: Callable[[str], None] = print
) -> Path:
    """Build, into the folder `packages`, whatever changed in the sources below `root`.

    Afterwards it holds ``api.zip``, ``functions.zip``, one ``layer-*-{digest}.zip`` a
    layer, and ``template.json``, which names them relative to itself.

    Parameters
    ----------
    packages : Path
        Created if it is not there; packages of an earlier call that are up to date are kept.
    root : Path
        A checkout of the project.
    runtime : Runtime
        Lambda's Python and architecture to build for, one of `infra.packaging.runtimes.RUNTIMES`.
    progress : Callable
        Called with one line at a time.

    Returns
    -------
    Path
        The folder, as `infra.deploy.deploy` wants it.

    Raises
    ------
    PackagingFailed
        If a tool fails, or its outcome is not the expected one.
    """
    packages.mkdir(parents=True, exist_ok=True)
    functions = files_below(root / "functions", prefix="functions/")
    write_zip(packages / "functions.zip", functions)
    layers = {
        "layer-dependencies.zip": build_dependencies_layer(root, packages, runtime, progress),
        "layer-kernel.zip": build_kernel_layer(root, packages, progress),
        "layer-linkage.zip": build_linkage_layer(root, packages),
    }
    build_api(root, packages, layers, runtime, progress)
    return packages
