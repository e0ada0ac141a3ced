"""The lines that Lambda adds to a function's log, in AWS's words."""

import math
import signal
from dataclasses import dataclass

from infra.local.localstack_plugin.functions.limits import error_payload


@dataclass(frozen=True)
class Figures:
    """The duration and memory of one invocation."""

    duration_ms: float
    memory_size_mb: int
    peak_memory_mb: int
    init_ms: float | None


def report(request_id: str, figures: Figures) -> str:
    """Return the REPORT line of one invocation."""
    fields = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {figures.duration_ms:.2f} ms",
        f"Billed Duration: {math.ceil(figures.duration_ms)} ms",
        f"Memory Size: {figures.memory_size_mb} MB",
        f"Max Memory Used: {figures.peak_memory_mb} MB",
    ]
    if figures.init_ms is not None:
        fields.append(f"Init Duration: {figures.init_ms:.2f} ms")
    return "\t".join(fields) + "\n"


def timed_out(request_id: str, timeout_s: int) -> bytes:
    """Return the error of an invocation that timed out."""
    return error_payload(
        "Sandbox.Timedout",
        f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds",
    )


def exited(request_id: str, status: int) -> bytes:
    """Return the error of an invocation whose process exited before it answered."""
    return error_payload(
        "Runtime.ExitError",
        f"RequestId: {request_id} Error: Runtime exited {_how(status)}",
    )


def _how(status: int) -> str:
    if status < 0:
        return f"with error: signal: {(signal.strsignal(-status) or '').lower()}"
    if status:
        return f"with error: exit status {status}"
    return "without providing a reason"
