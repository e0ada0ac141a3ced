"""The template that is deployed."""

import json
from pathlib import Path

import pytest

from tests.rendering import ALL_OPTIONS, Template, rendered


@pytest.fixture(scope="session")
def source(packages: Path) -> Template:
    return json.loads((packages / "template.json").read_text())


@pytest.fixture(scope="session")
def template(source: Template) -> Template:
    """What is made on AWS, with every option that there is."""
    return rendered(source, **ALL_OPTIONS)
