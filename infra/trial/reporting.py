"""Report on a trial: lines of progress for people, results for programs."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr


def write_failure(results: Path, message: str) -> None:
    """Write the results of a trial that failed before its tests."""
    results.write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<testsuites><testsuite name="trial" tests="1" errors="1" failures="0" skipped="0">'
        '<testcase classname="infra.trial" name="deployment">'
        f"<error message={quoteattr(message.splitlines()[0])}>{escape(message)}</error>"
        "</testcase></testsuite></testsuites>\n"
    )


def say(line: str) -> None:
    """Print a line of progress to stderr."""
    with suppress(OSError):  # the terminal may be gone
        print(line, file=sys.stderr, flush=True)
