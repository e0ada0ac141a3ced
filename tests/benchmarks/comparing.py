"""Compare chunks of a run as the compare worker does, on one thread, and measure the CPU time."""

import os
import time
from collections.abc import Sequence

import numpy as np

from linkage.comparing import compare_chunk
from linkage.messages import CompareChunk
from linkage.plans.plan import Plan
from linkage.ports import World
from linkage.store.chunks import ChunkStore
from linkage.store.runs import RunStore
from linkage.testing.world import in_memory_world
from tests.prepared import PROJECT, RUN, plan_of

THRESHOLD = 0.8


def planned_world(datasets: Sequence[np.ndarray]) -> tuple[World, Plan]:
    """Return a world in memory in which a run of the data sets is planned; its workers have one thread."""
    world = in_memory_world(compare_threads=1)
    return world, plan_of(world, datasets, THRESHOLD)


def cpu_seconds(world: World, chunks: Sequence[int]) -> tuple[float, int]:
    """Compare the chunks, from reading to storing; return seconds of CPU time and the number of candidate pairs.

    They can be compared again: nothing is left of them.
    """
    stored = [ChunkStore(RunStore(PROJECT, RUN, world), chunk) for chunk in chunks]
    began = time.thread_time()
    for chunk in chunks:
        compare_chunk(CompareChunk(project_id=PROJECT, run_id=RUN, chunk=chunk), world)
    seconds = time.thread_time() - began
    pairs = sum(each.count_pairs() or 0 for each in stored)
    for each in stored:
        each.remove()
    return seconds, pairs


def load() -> str:
    """The load of the machine: other processes distort the figures."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
