"""Linkage's command: it answers questions that need no deployment.

It works offline and prints no value of any record. The exit code is 0 for an answer, 1 for a refusal with the reason on
stderr, 2 for wrong usage.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from math import isfinite

from linkage.cost.assumptions import RATES
from linkage.cost.model import CostModel
from linkage.cost.report import report_json, report_text
from linkage.cost.workloads import Blocking, Bounds, Workload, WorkloadRefused, count_blocks, expect_run
from linkage.encodings.wire import check_size
from linkage.errors import UploadRejected
from linkage.settings import Settings

WORKERS = (1, 100, 1000)
"""Numbers of workers that are always shown, besides the one asked for."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = _parser().parse_args(argv)
    settings = Settings.from_environment({"UPLOADS_BUCKET": "", "STORE_BUCKET": ""})  # all at its default
    try:
        check_size(arguments.encoding_size, smallest=settings.min_encoding_size, largest=settings.max_encoding_size)
        bounds = bounds_of(settings)
        model = CostModel(expect_run(_workload(arguments), bounds), bounds, engine=arguments.engine)
    except (UploadRejected, WorkloadRefused) as error:
        print(f"linkage: {error}", file=sys.stderr)
        return 1
    scenarios = [model.scenario(workers) for workers in sorted({*WORKERS, arguments.workers})]
    if arguments.json:
        print(json.dumps(report_json(model, scenarios), indent=2))
    else:
        print(report_text(model, scenarios, arguments.workers))
    return 0


def bounds_of(settings: Settings) -> Bounds:
    """Return the settings that bound a run."""
    return Bounds(**{field.name: getattr(settings, field.name) for field in fields(Bounds)})


def _workload(arguments: argparse.Namespace) -> Workload:
    return Workload(
        record_counts=arguments.records,
        threshold=arguments.threshold,
        encoding_size=arguments.encoding_size,
        blocking=_blocking(arguments),
        candidate_share=arguments.candidate_share,
    )


def _blocking(arguments: argparse.Namespace) -> Blocking | None:
    per_record, size = arguments.blocks or (1, None)
    if arguments.comparisons is not None:
        if size is not None:
            raise WorkloadRefused("give the size of a block or the comparisons, not both")
        return count_blocks(arguments.records, per_record, arguments.comparisons)
    if arguments.blocks is None:
        return None
    if size is None:
        raise WorkloadRefused("give the size of a block, as in --blocks 5:20, or the comparisons as well")
    return Blocking(per_record, max(1, round(max(arguments.records) * per_record / size)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="linkage", description="Privacy-preserving record linkage.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    cost = commands.add_parser(
        "cost",
        help="tell what a run costs and how long it takes",
        description="Tell what a run costs on AWS and how long it takes, before it is made: an estimate, from a model"
        " whose assumptions are printed with it.",
        epilog="example: linkage cost --records 1e6,1e6 --threshold 0.8",
    )
    add = cost.add_argument
    add("--records", type=_counts, required=True, metavar="N,N[,N...]", help="records of each party: 1e6,1e6")
    add("--threshold", type=_share, required=True, metavar="T", help="above 0, at most 1")
    add("--blocks", type=_blocks, metavar="K[:SIZE]", help="blocks of a record, and records that one block has in the"
        " largest data set; none: everybody is compared with everybody")  # fmt: skip
    add("--comparisons", type=_count, metavar="N", help="how many comparisons the blocks leave, instead of SIZE")
    add("--encoding-size", type=_count, default=128, metavar="BYTES", help="of one encoding (%(default)s)")
    add("--candidate-share", type=_share, metavar="S", help="share of the comparisons that find a candidate pair")
    add("--engine", choices=sorted(RATES), default="native", help="%(default)s, unless told otherwise")
    add("--workers", type=_count, default=100, metavar="N", help="chunks compared at a time, at most (%(default)s)")
    add("--json", action="store_true", help="answer with JSON")
    return parser


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(_count(part) for part in text.split(","))
    if len(counts) < 2:  # noqa: PLR2004
        raise argparse.ArgumentTypeError("two parties or more are needed: 1e6,1e6")
    return counts


def _count(text: str) -> int:
    """Read a whole number, which may be written as 1e6."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not isfinite(number) or number < 1 or number != int(number):
        raise argparse.ArgumentTypeError(f"not a whole number of 1 or more: {text!r}")
    return int(number)


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"not a number above 0, of 1 at most: {text!r}")
    return number


def _blocks(text: str) -> tuple[int, float | None]:
    per_record, colon, size = text.partition(":")
    number = _count(per_record)
    try:
        records = float(size) if colon else None
    except ValueError:
        records = 0.0
    if records is not None and (not isfinite(records) or records <= 0):
        raise argparse.ArgumentTypeError(f"not K or K:SIZE, as in 5:20: {text!r}")
    return number, records
