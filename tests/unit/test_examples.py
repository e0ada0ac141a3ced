"""The examples in docstrings are true: each module that has some is run by doctest."""

import doctest
import importlib

import pytest

from infra.packaging import ROOT

PACKAGES = [(ROOT, "app"), (ROOT, "functions"), (ROOT, "infra"), (ROOT / "layers" / "linkage" / "python", "linkage")]
MODULES = [
    ".".join(file.relative_to(root).with_suffix("").parts)
    for root, package in PACKAGES
    for file in sorted((root / package).rglob("*.py"))
    if ">>>" in file.read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name):
    failed, attempted = doctest.testmod(importlib.import_module(name))

    assert attempted
    assert not failed
