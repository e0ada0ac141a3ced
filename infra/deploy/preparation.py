"""Build a stage's packages, and check the stage's parameters against its template."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from infra.deploy.errors import DeploymentFailed
from infra.deploy.stages import Stage
from infra.packaging import ROOT, build, packages_folder
from infra.packaging.runtimes import RUNTIMES

CERTIFICATES = ROOT / "layers" / "linkage" / "certificates" / "rds.pem"


def prepare_packages(stage: Stage, progress: Callable[[str], None]) -> Path:
    """Build the packages for the stage's runtime and architecture; return their folder.

    Raises
    ------
    DeploymentFailed
        If the stage has parameters that its template does not declare, or that cannot work; nothing is deployed then.
    PackagingFailed
        If they cannot be built.
    """
    runtime = RUNTIMES[stage.runtime, stage.architecture]
    packages = build(packages_folder(runtime), runtime=runtime, progress=progress)
    _check(stage, packages)
    return packages


def _check(stage: Stage, packages: Path) -> None:
    declared = json.loads((packages / "template.json").read_bytes())["Parameters"]
    if stage.parameters.get("Managed") == "true" and f"RDS {stage.region} Root CA" not in CERTIFICATES.read_text():
        raise DeploymentFailed(
            f"{CERTIFICATES.relative_to(ROOT)} has no certificate for databases in {stage.region}: functions could not"
            " verify theirs. Take that region's from AWS's own bundle (docs/operations.md, 'Rotate')"
        )
    if unknown := stage.parameters.keys() - declared.keys():
        raise DeploymentFailed(f"infra/stages/{stage.name}.yaml has unknown parameters: {', '.join(sorted(unknown))}")
