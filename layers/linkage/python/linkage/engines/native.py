"""The native kernel as an engine: how rectangles are cut into tasks, threads share them, and memory stays bounded.

A rectangle is compared in tiles, small enough for the second cache and to be shared evenly, large enough that preparing
one (its rows are sorted and transposed) is a few percent of the work. Small rectangles are joined until they are worth
a task. How rectangles are cut and joined decides the time, never the result.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from linkage.candidates.pairs import PAIR, CandidatePairs, Candidates
from linkage.encodings.encoding_sets import Encodings
from linkage.encodings.rectangles import Rectangles, areas, count_pairs, tile
from linkage.engines.contract import Solver, check_comparison, check_record_counts, gather
from linkage.engines.kernel import (
    SMALLEST_CAPACITY,
    Comparison,
    GreedySolver,
    KernelPath,
    Scan,
    Tuning,
    format_scores,
    sort_candidates,
    sort_pairs,
)

TILE_ROWS = 4096, 16384
"""Rows on the left and on the right of a tile."""
TASK_COMPARISONS = 1 << 26
"""Comparisons of a task, about: some 50 ms."""
RECTANGLE_OVERHEAD = 64
"""The cost of a rectangle beside its comparisons, counted in comparisons."""
REORDER_FROM = 500
"""Comparisons per row from which it pays to copy the encodings with their most telling bits first."""
SAMPLE_PAIRS = 4096
SAMPLE_SHARE = 1000
"""The sample has at most one in `SAMPLE_SHARE` of the pairs to compare, so that it costs little."""
SAMPLE_SEED = 5


class NativeEngine:
    """A `linkage.engines.contract.Engine`."""

    def __init__(self, path: KernelPath = KernelPath.BEST) -> None:
        self._path = path

    def find_candidates(
        self,
        left: Encodings,
        right: Encodings,
        rectangles: Rectangles,
        threshold: float,
        *,
        threads: int,
        max_pairs: int,
    ) -> Iterator[CandidatePairs]:
        """See `linkage.engines.contract.Engine.find_candidates`."""
        check_comparison(left, right, rectangles, threshold, threads=threads, max_pairs=max_pairs)
        tasks = list(split_tasks(rectangles))
        if not tasks:
            return iter(())
        many = count_pairs(rectangles) > REORDER_FROM * (len(left) + len(right))
        tuning = Tuning(reorder=many, path=self._path)
        comparison = Comparison(left, right, threshold, sample=draw_sample(rectangles), tuning=tuning)
        threads = min(threads, len(tasks))
        capacity = max(SMALLEST_CAPACITY, max_pairs // threads)
        scan = _scan_alone if threads == 1 else partial(_scan_shared, threads=threads)
        return gather(scan(comparison, tasks, capacity=capacity), capacity)

    def sort_pairs(self, pairs: CandidatePairs) -> CandidatePairs:
        """See `linkage.engines.contract.Engine.sort_pairs`."""
        return sort_pairs(pairs)

    def sort_candidates(self, candidates: Candidates) -> Candidates:
        """See `linkage.engines.contract.Engine.sort_candidates`."""
        return sort_candidates(candidates)

    def format_scores(self, candidates: Candidates) -> bytes:
        """See `linkage.engines.contract.Engine.format_scores`."""
        return format_scores(candidates)

    def new_solver(self, record_counts: Sequence[int], *, max_pending: int) -> Solver:
        """See `linkage.engines.contract.Engine.new_solver`."""
        check_record_counts(record_counts)
        return GreedySolver(record_counts, max_pending=max_pending)


def draw_sample(rectangles: Rectangles) -> NDArray[np.int64]:
    """Draw pairs of rows to compare, each with the same probability; the same ones each time.

    Pairs are numbered through all rectangles, row by row. A drawn number is found in the running total of the
    rectangles' areas, and what is left of it gives row and column, so that no pairs but the drawn ones are made.

    Returns
    -------
    int64 array, shape (n, 2)
        Row numbers on the left and on the right; `SAMPLE_PAIRS`, but few or none where little is to be compared.
    """
    sizes = areas(rectangles)
    size = min(SAMPLE_PAIRS, int(sizes.sum()) // SAMPLE_SHARE)
    if not size:
        return np.empty((0, 2), dtype=np.int64)
    ends = np.cumsum(sizes)
    drawn = np.random.default_rng(SAMPLE_SEED).integers(ends[-1], size=size)
    at = np.searchsorted(ends, drawn, side="right")
    left_start, _, right_start, right_stop = rectangles[at].T
    row, column = np.divmod(drawn - (ends[at] - sizes[at]), right_stop - right_start)
    return np.stack([left_start + row, right_start + column], axis=1)


def split_tasks(rectangles: Rectangles) -> Iterator[Rectangles]:
    """Cut large rectangles into tiles, and join tiles into tasks of about equal cost.

    The running total of the tiles' costs is divided by a task's cost: tiles with the same quotient make a task. There
    may be millions of tiny rectangles, so none is touched in Python.
    """
    tiles = _cut(rectangles)
    if not len(tiles):
        return
    ends = np.cumsum(areas(tiles) + RECTANGLE_OVERHEAD)
    numbers = (ends - 1) // TASK_COMPARISONS
    yield from np.split(tiles, np.flatnonzero(np.diff(numbers)) + 1)


def _cut(rectangles: Rectangles) -> Rectangles:
    """Cut the rectangles that are larger than a tile; leave out the empty ones."""
    sizes = areas(rectangles)
    large = sizes > TASK_COMPARISONS // 4
    small = rectangles[(sizes > 0) & ~large]
    return np.concatenate([small, *(tile(rectangle, *TILE_ROWS) for rectangle in rectangles[large])])


def _scan_alone(comparison: Comparison, tasks: list[Rectangles], *, capacity: int) -> Iterator[CandidatePairs]:
    buffer = np.empty(capacity, dtype=PAIR)
    for task in tasks:
        scan = Scan(comparison, task)
        while not scan.done:
            yield _next_pairs(scan, buffer)


def _scan_shared(
    comparison: Comparison, tasks: list[Rectangles], *, threads: int, capacity: int
) -> Iterator[CandidatePairs]:
    """Compare in threads, each of which takes the next task when it is done with one.

    A thread fills its one buffer and waits until the caller takes the pairs, so that memory stays bounded.
    """
    waiting = iter(tasks)
    running: dict[Future[int], tuple[Scan, NDArray[np.void]]] = {}
    with ThreadPoolExecutor(threads) as pool:

        def go_on(scan: Scan, buffer: NDArray[np.void]) -> None:
            running[pool.submit(scan.next_pairs, buffer)] = scan, buffer

        for task in islice(waiting, threads):
            go_on(Scan(comparison, task), np.empty(capacity, dtype=PAIR))
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                scan, buffer = running.pop(future)
                pairs = buffer[: future.result()].copy()
                if not scan.done:
                    go_on(scan, buffer)
                else:
                    for task in islice(waiting, 1):
                        go_on(Scan(comparison, task), buffer)
                yield pairs


def _next_pairs(scan: Scan, buffer: NDArray[np.void]) -> CandidatePairs:
    return buffer[: scan.next_pairs(buffer)].copy()
