"""The cost of a run and the time that it takes: a model of the deployed functions.

It is asked before a run is made, of a hypothetical run (`linkage.cost.workloads`), and afterwards, of the chunks and
candidate pairs that a run really had (`linkage.cost.planned_runs`). Every number that it takes for given is a field of
`Assumptions`, printed with each answer and measured where it says so (docs/cost.md). The rest comes from the service:
chunks from the code that plans, bounds from its settings, the functions' memory from `FUNCTIONS`, which a test holds
against the template.

This module is pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from math import ceil

import numpy as np

from linkage.cost.assumptions import DEFAULTS, FUNCTIONS, RATES, ROW_SECONDS, Assumptions
from linkage.cost.prices import PRICES
from linkage.cost.run_sizes import ChunkSize, RunSize
from linkage.cost.workloads import Bounds
from linkage.encodings.block_tables import BLOCK

PART_BYTES, PIECE_BYTES = 16 * 2**20, 8 * 2**20
"""Objects are written in parts and read in pieces of these sizes: see `linkage.adapters.multipart`, `range_reading`."""
MONTH_DAYS = 30


@dataclass(frozen=True, slots=True)
class Use:
    """Use of one function by the run."""

    invocations: int
    seconds: float
    memory_mb: int

    @property
    def gb_seconds(self) -> float:
        """The quantity that Lambda bills."""
        return self.seconds * self.memory_mb / 1024


@dataclass(frozen=True, slots=True)
class Scenario:
    """Cost and time of the run with at most ``workers`` compare workers."""

    workers: int
    intake_s: float
    """From the announcement of the largest upload until it is ready; all are taken in at the same time."""
    run_s: float
    """From the run's POST to its result."""
    uses: dict[str, Use]
    requests: dict[str, int]
    dollars: dict[str, float]

    @property
    def total_dollars(self) -> float:
        """The sum of all items."""
        return sum(self.dollars.values())


def expected_rate(engine: str, run: RunSize) -> float:
    """Return the comparisons a second of one vCPU, interpolated between the thresholds of `RATES`."""
    thresholds, rates = np.array(RATES[engine], dtype=float).T
    return float(np.interp(run.threshold, thresholds, rates)) * 1e6 * 128 / run.encoding_size


class CostModel:
    """The cost and time of one run, with any number of workers.

    Parameters
    ----------
    run
        The size of the run: of `linkage.cost.workloads.expect_run` or `linkage.cost.planned_runs.measure_run`.
    bounds
        The service's settings.
    engine
        The engine that compares: a key of `RATES`.
    assumptions
        Numbers that the model takes for given.
    rate
        Comparisons a second of one vCPU, where they were measured; None for `expected_rate`.
    """

    def __init__(
        self,
        run: RunSize,
        bounds: Bounds,
        *,
        engine: str = "native",
        assumptions: Assumptions = DEFAULTS,
        rate: float | None = None,
    ) -> None:
        self.run, self.bounds, self.engine = run, bounds, engine
        self.assumptions = assumptions
        self.rate = rate or expected_rate(engine, run)
        self.chunks, self.comparisons, self.candidates = run.chunks, run.comparisons, run.candidates
        self._rows = [dataset.rows for dataset in run.datasets]
        self._row_bytes = run.encoding_size + 4
        self._chunk_seconds = [self.chunk_seconds(chunk) for chunk in self.chunks]

    def chunk_seconds(self, chunk: ChunkSize) -> float:
        """Return the seconds that a warm compare function takes for the chunk."""
        given, candidates = self.assumptions, chunk.candidates
        vcpu_s = chunk.comparisons / self.rate + chunk.rows_prepared * ROW_SECONDS[self.engine]
        read = chunk.rows_read * self._row_bytes + len(self.chunks) * 40
        compared = vcpu_s / (FUNCTIONS["compare"].vcpus * given.parallel)
        return given.compare_s + compared + candidates * given.candidate_s + (read + 12 * candidates) / given.s3_bytes_s

    def scenario(self, workers: int) -> Scenario:
        """Return cost and time with at most ``workers`` compare workers."""
        intake = [self._intake_seconds(rows) for rows in self._rows]
        run_s = self._run_seconds(workers)
        uses = self._uses(workers, intake, run_s)
        requests = self._requests(uses)
        dollars = self._dollars(uses, requests, max(intake) + run_s)
        return Scenario(workers, max(intake) + self._start_s, run_s, uses, requests, dollars)

    def limits(self) -> list[str]:
        """Return a sentence for each limit of the service that the run is expected to exceed."""
        sentences = []
        if self.candidates > self.bounds.max_candidates:
            sentences.append(
                f"{self.candidates:,} candidate pairs are expected, more than the {self.bounds.max_candidates:,} that"
                " a run may have: it would end in an error when it is planned"
            )
        longest = {
            "intake": max(map(self._intake_seconds, self._rows)),
            "plan": self._plan_seconds(),
            "compare": max(self._chunk_seconds, default=0.0),
            "solve": self._solve_seconds(),
        }
        sentences += [
            f"{name} would take {seconds:,.0f} s, and is stopped after {FUNCTIONS[name].timeout_s} s"
            for name, seconds in longest.items()
            if seconds > FUNCTIONS[name].timeout_s
        ]
        return sentences

    @property
    def _start_s(self) -> float:
        return self.assumptions.hop_s + self.assumptions.cold_start_s

    def _intake_seconds(self, rows: int) -> float:
        given = self.assumptions
        return given.intake_s + rows * (given.intake_row_s + 2 * self._row_bytes / given.s3_bytes_s)

    def _plan_seconds(self) -> float:
        given, read = self.assumptions, BLOCK.itemsize * sum(dataset.blocks for dataset in self.run.datasets)
        return given.plan_s + read / given.s3_bytes_s + len(self.chunks) * given.plan_message_s

    def _solve_seconds(self) -> float:
        given, records = self.assumptions, sum(dataset.records for dataset in self.run.datasets)
        candidates = self.candidates * (given.solve_candidate_s + 12 / given.s3_bytes_s)
        return given.solve_s + len(self.chunks) * given.solve_file_s + candidates + records * given.solve_record_s

    def _run_seconds(self, workers: int) -> float:
        ends = self._plan_seconds() + self._compare_wall_seconds(workers) + self._solve_seconds()
        return ends + 3 * self._start_s

    def _compare_wall_seconds(self, workers: int) -> float:
        """Return the seconds until all chunks are compared.

        Workers start one after the other, as Lambda adds them, and each takes the next chunk when it is free: ``free``
        is a heap of the times at which they are.
        """
        given = self.assumptions
        free = [max(0.0, n - given.first_workers) / given.workers_per_s for n in range(min(workers, len(self.chunks)))]
        heapify(free)
        last = 0.0
        for seconds in self._chunk_seconds:
            end = free[0] + seconds
            heapreplace(free, end)
            last = max(last, end)
        return last

    def _uses(self, workers: int, intake: Sequence[float], run_s: float) -> dict[str, Use]:
        given, parties = self.assumptions, len(intake)
        requests = 2 + 3 * parties + ceil(run_s / given.poll_period_s)
        rounds = 1 + ceil((max(intake) + run_s) / 60)
        started = min(workers, len(self.chunks))
        seconds = {
            "api": (requests, requests * given.api_request_s, 1),
            "intake": (parties, sum(intake), parties),
            "plan": (1, self._plan_seconds(), 1),
            "compare": (len(self.chunks), sum(self._chunk_seconds), started),
            "solve": (1, self._solve_seconds(), 1),
            "reconcile": (rounds, rounds * given.reconcile_s, 1),
        }
        return {
            name: Use(count, total + cold * given.cold_start_s, FUNCTIONS[name].memory_mb)
            for name, (count, total, cold) in seconds.items()
        }

    def _requests(self, uses: dict[str, Use]) -> dict[str, int]:
        """Count requests by item of the price list."""
        chunks, parties = len(self.chunks), len(self._rows)
        sets = [rows * self._row_bytes for rows in self._rows]
        pieces = sum(2 + ceil(chunk.rows_read * self._row_bytes / PIECE_BYTES) + 2 for chunk in self.chunks)
        windows = chunks * (1 + ceil(self.candidates / self.bounds.window_pairs))
        return {
            "Lambda, requests": sum(use.invocations for use in uses.values()),
            "SQS": 3 * (parties + 2 + uses["reconcile"].invocations) + 2 * chunks + ceil(chunks / 10),
            "S3, writing": sum(ceil(2 * size / PART_BYTES) + 6 for size in sets)
            + chunks * (1 + ceil(12 * self.candidates / max(1, chunks) / PART_BYTES))
            + ceil(self._result_bytes / PART_BYTES)
            + chunks // 1000
            + 10,
            "S3, reading": sum(ceil(size / PIECE_BYTES) + 4 for size in sets) + 4 * chunks + pieces + windows + 200,
            "API Gateway": uses["api"].invocations,
        }

    @property
    def _result_bytes(self) -> int:
        return self.run.matches * self.assumptions.result_bytes

    def _dollars(self, uses: dict[str, Use], requests: dict[str, int], busy_s: float) -> dict[str, float]:
        given = self.assumptions
        kept = sum(rows * self._row_bytes for rows in self._rows) + self._result_bytes
        months = self.bounds.retention_days / MONTH_DAYS
        awake_hours = (busy_s + given.awake_s) / 3600 * given.capacity_units
        quantities = {
            "S3, storage": kept / 1e9 * months,
            "logs": sum(use.invocations for use in uses.values()) * given.log_bytes / 1e9,
            "transfer out": self._result_bytes / 1e9,
            "database, awake": awake_hours,
        }
        lambda_price = PRICES["Lambda, x86"]
        by_function = {f"Lambda, {name}": lambda_price.of(use.gb_seconds) for name, use in uses.items()}
        others = {item: PRICES[item].of(quantity) for item, quantity in {**requests, **quantities}.items()}
        return by_function | others
