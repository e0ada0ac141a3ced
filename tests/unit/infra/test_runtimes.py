"""Lambda goes on running the Pythons that packages are built for, for as long as moving to a later one takes."""

import json
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest

from infra.packaging.runtimes import DEFAULT, RUNTIMES

NOTICE = timedelta(days=180)
"""AWS announces the end of a runtime about as long before."""


@pytest.fixture(scope="module")
def lifecycle():
    """The dates of Lambda's runtimes, as the template's linter knows them; it takes seconds to be imported."""
    linter = Path(find_spec("cfnlint").origin).parent
    return json.loads((linter / "data/AdditionalSpecs/LmbdRuntimeLifecycle.json").read_text())


def days_left(lifecycle, name: str, today: date) -> timedelta:
    return date.fromisoformat(lifecycle[name]["deprecated"]) - today


def test_lambda_goes_on_with_the_default_runtime_for_180_days(lifecycle):
    left = days_left(lifecycle, DEFAULT.name, datetime.now(UTC).date())

    assert left >= NOTICE, f"{DEFAULT.name} ends in {left.days} days: move on to {lifecycle[DEFAULT.name]['successor']}"


def test_lambda_goes_on_with_every_runtime_that_a_stage_may_name(lifecycle):
    today = datetime.now(UTC).date()

    assert not [name for name, _ in RUNTIMES if days_left(lifecycle, name, today) < NOTICE]


def test_a_runtime_that_ends_within_180_days_is_noticed(lifecycle):
    """python3.11 ends on 30 June 2027."""
    assert days_left(lifecycle, "python3.11", date(2027, 3, 1)) < NOTICE
    assert days_left(lifecycle, "python3.11", date(2026, 12, 1)) >= NOTICE
