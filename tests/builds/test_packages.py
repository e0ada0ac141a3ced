"""The packages are complete for Lambda, and the same sources make the same bytes."""

import json
import os
import platform
import re
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from infra.local.environments import python
from infra.packaging import ROOT, PackagingFailed, build, packages_folder
from infra.packaging.kernel import library_name
from infra.packaging.layers import build_dependencies_layer
from infra.packaging.runtimes import DEFAULT, RUNTIMES
from infra.packaging.tools import find_python
from tests.builds import answers

LAMBDA_LIMIT_BYTES = 250 * 2**20
GLIBC = re.compile(rb"GLIBC_(\d+)\.(\d+)")
ELF_MACHINES = {"x86_64": 62, "aarch64": 183}
# Those that differ from the default in one thing: to build for a machine takes a minute.
OTHERS = [RUNTIMES["python3.12", DEFAULT.architecture], RUNTIMES[DEFAULT.name, "arm64"]]


@pytest.fixture(scope="module")
def sandbox(packages, tmp_path_factory) -> Path:
    """The packages, unzipped where Lambda would."""
    folder = tmp_path_factory.mktemp("sandbox")
    for package in packages.glob("*.zip"):
        target = "opt" if package.name.startswith("layer-") else package.stem
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folder / target)
    return folder


@pytest.fixture
def project(tmp_path) -> Path:
    """A project as small as it can be, with the template of the real one."""
    sources = {
        "app/__init__.py": "from chalice.app import Chalice\nimport linkage\n"
        "app = Chalice(app_name='linkage')\n"
        "@app.route('/v1/projects', methods=['POST'])\ndef post(): return {}\n",
        "functions/__init__.py": "",
        "functions/compare.py": "def handler(event, context): pass\n",
        "layers/linkage/python/linkage/__init__.py": "VERSION = 1\n",
        "layers/dependencies/leave_out.txt": "# nothing\n",
        "layers/kernel/src/kernel.cpp": 'extern "C" int answer() { return 42; }\n',
        "requirements.txt": "",
    }
    root = tmp_path / "project"
    for name, text in sources.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name in ("infra/template.yaml", ".chalice/config.json"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    return root


def listing(package: Path) -> set[str]:
    with zipfile.ZipFile(package) as archive:
        return set(archive.namelist())


def contents(packages: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in packages.iterdir()}


def modules(package: str) -> set[str]:
    """The Python files of one of the project's packages, by their place in it."""
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*.py")}


def test_the_api_package_holds_the_app_and_chalice_and_nothing_else(packages):
    chalice = {"chalice/__init__.py", "chalice/app.py"}

    assert listing(packages / "api.zip") == modules("app") | chalice


def test_the_functions_package_holds_the_workers(packages):
    assert listing(packages / "functions.zip") == modules("functions")


def test_every_handler_is_in_its_package(packages):
    template = json.loads((packages / "template.json").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = {**template["Globals"]["Function"], **resource["Properties"]}
            module = properties["Handler"].rpartition(".")[0].replace(".", "/")
            names = listing(packages / properties["CodeUri"])
            assert {f"{module}.py", f"{module}/__init__.py"} & names


@pytest.mark.parametrize(
    ("package", "imports"),
    [
        ("api", "app"),
        ("functions", "functions.intake, functions.plan, functions.compare"),
        ("functions", "functions.solve, functions.delete, functions.reconcile"),
        ("functions", "functions.migrate, psycopg2, anonlink.solving"),
        (
            "functions",
            "linkage.engines.native; linkage.engines.native.NativeEngine().new_solver([1, 1], max_pending=0)",
        ),
    ],
)
def test_it_is_imported_as_lambda_does(sandbox, package, imports):
    """With the modules of AWS's own runtime, the package and the layers alone."""
    path = [str(sandbox / package), str(sandbox / "opt" / "python")]
    code = f"import sys; sys.path[:0] = {path}; import {imports}"

    done = subprocess.run(
        [python("runtime"), "-I", "-B", "-c", code],
        env={"AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_code_and_layers_are_small_enough_for_lambda(sandbox):
    assert size_of(sandbox) < LAMBDA_LIMIT_BYTES


def test_nothing_needs_a_newer_glibc_than_lambda_has(sandbox):
    assert newest_glibc(sandbox) <= DEFAULT.glibc


def test_all_libraries_are_for_the_machine(sandbox):
    assert library_machines(sandbox) == {ELF_MACHINES[DEFAULT.machine]}


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*"))


def newest_glibc(folder: Path) -> tuple[int, int]:
    """The newest version whose symbols any native library asks for."""
    libraries = [path for path in folder.rglob("*.so*") if path.is_file()]
    return max((int(major), int(minor)) for path in libraries for major, minor in GLIBC.findall(path.read_bytes()))


def library_machines(folder: Path) -> set[int]:
    """The machines of all native libraries, as ELF numbers them, but for the kernel's: each has its own."""
    libraries = [path for path in folder.rglob("*.so*") if path.is_file() and "kernel" not in path.name]
    return {struct.unpack_from("<H", path.read_bytes(), 18)[0] for path in libraries}


@pytest.fixture(scope="module", params=OTHERS, ids=lambda runtime: f"{runtime.name}-{runtime.architecture}")
def other(request, tmp_path_factory, packages):
    """Another runtime, and its layers as Lambda lays them out."""
    runtime = request.param
    built = packages_folder(runtime)
    built.mkdir(parents=True, exist_ok=True)
    try:
        layer = build_dependencies_layer(ROOT, built, runtime, lambda _line: None)
    except PackagingFailed as error:
        if runtime.python == DEFAULT.python or "headers" not in str(error):
            raise
        pytest.skip(f"not run: {error}")
    folder = tmp_path_factory.mktemp(f"{runtime.name}-{runtime.architecture}")
    for each in (layer, *packages.glob("layer-linkage-*.zip"), *packages.glob("layer-kernel-*.zip")):
        with zipfile.ZipFile(each) as archive:
            archive.extractall(folder)
    return runtime, folder


def test_the_layers_for_another_runtime_fit_it_too(other):
    runtime, folder = other

    print(f"\n  {runtime.name}, {runtime.architecture}: {size_of(folder) / 2**20:.0f} MiB of 250")  # noqa: T201
    assert size_of(folder) < LAMBDA_LIMIT_BYTES
    assert newest_glibc(folder) <= runtime.glibc
    assert library_machines(folder) == {ELF_MACHINES[runtime.machine]}
    tags = {tag for path in folder.rglob("*.so") for tag in re.findall(r"\.cpython-(.+)\.so$", path.name)}
    assert tags == {f"{runtime.python.replace('.', '')}-{runtime.machine}-linux-gnu"}


def test_both_engines_answer_the_same_on_another_runtime(other):
    runtime, folder = other
    command = interpreter_for(runtime.python, runtime.machine)

    done = subprocess.run(
        [*command, "-B", "-W", "ignore", answers.__file__],
        env={"PYTHONPATH": str(folder / "python")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    expected = answers.answers("native")
    assert json.loads(done.stdout) == {"native": expected, "anonlink": expected}


def interpreter_for(version: str, machine: str) -> list[str]:
    """A command that runs a Python on a machine, emulated if this is another; without one the test is skipped."""
    if machine == platform.machine():
        found = find_python(version) or pytest.skip(f"not run: Python {version} is not on this machine")
        return [found]
    emulator = shutil.which(f"qemu-{machine}-static") or shutil.which(f"qemu-{machine}")
    if emulator is None:
        pytest.skip("not run: qemu-user is not installed (Debian: qemu-user-static)")
    system = os.environ.get(f"{machine.upper()}_SYSTEM")
    python = system and next(Path(system).glob(f"usr/bin/python{version}"), None)
    if not python:
        pytest.skip(f"not run: {machine.upper()}_SYSTEM names no system for {machine} with Python {version}")
    return [emulator, "-L", system, str(python)]


def test_the_template_names_the_runtime_and_the_architecture_that_it_was_built_for(project, tmp_path):
    packages = build(tmp_path / "packages", root=project, runtime=RUNTIMES["python3.13", "arm64"])

    template = json.loads((packages / "template.json").read_text())
    shared = template["Globals"]["Function"]
    assert (shared["Runtime"], shared["Architectures"]) == ("python3.13", ["arm64"])
    layers = [each for each in template["Resources"].values() if each["Type"] == "AWS::Serverless::LayerVersion"]
    assert all(layer["Properties"]["CompatibleRuntimes"] == ["python3.13"] for layer in layers)
    assert all(layer["Properties"]["CompatibleArchitectures"] == ["arm64"] for layer in layers)


def test_the_kernel_layer_holds_a_library_for_each_machine_and_nothing_else(packages):
    (layer,) = packages.glob("layer-kernel-*.zip")

    assert listing(layer) == {f"python/{library_name(machine)}" for machine in ("x86_64", "aarch64")}


def test_a_changed_kernel_is_built_again(project, tmp_path):
    packages = build(tmp_path / "packages", root=project)
    (first,) = packages.glob("layer-kernel-*.zip")

    (project / "layers/kernel/src/kernel.cpp").write_text('extern "C" int answer() { return 43; }\n')
    build(packages, root=project)

    (second,) = packages.glob("layer-kernel-*.zip")
    assert second != first
    assert not first.exists()


def test_a_kernel_that_does_not_compile_fails_the_build(project, tmp_path):
    (project / "layers/kernel/src/kernel.cpp").write_text("int answer() { return }\n")

    with pytest.raises(PackagingFailed, match="expected expression"):
        build(tmp_path / "packages", root=project)


def test_the_layer_is_without_what_is_never_read(packages):
    (layer,) = packages.glob("layer-dependencies-*.zip")

    names = listing(layer)

    assert not [name for name in names if name.endswith((".pyc", ".pyi", ".h"))]
    assert not [name for name in names if "/tests/" in name]
    assert not [
        name for name in names if name.startswith(("python/Cython/", "python/pkg_resources/", "python/setuptools/"))
    ]
    assert "python/anonlink/__init__.py" in names


def test_the_same_sources_make_the_same_bytes(project, tmp_path):
    once = build(tmp_path / "once", root=project)
    copy = shutil.copytree(project, tmp_path / "copy")
    for path in copy.rglob("*.py"):
        os.utime(path, (1e9, 1e9))

    again = build(tmp_path / "again", root=copy)

    assert contents(once) == contents(again)


def test_what_has_not_changed_is_not_built_again(project, tmp_path):
    build(tmp_path / "packages", root=project)
    said: list[str] = []

    build(tmp_path / "packages", root=project, progress=said.append)

    assert said == []


def test_changed_code_makes_another_layer_and_takes_the_first_away(project, tmp_path):
    packages = build(tmp_path / "packages", root=project)
    (first,) = packages.glob("layer-linkage-*.zip")

    (project / "layers/linkage/python/linkage/__init__.py").write_text("VERSION = 2\n")
    build(packages, root=project)

    (second,) = packages.glob("layer-linkage-*.zip")
    template = json.loads((packages / "template.json").read_text())
    assert second != first
    assert template["Resources"]["Linkage"]["Properties"]["ContentUri"] == second.name


def test_what_the_user_has_set_for_aws_does_not_matter(project, tmp_path, monkeypatch):
    without = build(tmp_path / "without", root=project)
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")

    with_it = build(tmp_path / "with", root=project)

    assert contents(with_it) == contents(without)


def test_an_app_that_cannot_be_imported_fails_the_build(project, tmp_path):
    (project / "app" / "__init__.py").write_text("import no_such_module\n")

    with pytest.raises(PackagingFailed, match="no_such_module"):
        build(tmp_path / "packages", root=project)

    assert not (tmp_path / "packages" / "api.zip").exists()
