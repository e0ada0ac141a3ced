"""Where the service's source fails uploads and runs: found in the source, so that no list can be behind it."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import linkage
from linkage import errors

ROOT = Path(linkage.__file__).parent
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Site:
    """A function of the service, by its module and its name there."""

    module: str
    function: str

    def __str__(self) -> str:
        return f"{self.module}.{self.function}"

    @property
    def code(self) -> FunctionType:
        """The function itself."""
        found: Any = importlib.import_module(self.module)
        for name in self.function.split("."):
            found = getattr(found, name)
        function: FunctionType = getattr(found, "__wrapped__", found)  # of a context manager, the generator
        return function


def error_classes(root: type[Exception] = errors.LinkageError) -> list[type[Exception]]:
    """Return the error tree without its root."""
    return [kind for child in root.__subclasses__() for kind in (child, *error_classes(child))]


def raising(error: str) -> list[Site]:
    """Return the functions that raise this error, also by a function of their module that makes it."""
    sites = []
    for module, tree in sorted(_modules().items()):
        functions = list(_functions(tree))
        makers = {error} | {f.name for _, f in functions if _called(f, ast.Return) & {error}}
        sites += [Site(module, name) for name, f in functions if _called(f, ast.Raise) & makers]
    return sites


def calling(*names: str) -> set[tuple[Site, str]]:
    """Return the functions that call something of these names, and the name; ``runs.fail`` is a method's."""
    return {
        (Site(module, where), name)
        for module, tree in _modules().items()
        for where, function in _functions(tree)
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        for name in names
        if f".{ast.unparse(node.func)}".endswith(f".{name}")
    }


@cache
def _modules() -> dict[str, ast.Module]:
    """The source of each module of the service; tables in memory and in PostgreSQL are the ports' own business."""
    names = [module.name for module in pkgutil.walk_packages([str(ROOT)], "linkage.")]
    found = {}
    for name in names:
        path = ROOT.joinpath(*name.split(".")[1:])
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if not name.startswith(("linkage.adapters", "linkage.migrations")):
            found[name] = ast.parse(file.read_text())
    return found


def _functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, Function):
            yield prefix + node.name, node


def _called(function: Function, statement: type[ast.Raise | ast.Return]) -> set[str]:
    """Return the names of what is called to make the values of the function's raise or return statements."""
    names = set()
    for node in ast.walk(function):
        if isinstance(node, statement):
            value = node.exc if isinstance(node, ast.Raise) else node.value
            if isinstance(value, ast.Call):
                names.add(ast.unparse(value.func).rpartition(".")[2])
    return names
