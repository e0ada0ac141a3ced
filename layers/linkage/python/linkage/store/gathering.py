"""Merge stored files of candidate pairs into one order, in bounded memory.

The solve worker merges the files of a run's chunks, the compare worker the files that it spilled for a large chunk.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from linkage.candidates.files import byte_range
from linkage.candidates.merging import Piece, SortedFile, merge_files
from linkage.candidates.pairs import CandidatePairs, Candidates, load_pairs
from linkage.engines.choice import engine
from linkage.ports import World

PARALLEL_READS = 16


@dataclass(frozen=True, slots=True)
class CandidateFile:
    """A stored file of candidate pairs: its key, the number of pairs, and the index of their pair of data sets."""

    key: str
    count: int
    datasets: int = 0


def gather_candidates(files: Sequence[CandidateFile], world: World) -> Iterator[Candidates]:
    """Yield the candidate pairs of files in their total order, each once; see `linkage.candidates.merging`."""
    filled = [file for file in files if file.count]

    def fetch_one(piece: Piece) -> CandidatePairs:
        where = byte_range(piece.start, piece.stop)
        return load_pairs(world.objects.get_range(world.settings.store_bucket, filled[piece.file].key, *where))

    with ThreadPoolExecutor(PARALLEL_READS) as pool:
        yield from merge_files(
            [SortedFile(file.count, file.datasets) for file in filled],
            lambda pieces: list(pool.map(fetch_one, pieces)),
            engine(world.settings.engine).sort_candidates,
            window_pairs=world.settings.window_pairs,
        )
