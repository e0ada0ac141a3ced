"""How much work a run is that has not been made: from the sizes of the data sets alone.

The encodings are not there, so blocks are all equally large, the same ones in every data set, and no two popcounts are
too far apart. What is cut then is cut by the code that plans real runs.

This module is pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import ceil

import numpy as np

from linkage.encodings.block_tables import BLOCK, BlockTable
from linkage.encodings.rectangles import count_rows, span
from linkage.encodings.wire import MEMBERSHIP_COST, needed_bytes
from linkage.plans.chunking import Work, choose_work, count_comparisons, split_comparisons

SHARED_RECORDS = 0.5
"""Of the smaller of two data sets, the share of records that the other one has too."""
RANDOM_PAIRS = ((0.5, 0.5), (0.655, 1e-2), (0.7, 1.43e-3), (0.75, 1.46e-4), (0.8, 1.14e-5), (0.9, 4e-8), (1.0, 1e-10))
"""Threshold, and which share of the pairs of different people reaches it: CLKs of names, sex and date of birth."""


class WorkloadRefused(ValueError):
    """The service would not take it, or the numbers make no sense."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The settings of the same names (see `linkage.settings`)."""

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
    """In how many blocks a record is, and how many blocks there are."""

    per_record: int
    count: int


@dataclass(frozen=True, slots=True)
class Workload:
    """A run to be."""

    record_counts: tuple[int, ...]
    threshold: float
    encoding_size: int = 128
    blocking: Blocking | None = None
    candidate_share: float | None = None
    """Of the comparisons, how many find a candidate pair; None to expect what `RANDOM_PAIRS` says."""

    @property
    def rows(self) -> tuple[int, ...]:
        """How many rows each data set's encoding set has."""
        return tuple(count * (self.blocking.per_record if self.blocking else 1) for count in self.record_counts)

    @property
    def matches(self) -> int:
        """How many pairs of records are of the same people."""
        return sum(round(min(sizes) * SHARED_RECORDS) for sizes in combinations(self.record_counts, 2))

    def candidates(self, comparisons: int) -> int:
        """How many candidate pairs are expected."""
        if self.candidate_share is not None:
            return round(self.candidate_share * comparisons)
        return min(comparisons, round(_share_of_random_pairs(self.threshold) * comparisons) + self.matches)


@dataclass(frozen=True, slots=True)
class ChunkSize:
    """What one chunk's worker reads and compares."""

    comparisons: int
    rows_read: int
    """From the first to the last row on either side."""
    rows_prepared: int
    """Of all rectangles."""


def count_blocks(record_counts: Sequence[int], per_record: int, comparisons: int) -> Blocking:
    """Return the blocking that leaves about so many comparisons."""
    pairs = sum(left * right for left, right in combinations(record_counts, 2)) * per_record**2
    if not 0 < comparisons <= pairs:
        raise WorkloadRefused(f"these data sets have from 1 to {pairs:,} comparisons, not {comparisons:,}")
    return Blocking(per_record, round(pairs / comparisons))


def check_uploads(workload: Workload, bounds: Bounds) -> None:
    """Raise `WorkloadRefused` if an intake worker has not the memory for a data set."""
    for count, rows in zip(workload.record_counts, workload.rows, strict=True):
        needed = needed_bytes(count, workload.encoding_size) + (rows * MEMBERSHIP_COST if workload.blocking else 0)
        if needed > bounds.max_upload_bytes:
            raise WorkloadRefused(
                f"a data set of {count:,} records needs {needed / 2**30:.1f} GiB to be sorted, and the service takes"
                f" {bounds.max_upload_bytes / 2**30:.1f} GiB: split it into blocks that are linked one after the other"
            )


def cut_chunks(workload: Workload, bounds: Bounds) -> Iterator[ChunkSize]:
    """Yield the chunks that the plan would have."""
    tables = [_block_table(rows, workload.blocking) for rows in workload.rows]
    for chunk in split_comparisons(tables, workload.threshold, _choose_work(workload, tables, bounds)):
        rectangles = chunk.rectangles
        yield ChunkSize(
            chunk.comparisons,
            sum(stop - start for start, stop in (span(rectangles, side) for side in (0, 1))),
            count_rows(rectangles),
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
