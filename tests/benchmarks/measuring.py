"""Measure contenders: processor time of one thread, in turns, medians."""

import os
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

ROUNDS = int(os.environ.get("ROUNDS", "3"))


def in_turns(contenders: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Run the contenders one after the other, several rounds, and return the median seconds of each.

    What else the machine does slows all of them, so only their ratios can be compared with those of another day.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            began = time.thread_time()
            run()
            seconds[name].append(time.thread_time() - began)
    return {name: median(taken) for name, taken in seconds.items()}


def say(benchmark: Any, **figures: object) -> None:
    """Print the figures, and keep them with the benchmark's record."""
    print("\n   ", ", ".join(f"{name} {figure}" for name, figure in figures.items()), flush=True)
    benchmark.extra_info.update(figures)
    benchmark.pedantic(lambda: None)
