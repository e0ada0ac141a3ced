"""LocalStack's behaviour is changed once: a change that is made twice wraps itself."""

import ast
from collections import Counter

from infra.packaging import ROOT

PLUGIN = ROOT / "infra" / "local" / "localstack_plugin"


def calls_of_install(source: str) -> list[str]:
    """The names of the modules whose `install` is called."""
    functions = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    attributes = [each for each in functions if isinstance(each, ast.Attribute) and each.attr == "install"]
    return [ast.unparse(each.value) for each in attributes]


def test_each_change_of_localstack_is_made_once():
    sources = {path.stem: path.read_text() for path in PLUGIN.rglob("*.py")}

    called = Counter(name for source in sources.values() for name in calls_of_install(source))

    assert called == Counter(name for name, source in sources.items() if "\ndef install()" in source)
