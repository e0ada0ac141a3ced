"""Package the API's code and the stack's template, by Chalice.

Chalice makes the function and the API Gateway of the template, and merges
infra/template.yaml into it. Its packager takes ``app.py`` and ``vendor/`` alone, never
a package ``app/``: it is given a staged copy in which it finds what it wants.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from infra.packaging.archives import digest_of, files_below, write_zip
from infra.packaging.runtimes import Runtime
from infra.packaging.tools import PackagingFailed, run

_CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"
_FAILED = "Could not install dependencies"  # said with exit status 0
_ANY, _INTEGRATION = "x-amazon-apigateway-any-method", "x-amazon-apigateway-integration"


def build_api(
    root: Path,
    packages: Path,
    layers: Mapping[str, Path],
    runtime: Runtime,
    progress: Callable[[str], None],
) -> None:
    """Write ``api.zip`` and ``template.json``, unless they are up to date."""
    stamp = packages / "api.digest"
    digest = digest_of(_sources(root), runtime.name, runtime.architecture, *(layer.name for layer in layers.values()))
    outcome = (packages / "api.zip", packages / "template.json")
    if all(path.exists() for path in (stamp, *outcome)) and stamp.read_text() == digest:
        return
    started = time.monotonic()
    stamp.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=packages) as folder:
        staged = _stage(root, Path(folder) / "staged")
        output = _package(root, staged)
        _repack(output / "deployment.zip", outcome[0], expected=staged / "vendor")
        template = _render((output / "sam.yaml").read_text(), layers, runtime)
        outcome[1].write_text(template)
    stamp.write_text(digest)
    progress(f"api.zip and template.json built in {time.monotonic() - started:.1f} s")


def _sources(root: Path) -> dict[str, Path]:
    """Return the files that the outcome depends on; it depends on the layers too, which the app imports."""
    return {
        "template.yaml": root / "infra" / "template.yaml",
        "config.json": root / ".chalice" / "config.json",
        **files_below(root / "app", prefix="app/"),
        **files_below(Path(__file__).parent, prefix="packaging/"),
    }


def _stage(root: Path, staged: Path) -> Path:
    """Lay the app out as Chalice's packager wants it.

    It zips ``vendor/app`` as ``app/``, and imports the link beside the placeholder,
    because a package goes before a module of the same name. What the app needs is in
    the layers, so there is nothing to install.
    """
    shutil.copytree(
        root / "app",
        staged / "vendor" / "app",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    shutil.copytree(root / ".chalice", staged / ".chalice")
    (staged / "app").symlink_to("vendor/app")
    (staged / "app.py").touch()
    (staged / "requirements.txt").touch()
    return staged


def _package(root: Path, staged: Path) -> Path:
    """Run ``chalice package`` and return the folder of its output."""
    output = staged.with_name("made")
    template = root / "infra" / "template.yaml"
    command = [sys.executable, "-c", _CHALICE, "package"]
    log = run(
        [*command, "--merge-template", template, output],
        cwd=staged,
        environment={
            "AWS_DEFAULT_REGION": "us-east-1",  # any: the template names none
            "AWS_CONFIG_FILE": os.devnull,
            "PYTHONPATH": str(root / "layers" / "linkage" / "python"),
        },
    )
    if _FAILED in log:
        raise PackagingFailed(f"chalice failed:\n{log}")
    return output


def _repack(package: Path, target: Path, *, expected: Path) -> None:
    """Zip Chalice's package again, reproducibly and without the placeholder.

    Chalice leaves out what it does not understand and says nothing, so look.
    """
    with tempfile.TemporaryDirectory(dir=package.parent) as folder:
        unzipped = Path(folder)
        with zipfile.ZipFile(package) as archive:
            archive.extractall(unzipped)
        (unzipped / "app.py").unlink()
        files = files_below(unzipped)
        if missing := files_below(expected).keys() - files.keys():
            raise PackagingFailed(f"chalice left out {', '.join(sorted(missing))}")
        write_zip(target, files)


def _render(merged: str, layers: Mapping[str, Path], runtime: Runtime) -> str:
    """Return the template with the names of the packages beside it, and with the runtime that they are for."""
    import yaml  # noqa: PLC0415  (anonlink's wheel is built, by this package too, before anything is installed)

    template: dict[str, Any] = yaml.safe_load(merged)
    resources = template["Resources"]
    resources["APIHandler"]["Properties"]["CodeUri"] = "api.zip"
    api = resources["RestAPI"]["Properties"]
    api["DefinitionBody"]["paths"] = _one_way_in(api["DefinitionBody"]["paths"], api["MethodSettings"])
    template["Globals"]["Function"] |= {"Runtime": runtime.name, "Architectures": [runtime.architecture]}
    for fact in ("Runtime", "Architectures", "Tracing"):  # Globals says it for all functions
        del resources["APIHandler"]["Properties"][fact]
    for resource in resources.values():
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            content = resource["Properties"]["ContentUri"]
            resource["Properties"]["ContentUri"] = layers[content].name
            resource["Properties"]["CompatibleRuntimes"] = [runtime.name]
            resource["Properties"]["CompatibleArchitectures"] = [runtime.architecture]
    return json.dumps(template, indent=1, sort_keys=True) + "\n"


def _one_way_in(routes: Mapping[str, Any], settings: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """Return the paths of an API Gateway that passes every request on to the app, which finds the route.

    A method that the template has settings for stays apart, to be throttled and counted by itself: API Gateway takes
    the most specific resource that has the request's method, and ``/{proxy+}`` for the rest. That does not match ``/``.
    """
    (known, *_) = next(iter(routes.values())).values()
    operation = {name: known[name] for name in ("consumes", "produces", "responses", _INTEGRATION)}
    proxy = {"name": "proxy", "in": "path", "required": True, "type": "string"}
    paths = {"/": {_ANY: operation}, "/{proxy+}": {_ANY: operation | {"parameters": [proxy]}}}
    for setting in settings:
        path, method = setting["ResourcePath"].removeprefix("/").replace("~1", "/"), setting["HttpMethod"].lower()
        if path == "*":
            continue
        if method not in routes.get(path, {}):
            raise PackagingFailed(f"the template has settings for {method} {path}, which is no route of the app")
        paths.setdefault(path, {})[method] = routes[path][method]
    return paths
