"""From sources to what is deployed: two code packages, three layers and one template.

The same packages go to AWS and to the local stack. They are reproducible (the same
sources make the same bytes), because a deployment recognises what it has already by
its digest; and what has not changed is not built again, because every start of the
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
    """Return where the packages for a runtime are, if nobody says otherwise."""
    name = "packages" if runtime == DEFAULT else f"packages-{runtime.name}"
    return ROOT / "build" / name


def build(
    packages: Path, *, root: Path = ROOT, runtime: Runtime = DEFAULT, progress: Callable[[str], None] = print
) -> Path:
    """Bring the folder `packages` up to date with the sources below `root`.

    Afterwards it holds ``api.zip``, ``functions.zip``, one ``layer-*-{digest}.zip`` a
    layer, and ``template.json``, which names them relative to itself.

    Parameters
    ----------
    packages : Path
        Made if it is not there; what an earlier call left in it is used again.
    root : Path
        A checkout of the project.
    runtime : Runtime
        Lambda's Python that it is for: `infra.packaging.runtimes.RUNTIMES` has those that there are.
    progress : Callable
        Told, one line at a time, what is being built.

    Returns
    -------
    Path
        The folder, as `infra.deploy.deploy` wants it.

    Raises
    ------
    PackagingFailed
        If a tool fails, or does not do what it says.
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
