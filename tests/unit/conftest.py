"""The template that is deployed."""

import json
from pathlib import Path

import pytest

from tests.rendering import ALL_OPTIONS, Template, rendered


@pytest.fixture(scope="session")
def source(packages: Path) -> Template:
    template: Template = json.loads((packages / "template.json").read_text())
    return template


@pytest.fixture(scope="session")
def template(source: Template) -> Template:
    """The resources on AWS, with every option."""
    return rendered(source, **ALL_OPTIONS)
