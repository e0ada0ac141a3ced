"""Hypothetical runs: their size is made up from the sizes of their data sets alone.

The encodings are not there, so blocks are all equally large, the same ones in every data set, and no two popcounts are
too far apart. Chunks are then cut by the code that plans real runs.

This module is pure.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from math import ceil

import numpy as np

from linkage.cost.run_sizes import DatasetSize, RunSize, size_chunk, spread_candidates
from linkage.encodings.block_tables import BLOCK, BlockTable
from linkage.encodings.wire import MEMBERSHIP_COST, needed_bytes
from linkage.plans.chunking import Work, choose_work, count_comparisons, split_comparisons

SHARED_RECORDS = 0.5
"""Share of the smaller of two data sets whose records are in the other one too."""
RANDOM_PAIRS = ((0.5, 0.5), (0.655, 1e-2), (0.7, 1.43e-3), (0.75, 1.46e-4), (0.8, 1.14e-5), (0.9, 4e-8), (1.0, 1e-10))
"""Threshold, and the share of the pairs of different people that reach it: CLKs of names, sex and date of birth."""


class WorkloadRefused(ValueError):
    """The service would refuse the workload, or its numbers contradict each other."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Settings that bound a run, by their names in `linkage.settings`."""

    chunk_min_comparisons: int
    chunk_max_comparisons: int
    chunk_max_candidates: int
    sample_above_comparisons: int
    max_candidates: int
    max_upload_bytes: int
    window_pairs: int
    retention_days: int


@dataclass(frozen=True, slots=True)
class Blocking:
    """The number of blocks that a record is in, and of blocks in all."""

    per_record: int
    count: int


@dataclass(frozen=True, slots=True)
class Workload:
    """A hypothetical run."""

    record_counts: tuple[int, ...]
    threshold: float
    encoding_size: int = 128
    blocking: Blocking | None = None
    candidate_share: float | None = None
    """Share of the comparisons that find a candidate pair; None to expect it as `RANDOM_PAIRS` says."""

    @property
    def rows(self) -> tuple[int, ...]:
        """Rows of each data set's encoding set."""
        return tuple(count * (self.blocking.per_record if self.blocking else 1) for count in self.record_counts)

    @property
    def matches(self) -> int:
        """Pairs of records of the same people."""
        return sum(round(min(sizes) * SHARED_RECORDS) for sizes in combinations(self.record_counts, 2))

    def candidates(self, comparisons: int) -> int:
        """Return how many candidate pairs to expect of so many comparisons."""
        if self.candidate_share is not None:
            return round(self.candidate_share * comparisons)
        return min(comparisons, round(_share_of_random_pairs(self.threshold) * comparisons) + self.matches)


def count_blocks(record_counts: Sequence[int], per_record: int, comparisons: int) -> Blocking:
    """Return the blocking that leaves about ``comparisons`` comparisons."""
    pairs = sum(left * right for left, right in combinations(record_counts, 2)) * per_record**2
    if not 0 < comparisons <= pairs:
        raise WorkloadRefused(f"these data sets have from 1 to {pairs:,} comparisons, not {comparisons:,}")
    return Blocking(per_record, round(pairs / comparisons))


def check_uploads(workload: Workload, bounds: Bounds) -> None:
    """Raise `WorkloadRefused` if a data set does not fit into the memory of an intake worker."""
    for count, rows in zip(workload.record_counts, workload.rows, strict=True):
        needed = needed_bytes(count, workload.encoding_size) + (rows * MEMBERSHIP_COST if workload.blocking else 0)
        if needed > bounds.max_upload_bytes:
            raise WorkloadRefused(
                f"a data set of {count:,} records needs {needed / 2**30:.1f} GiB to be sorted, and the service takes"
                f" {bounds.max_upload_bytes / 2**30:.1f} GiB: split it into blocks that are linked one after the other"
            )


def expect_run(workload: Workload, bounds: Bounds) -> RunSize:
    """Return the size that a run would have; raises `WorkloadRefused` if the service would not take its data sets."""
    check_uploads(workload, bounds)
    tables = [_block_table(rows, workload.blocking) for rows in workload.rows]
    work = _choose_work(workload, tables, bounds)
    chunks = [size_chunk(chunk.rectangles) for chunk in split_comparisons(tables, workload.threshold, work)]
    candidates = workload.candidates(sum(chunk.comparisons for chunk in chunks))
    blocks = workload.blocking.count if workload.blocking else 1
    sizes = zip(workload.record_counts, workload.rows, strict=True)
    return RunSize(
        threshold=workload.threshold,
        encoding_size=workload.encoding_size,
        datasets=tuple(DatasetSize(records, rows, blocks) for records, rows in sizes),
        chunks=spread_candidates(candidates, chunks),
        candidates=candidates,
        matches=workload.matches,
        parameters=asdict(workload),
        assumptions=(candidates_text(workload), _MADE_UP_TEXT),
    )


_MADE_UP_TEXT = (
    "No two popcounts are too far apart to be compared; blocks are equally large and the same in all data sets."
)


def candidates_text(workload: Workload) -> str:
    """Return in a sentence how many candidate pairs are expected."""
    share = workload.candidate_share
    if share is not None:
        return f"A share of {share} of the comparisons finds a candidate pair."
    shares = ", ".join(f"{chance} at {threshold}" for threshold, chance in RANDOM_PAIRS)
    return (
        f"Of the smaller data set {SHARED_RECORDS:.0%} is in the other one too; of the pairs of different people these"
        f" shares reach a threshold: {shares}."
    )


def _choose_work(workload: Workload, tables: Sequence[BlockTable], bounds: Bounds) -> Work:
    smallest, largest = bounds.chunk_min_comparisons, bounds.chunk_max_comparisons
    work = choose_work(tables, workload.encoding_size, smallest=smallest, largest=largest)
    comparisons = count_comparisons(tables)
    share = workload.candidates(comparisons) / max(1, comparisons)
    if comparisons <= bounds.sample_above_comparisons or not share:
        return work
    return replace(work, candidate_bound=ceil(bounds.chunk_max_candidates / share))


def _block_table(rows: int, blocking: Blocking | None) -> BlockTable:
    count = blocking.count if blocking else 1
    table = np.zeros(min(count, rows), dtype=BLOCK)
    first_rows = np.arange(len(table) + 1) * rows // len(table)
    keys = np.zeros((len(table), 2), dtype=">u8")
    keys[:, 1] = np.arange(len(table))
    table["key"] = keys.view(BLOCK["key"])[:, 0]
    table["first_row"], table["row_count"] = first_rows[:-1], np.diff(first_rows)
    table["smallest_popcount"] = table["largest_popcount"] = 1
    return table


def _share_of_random_pairs(threshold: float) -> float:
    thresholds, shares = np.array(RANDOM_PAIRS).T
    return float(np.exp(np.interp(threshold, thresholds, np.log(shares))))
