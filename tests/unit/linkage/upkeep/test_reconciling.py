"""The template's metric filter counts the reconciler's log."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

from linkage.upkeep.reconciling import STUCK

TEMPLATE = Path(__file__).parents[4] / "infra" / "template.yaml"


def test_the_metric_filter_counts_runs_that_are_restarted():
    (pattern,) = re.findall(r'\$\.message = "([^"]*)"', TEMPLATE.read_text())

    assert fnmatchcase(STUCK % "0123456789abcdef", pattern)
