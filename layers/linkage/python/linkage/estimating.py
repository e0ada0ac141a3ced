"""Estimate the candidate pairs of a run when it is planned, from the rows that `linkage.plans.sampling` draws."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from linkage.candidates.pairs import join_pairs
from linkage.encodings.block_tables import BlockTable, count_rows
from linkage.encodings.encoding_sets import Encodings, Rows
from linkage.engines.choice import engine
from linkage.plans.repeats import count_shared_blocks
from linkage.plans.sampling import Draw, DrawnPairs, Span, draw_rows, join_spans
from linkage.ports import World
from linkage.store.encoding_sets import EncodingSetStore
from linkage.store.gathering import PARALLEL_READS

_Reader = Callable[[Sequence[Span]], Encodings]
"""Returns the encodings of the rows of spans, one after the other."""

NEAR_BYTES = 1 << 16
"""Rows that are no farther apart are read with one request: to read what lies between costs less than another."""
MOST_MEMBERSHIPS = 10_000_000
"""Memberships, of the records of candidate pairs, that are looked at to count repeated pairs, at most."""


@dataclass(frozen=True, slots=True)
class SampledRun:
    """A run to be sampled; `prefixes` are those of its encoding sets, `datasets` their block tables."""

    run_id: str
    threshold: float
    encoding_size: int
    prefixes: Sequence[str]
    datasets: Sequence[BlockTable]


def find_in_sample(sampled: SampledRun, world: World) -> list[DrawnPairs]:
    """Read and compare the drawn rows, and return their candidate pairs, one for each block that a pair shares."""
    draws = draw_rows(sampled.datasets, sampled.threshold, sampled.run_id)
    with ThreadPoolExecutor(PARALLEL_READS) as pool:
        readers = [_reader(dataset, draws, sampled, pool, world) for dataset in range(len(sampled.datasets))]
    sample: list[DrawnPairs] = []
    for (left, right), group in groupby(draws, lambda draw: (draw.left, draw.right)):
        sample += _compare(list(group), (readers[left], readers[right]), sampled.threshold, world)
    return sample


def count_once(sample: Sequence[DrawnPairs], sampled: SampledRun, world: World) -> list[DrawnPairs]:
    """Return the sample with weights that count each pair once, however many blocks it shares.

    A pair that shares n blocks weighs 1/n in each. Where there are very many pairs only every nth is looked at, and
    counts for the others.

    This reads the record index of every row of the data sets: so it is called only where the answer matters.
    """
    sides = [_Side(dataset, sampled, world) for dataset in range(len(sampled.datasets))]
    weighed: list[DrawnPairs] = []
    for (left, right), group in groupby(sample, lambda each: (each.draw.left, each.draw.right)):
        weighed += _count_once(list(group), [sides[left], sides[right]])
    return weighed


class _Side:
    """A data set of a pair of them: its block table and the record index of each row."""

    def __init__(self, dataset: int, sampled: SampledRun, world: World) -> None:
        self.table = sampled.datasets[dataset]
        self.rows = EncodingSetStore(sampled.prefixes[dataset], world).read_record_indices(0, count_rows(self.table))

    @property
    def blocks_per_record(self) -> float:
        """The mean number of blocks of a record, about."""
        return len(self.rows) / (int(self.rows.max()) + 1)

    def records(self, spans: Sequence[Span]) -> Rows:
        """Return the record index of each row of the spans."""
        return np.concatenate([self.rows[start:stop] for start, stop in spans])


def _count_once(sample: Sequence[DrawnPairs], sides: Sequence[_Side]) -> list[DrawnPairs]:
    """Weigh the pairs of one pair of data sets; all draws at once, because they may be many and small."""
    most = MOST_MEMBERSHIPS / max(side.blocks_per_record for side in sides)
    step = max(1, round(sum(len(each.pairs) for each in sample) / most))
    thinned = _thin(sample, step)
    records = [
        np.concatenate([side.records(each.draw.sides[place][1])[each.pairs[name]] for each in thinned])
        for place, (name, side) in enumerate(zip(("left", "right"), sides, strict=True))
    ]
    repeats = count_shared_blocks([side.table for side in sides], [side.rows for side in sides], records)
    weights = np.split(step / repeats, np.cumsum([len(each.pairs) for each in thinned])[:-1])
    return [each._replace(weights=part) for each, part in zip(thinned, weights, strict=True)]


def _thin(sample: Sequence[DrawnPairs], step: int) -> list[DrawnPairs]:
    """Keep every ``step``-th pair of all draws; counting goes on from one draw to the next."""
    kept, passed = [], step // 2
    for each in sample:
        kept.append(each._replace(pairs=each.pairs[-passed % step :: step]))
        passed += len(each.pairs)
    return kept


def _reader(
    dataset: int, draws: Sequence[Draw], sampled: SampledRun, pool: ThreadPoolExecutor, world: World
) -> _Reader:
    """Read a data set's rows of all draws, with few requests, and return a function from spans to their encodings."""
    stored, size = EncodingSetStore(sampled.prefixes[dataset], world), sampled.encoding_size
    wanted = [span for draw in draws for drawn, spans in draw.sides if drawn == dataset for span in spans]
    joined = join_spans(wanted, NEAR_BYTES // size)
    parts = list(pool.map(lambda rows: stored.read_encodings(size, *rows), joined))
    firsts = [start for start, _ in joined]

    def take(span: Span) -> Encodings:
        place = bisect_right(firsts, span[0]) - 1
        return parts[place][span[0] - firsts[place] : span[1] - firsts[place]]

    return lambda spans: np.concatenate([take(span) for span in spans])


def _compare(draws: Sequence[Draw], readers: Sequence[_Reader], threshold: float, world: World) -> list[DrawnPairs]:
    """Compare the rows of each draw, with one call of the engine, because draws may be many and small.

    Each draw is a rectangle of the concatenated rows. The pairs come back in one order: those of a draw are told by
    their row on the left, numbered from the draw's first row, and put together again without changing their order.
    """
    left, right = (np.concatenate([read(draw.sides[side][1]) for draw in draws]) for side, read in enumerate(readers))
    counts = np.array([draw.rows for draw in draws])
    stops = np.cumsum(counts, axis=0)
    rectangles = np.stack([stops - counts, stops], axis=2).reshape(-1, 4)
    settings = world.settings
    chosen = engine(settings.engine)
    batches = chosen.find_candidates(left, right, rectangles, threshold, threads=1, max_pairs=settings.batch_pairs)
    pairs = chosen.sort_pairs(join_pairs(list(batches)))
    if len(draws) == 1:
        return [DrawnPairs(draws[0], pairs, np.ones(len(pairs)))]
    owners = np.searchsorted(stops[:, 0], pairs["left"], side="right").astype(np.uint16)
    for side, name in enumerate(("left", "right")):
        pairs[name] -= (stops - counts)[owners, side].astype(np.uint32)
    pairs = pairs[np.argsort(owners, kind="stable")]
    parts = np.split(pairs, np.cumsum(np.bincount(owners, minlength=len(draws)))[:-1])
    return [DrawnPairs(draw, part, np.ones(len(part))) for draw, part in zip(draws, parts, strict=True)]
