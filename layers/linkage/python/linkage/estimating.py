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
from linkage.plans.sampling import Draw, Found, Span, draw_rows, join_spans
from linkage.ports import World
from linkage.store.encoding_sets import EncodingSetStore
from linkage.store.gathering import PARALLEL_READS

_Reader = Callable[[Sequence[Span]], Encodings]
"""Returns the encodings of the rows of spans, one after the other."""

NEAR_BYTES = 1 << 16
"""Rows that are no farther apart are read with one request: what lies between costs less than another."""
MOST_MEMBERSHIPS = 10_000_000
"""How many memberships of the records of candidate pairs are looked at to tell repeated pairs."""


@dataclass(frozen=True, slots=True)
class SampledRun:
    """A run to be sampled: its id and threshold, and where its data sets are and which blocks they have."""

    run_id: str
    threshold: float
    encoding_size: int
    prefixes: Sequence[str]
    datasets: Sequence[BlockTable]


def find_in_sample(sampled: SampledRun, world: World) -> list[Found]:
    """Return the candidate pairs among the rows that are drawn; a pair counts once for each block that it shares."""
    draws = draw_rows(sampled.datasets, sampled.threshold, sampled.run_id)
    with ThreadPoolExecutor(PARALLEL_READS) as pool:
        readers = [_reader(dataset, draws, sampled, pool, world) for dataset in range(len(sampled.datasets))]
    found: list[Found] = []
    for (left, right), group in groupby(draws, lambda draw: (draw.left, draw.right)):
        found += _compare(list(group), (readers[left], readers[right]), sampled.threshold, world)
    return found


def count_once(found: Sequence[Found], sampled: SampledRun, world: World) -> list[Found]:
    """Return the same with the part of each pair for which it counts in each of its blocks, so that it counts once.

    Where there are very many pairs only every so manieth is looked at, and counts for the others.

    Reads the record index of every row of the data sets: so it is only asked where the answer matters.
    """
    sides = [_Side(dataset, sampled, world) for dataset in range(len(sampled.datasets))]
    weighed: list[Found] = []
    for (left, right), group in groupby(found, lambda each: (each.draw.left, each.draw.right)):
        weighed += _count_once(list(group), [sides[left], sides[right]])
    return weighed


class _Side:
    """A data set of a pair of them: its block table and the record index of each row."""

    def __init__(self, dataset: int, sampled: SampledRun, world: World) -> None:
        self.table = sampled.datasets[dataset]
        self.rows = EncodingSetStore(sampled.prefixes[dataset], world).read_record_indices(0, count_rows(self.table))

    @property
    def blocks_per_record(self) -> float:
        """In how many blocks a record is, about."""
        return len(self.rows) / (int(self.rows.max()) + 1)

    def records(self, spans: Sequence[Span]) -> Rows:
        """Return the record index of each row of the spans."""
        return np.concatenate([self.rows[start:stop] for start, stop in spans])


def _count_once(found: Sequence[Found], sides: Sequence[_Side]) -> list[Found]:
    most = MOST_MEMBERSHIPS / max(side.blocks_per_record for side in sides)
    step = max(1, round(sum(len(each.pairs) for each in found) / most))
    thinned = _thin(found, step)
    records = [
        np.concatenate([side.records(each.draw.sides[place][1])[each.pairs[name]] for each in thinned])
        for place, (name, side) in enumerate(zip(("left", "right"), sides, strict=True))
    ]
    repeats = count_shared_blocks([side.table for side in sides], [side.rows for side in sides], records)
    weights = np.split(step / repeats, np.cumsum([len(each.pairs) for each in thinned])[:-1])
    return [each._replace(weights=part) for each, part in zip(thinned, weights, strict=True)]


def _thin(found: Sequence[Found], step: int) -> list[Found]:
    """Keep every ``step``-th pair of all draws, counted on from one to the next."""
    kept, passed = [], step // 2
    for each in found:
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


def _compare(draws: Sequence[Draw], readers: Sequence[_Reader], threshold: float, world: World) -> list[Found]:
    """Compare the rows of each draw, all in one go: draws may be many and small."""
    left, right = (np.concatenate([read(draw.sides[side][1]) for draw in draws]) for side, read in enumerate(readers))
    counts = np.array([draw.rows for draw in draws])
    stops = np.cumsum(counts, axis=0)
    rectangles = np.stack([stops - counts, stops], axis=2).reshape(-1, 4)
    settings = world.settings
    chosen = engine(settings.engine)
    batches = chosen.find_candidates(left, right, rectangles, threshold, threads=1, max_pairs=settings.batch_pairs)
    pairs = chosen.sort_pairs(join_pairs(list(batches)))
    if len(draws) == 1:
        return [Found(draws[0], pairs, np.ones(len(pairs)))]
    owners = np.searchsorted(stops[:, 0], pairs["left"], side="right").astype(np.uint16)
    for side, name in enumerate(("left", "right")):
        pairs[name] -= (stops - counts)[owners, side].astype(np.uint32)
    pairs = pairs[np.argsort(owners, kind="stable")]
    parts = np.split(pairs, np.cumsum(np.bincount(owners, minlength=len(draws)))[:-1])
    return [Found(draw, part, np.ones(len(part))) for draw, part in zip(draws, parts, strict=True)]
