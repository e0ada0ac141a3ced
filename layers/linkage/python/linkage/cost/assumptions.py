"""All that the cost model takes for given: the deployed functions, the engines' rates, and times.

The functions' memory and timeouts repeat the template's: a test holds them together. Rates and times were measured
where docs/cost.md says so, and are printed with each report.
"""

from dataclasses import dataclass

MB_PER_VCPU = 1769


@dataclass(frozen=True, slots=True)
class Function:
    """A function of infra/template.yaml."""

    memory_mb: int
    timeout_s: int

    @property
    def vcpus(self) -> float:
        """Processors that Lambda gives it."""
        return self.memory_mb / MB_PER_VCPU


FUNCTIONS = {
    "api": Function(1769, 29),
    "intake": Function(3538, 900),
    "plan": Function(3538, 300),
    "compare": Function(7076, 900),
    "solve": Function(10240, 900),
    "reconcile": Function(1024, 120),
}
COMPARE_CONCURRENCY = 800
"""Chunks compared at a time at most, by the template's default."""

NATIVE_RATES = ((0.65, 600), (0.7, 800), (0.75, 1000), (0.8, 1250), (0.85, 1600), (0.9, 2300), (0.95, 4000))
ANONLINK_RATES = ((0.65, 80), (0.95, 80))
RATES = {"native": NATIVE_RATES, "anonlink": ANONLINK_RATES}
"""Threshold, and million comparisons a second of one vCPU, of encodings of 128 bytes; others by their size."""
ROW_SECONDS = {"native": 6e-8, "anonlink": 2e-6}
"""Seconds of one vCPU per row of a rectangle, beside its comparisons: they make tiny blocks expensive."""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Numbers that the model takes for given. Seconds are those that a function is billed for."""

    s3_bytes_s: float = 75e6
    cold_start_s: float = 1.5
    api_request_s: float = 0.05
    intake_s: float = 0.4
    intake_row_s: float = 1e-6
    plan_s: float = 0.7
    plan_message_s: float = 2e-3
    compare_s: float = 0.3
    parallel: float = 0.9
    candidate_s: float = 1e-7
    solve_s: float = 0.3
    solve_file_s: float = 2e-3
    solve_candidate_s: float = 2e-7
    solve_record_s: float = 5e-7
    reconcile_s: float = 0.1
    hop_s: float = 1.0
    first_workers: int = 5
    workers_per_s: float = 5.0
    poll_period_s: float = 1.0
    log_bytes: int = 2000
    result_bytes: int = 26
    awake_s: float = 300.0
    capacity_units: float = 1.0


DEFAULTS = Assumptions()
"""The assumptions of a model that is given no others."""
