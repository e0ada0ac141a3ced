"""Print what each engine answers to data that are the same everywhere, as JSON: one digest for each step of a linkage.

Run as a program by a Python of which nothing is known but that it finds the service and its layers on its path.
"""

import hashlib
import json
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.candidates.pairs import PAIR, with_datasets
from linkage.engines.choice import engine
from linkage.engines.contract import pairs_of_datasets

SIZES = (300, 260, 200)
THRESHOLDS = (0.5, 0.85)


def encodings() -> list[NDArray[np.uint8]]:
    """Three data sets that share entities, with a few bits of noise, of 1,024 bits."""
    generator = np.random.Generator(np.random.PCG64(11))
    entities = generator.integers(0, 256, (320, 128), dtype=np.uint8)
    rows = [generator.permutation(len(entities))[:size] for size in SIZES]
    return [entities[each] ^ np.packbits(generator.random((len(each), 1024)) < 0.08, axis=1) for each in rows]


def answers(name: str) -> dict[str, str]:
    """Return the digests of an engine's candidate pairs, of its score texts and of its groups."""
    chosen, sets, found = engine(name), encodings(), {}
    for threshold in THRESHOLDS:
        parts = []
        for number, (left, right) in enumerate(pairs_of_datasets(len(sets))):
            area = np.array([[0, len(sets[left]), 0, len(sets[right])]], dtype=np.int64)
            batches = chosen.find_candidates(sets[left], sets[right], area, threshold, threads=2, max_pairs=10**6)
            pairs = chosen.sort_pairs(np.concatenate([np.empty(0, PAIR), *batches]))
            parts.append(with_datasets(pairs, number))
        candidates = chosen.sort_candidates(np.concatenate(parts))
        assert len(candidates) > 100
        solver = chosen.new_solver(SIZES, max_pending=10**6)
        solver.feed(candidates)
        found[f"candidates {threshold}"] = _digest(candidates)
        found[f"scores {threshold}"] = hashlib.sha256(chosen.format_scores(candidates[:100])).hexdigest()
        found[f"groups {threshold}"] = _digest(*solver.groups())
    return found


def _digest(*arrays: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    json.dump({name: answers(name) for name in ("native", "anonlink")}, sys.stdout)
