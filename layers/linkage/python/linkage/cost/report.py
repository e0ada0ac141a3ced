"""Reports of the cost model, as text and as JSON, with all that it takes for given in words."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from linkage.cost.assumptions import COMPARE_CONCURRENCY, FUNCTIONS, RATES, ROW_SECONDS
from linkage.cost.model import CostModel, Scenario
from linkage.cost.prices import DATE, PRICES, REGION


def assumptions_text(model: CostModel) -> list[str]:
    """Return everything that the model takes for given, one sentence each."""
    given = model.assumptions
    return [
        f"Prices are AWS's list prices of {REGION}, {DATE}, on demand, without free tiers.",
        _rates_text(model.engine),
        f"A compare worker uses its processors to {given.parallel:.0%}; a chunk takes {given.compare_s} s beside it,"
        f" and {given.candidate_s * 1e6:g} s for a million candidate pairs.",
        f"S3 gives and takes {given.s3_bytes_s / 1e6:.0f} MB/s for each function; nothing is found in memory from an"
        " earlier chunk.",
        *model.run.assumptions,
        f"Intake takes {given.intake_s} s and {given.intake_row_s * 1e6:g} s for a million rows beside reading and"
        " writing, of files of raw bytes.",
        f"A plan takes {given.plan_s} s, and {given.plan_message_s * 1000:g} s for a thousand chunks.",
        f"Solving takes {given.solve_s} s, {given.solve_file_s * 1000:g} s for a thousand chunks,"
        f" {given.solve_candidate_s * 1e6:g} s for a million candidate pairs and {given.solve_record_s * 1e6:g} s for a"
        " million records.",
        f"A function starts cold in {given.cold_start_s} s, billed; a message takes {given.hop_s} s to reach one.",
        f"Lambda begins with {given.first_workers} compare workers and adds {given.workers_per_s:.0f} a second; the"
        f" template's bound is {COMPARE_CONCURRENCY}.",
        f"The client asks every {given.poll_period_s:.0f} s whether the run has ended; a request takes"
        f" {given.api_request_s} s. The reconciler looks every minute, for {given.reconcile_s} s.",
        f"The database is awake for the run and {given.awake_s:.0f} s more, with {given.capacity_units:.0f} capacity"
        f" unit; a function logs {given.log_bytes:,} bytes each time; encodings and result are kept for"
        f" {model.bounds.retention_days} days; the result is groups, {given.result_bytes} bytes each, read once.",
        "Left out, as less than a cent each: KMS (one key for the bucket), the cache's processing units, what passes"
        " the network's endpoints.",
    ]


def _rates_text(engine: str) -> str:
    rates = ", ".join(f"{rate:,} at {threshold}" for threshold, rate in RATES[engine])
    return (
        f"Engine {engine}: million comparisons of 128 bytes a second and vCPU: {rates}; other sizes in proportion;"
        f" {ROW_SECONDS[engine] * 1e9:,.0f} ns for each row of a rectangle."
    )


def report_text(model: CostModel, scenarios: Sequence[Scenario], workers: int) -> str:
    """Return the report as text: the run, its items with ``workers``, and every scenario's time and sum."""
    chosen = next(scenario for scenario in scenarios if scenario.workers == workers)
    lines = [
        f"{' x '.join(f'{dataset.records:,}' for dataset in model.run.datasets)} records of"
        f" {model.run.encoding_size} bytes, threshold {model.run.threshold}, engine {model.engine}",
        f"{model.comparisons:,} comparisons in {len(model.chunks):,} chunks; {model.candidates:,} candidate pairs"
        f" {'found' if model.run.compared else 'expected'}",
        "",
        f"{'with ' + format(workers, ',') + ' workers':<24}{'quantity':>24}{'dollars':>12}",
        *(f"{item:<24}{_quantity(item, chosen):>24}{dollars:>12.4f}" for item, dollars in chosen.dollars.items()),
        f"{'all':<48}{chosen.total_dollars:>12.4f}",
        "",
        f"{'workers':>12}{'intake':>12}{'run':>12}{'dollars':>12}",
        *(
            f"{s.workers:>12,}{duration_text(s.intake_s):>12}{duration_text(s.run_s):>12}{s.total_dollars:>12.4f}"
            for s in scenarios
        ),
        *(f"\nBeyond a limit: {limit}." for limit in model.limits()),
        "",
        "Taken for given:",
        *(f"- {sentence}" for sentence in assumptions_text(model)),
    ]
    return "\n".join(lines)


def report_json(model: CostModel, scenarios: Sequence[Scenario]) -> dict[str, Any]:
    """Return the report as an object for `json.dumps`."""
    return {
        "workload": model.run.parameters | {"engine": model.engine},
        "comparisons": model.comparisons,
        "chunks": len(model.chunks),
        "candidates": model.candidates,
        "scenarios": [_scenario(scenario) for scenario in scenarios],
        "limits": model.limits(),
        "prices": {"region": REGION, "date": DATE} | {item: price._asdict() for item, price in PRICES.items()},
        "functions": {name: asdict(function) for name, function in FUNCTIONS.items()},
        "assumptions": assumptions_text(model),
    }


def _scenario(scenario: Scenario) -> dict[str, Any]:
    functions = {name: asdict(use) | {"gb_seconds": use.gb_seconds} for name, use in scenario.uses.items()}
    return {
        "workers": scenario.workers,
        "intake_s": scenario.intake_s,
        "run_s": scenario.run_s,
        "functions": functions,
        "requests": scenario.requests,
        "dollars": scenario.dollars,
        "total_dollars": scenario.total_dollars,
    }


def _quantity(item: str, scenario: Scenario) -> str:
    if item in scenario.requests:
        return f"{scenario.requests[item]:,} requests"
    _, _, function = item.partition(", ")
    if item.startswith("Lambda") and function in scenario.uses:
        return f"{scenario.uses[function].gb_seconds:,.1f} GB-seconds"
    return ""


def duration_text(seconds: float) -> str:
    """Return a duration as text, in the unit that suits it."""
    if seconds < 120:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    if seconds < 7200:  # noqa: PLR2004
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
