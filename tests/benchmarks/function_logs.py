"""Duration and memory of the functions, from their own reports: the figures that AWS bills."""

import re
from dataclasses import dataclass
from pathlib import Path

from infra.local.stack import Stack
from linkage.cost.assumptions import FUNCTIONS

RESOURCES = {function: "APIHandler" if function == "api" else function.capitalize() for function in FUNCTIONS}
_REPORT = re.compile(
    r"\tBilled Duration: ([0-9]+) ms\tMemory Size: ([0-9]+) MB\tMax Memory Used: [0-9]+ MB"
    r"(?:\tInit Duration: ([0-9.]+))?"
)


@dataclass(frozen=True)
class Spent:
    """The sum over the invocations of one function; cold starts are in the seconds."""

    invocations: int
    cold_starts: int
    seconds: float
    gb_seconds: float


def count_reports(stack: Stack) -> dict[Path, int]:
    """Return the number of reports in each log, from which `spent_since` counts on."""
    return {log: len(_reports(log)) for log in _logs(stack)}


def spent_since(stack: Stack, counted: dict[Path, int]) -> dict[str, Spent]:
    """Sum the reports of each function since the count."""
    by_function: dict[str, list[tuple[str, ...]]] = {function: [] for function in FUNCTIONS}
    for log in _logs(stack):
        for function, resource in RESOURCES.items():
            if resource in log.name:
                by_function[function] += _reports(log)[counted.get(log, 0) :]
    return {function: _sum(reports) for function, reports in by_function.items()}


def _logs(stack: Stack) -> list[Path]:
    return sorted((stack.logs_dir / "functions").iterdir())


def _reports(log: Path) -> list[tuple[str, ...]]:
    return _REPORT.findall(log.read_text())


def _sum(reports: list[tuple[str, ...]]) -> Spent:
    seconds = [(int(billed) + float(init or 0)) / 1000 for billed, _, init in reports]
    gb = [s * int(memory) / 1024 for s, (_, memory, _) in zip(seconds, reports, strict=True)]
    return Spent(len(reports), sum(bool(init) for *_, init in reports), sum(seconds), sum(gb))
