"""Texts of results as clients read them: JSON in pieces, and anonlink's file of similarity scores.

This module is pure: `linkage.solving` writes the pieces to the store bucket.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from linkage.candidates.pairs import Candidates, scores

_PIECE = 100_000
"""Entries of a list that are joined at a time."""

SCORES_OPEN, SCORES_CLOSE = b'{"similarity_scores":[', b"]}"
"""Around the rows of `scores_text`, with a comma between batches."""

SCORE = np.dtype([("score", "<f8"), ("left_set", "<u4"), ("right_set", "<u4"), ("left", "<u4"), ("right", "<u4")])
SCORE_FILE_HEADER = bytes([1, 8, 4, 4])
"""anonlink's serialization: version, then the bytes of a score, of a data set index and of a record index."""


def groups_text(
    datasets: NDArray[np.uint32], records: NDArray[np.uint32], offsets: NDArray[np.int64]
) -> Iterator[bytes]:
    """Yield ``{"groups": [[[data set, record], ...], ...]}``; group i lies between offsets i and i + 1."""

    def texts() -> Iterator[str]:
        for start in range(0, len(offsets) - 1, _PIECE):
            bounds = offsets[start : start + _PIECE + 1]
            held = slice(bounds[0], bounds[-1])
            members = [
                f"[{dataset},{record}]"
                for dataset, record in zip(datasets[held].tolist(), records[held].tolist(), strict=True)
            ]
            for first, stop in pairwise((bounds - bounds[0]).tolist()):
                yield f"[{','.join(members[first:stop])}]"

    return _list_text("groups", texts())


def mask_text(mask: NDArray[np.uint8]) -> Iterator[bytes]:
    """Yield ``{"mask": [0, 1, ...]}``."""
    return _list_text("mask", map(str, mask.tolist()))


def permutation_text(positions: NDArray[np.uint32], rows: int) -> Iterator[bytes]:
    """Yield ``{"permutation": [...], "rows": n}``."""
    return _list_text("permutation", map(str, positions.tolist()), f',"rows":{rows}')


def scores_text(batch: Candidates, format_scores: Callable[[Candidates], bytes]) -> Iterator[bytes]:
    """Yield rows ``[[0,record],[1,record],score]`` of candidates of two parties, with commas between, in pieces.

    `linkage.engines.contract.Engine.format_scores` writes them.
    """
    for start in range(0, len(batch), _PIECE):
        if start:
            yield b","
        yield format_scores(batch[start : start + _PIECE])


def score_rows(batch: Candidates) -> bytes:
    """Return candidates of two parties as rows of a file for ``anonlink.serialization.load_candidate_pairs``."""
    rows = np.zeros(len(batch), dtype=SCORE)
    rows["score"], rows["right_set"] = scores(batch), 1
    rows["left"], rows["right"] = batch["left"], batch["right"]
    return rows.tobytes()


def _list_text(name: str, entries: Iterable[str], rest: str = "") -> Iterator[bytes]:
    """Yield a JSON object with one list, and the members in ``rest``, in pieces."""
    yield f'{{"{name}":['.encode()
    remaining, separator = iter(entries), ""
    while piece := list(islice(remaining, _PIECE)):
        yield (separator + ",".join(piece)).encode()
        separator = ","
    yield f"]{rest}}}".encode()
