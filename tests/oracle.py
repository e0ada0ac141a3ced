"""Expected results, by the definition and by raw anonlink."""

import json
import warnings
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from bitarray import bitarray
from numpy.typing import NDArray

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import anonlink

Encodings = NDArray[np.uint8]
Blocks = Sequence[Sequence[Sequence[object]]]
Candidate = tuple[float, int, int, int, int]


def pairs_by_definition(left: Encodings, right: Encodings, threshold: float) -> dict[tuple[int, int], float]:
    """Every pair whose Dice coefficient is at least the threshold, one bit at a time."""
    pairs = {}
    for row, one in enumerate(left):
        for column, other in enumerate(right):
            common = sum(int(a & b).bit_count() for a, b in zip(one, other, strict=True))
            total = sum(int(byte).bit_count() for byte in one) + sum(int(byte).bit_count() for byte in other)
            if total and common and 2 * common / total >= threshold:
                pairs[row, column] = 2 * common / total
    return pairs


def candidates_by_definition(
    datasets: Sequence[Encodings], threshold: float, blocks: Blocks | None = None
) -> list[Candidate]:
    """All candidate pairs of all data sets, in their total order: (minus score, left, right, row, column).

    With blocks, those that share one; `blocks` holds each record's block ids, by data set.
    """
    return sorted(
        (-score, left, right, row, column)
        for left, right in combinations(range(len(datasets)), 2)
        for (row, column), score in pairs_by_definition(datasets[left], datasets[right], threshold).items()
        if blocks is None or set(map(str, blocks[left][row])) & set(map(str, blocks[right][column]))
    )


def groups_by_definition(
    datasets: Sequence[Encodings], threshold: float, blocks: Blocks | None = None
) -> set[frozenset[tuple[int, int]]]:
    """Greedy groups: from the most similar pair down, join two groups if every pair across was similar enough.

    Ties go to the lower data sets, then to the lower records.
    """
    pairs = candidates_by_definition(datasets, threshold, blocks)
    similar = {((left, row), (right, column)) for _, left, right, row, column in pairs}
    groups: dict[tuple[int, int], frozenset[tuple[int, int]]] = {}
    seen: set[tuple[tuple[int, int], tuple[int, int]]] = set()
    for _, left, right, row, column in pairs:
        one, other = (left, row), (right, column)
        seen.add((one, other))
        first, second = groups.get(one, frozenset([one])), groups.get(other, frozenset([other]))
        across = [(min(a, b), max(a, b)) for a in first for b in second]
        if first != second and all(pair in seen for pair in across):
            joined = first | second
            groups.update(dict.fromkeys(joined, joined))
    assert seen == similar
    return {group for group in groups.values() if len(group) > 1}


def groups_of_anonlink(datasets: list[Encodings], threshold: float) -> set[frozenset[tuple[int, int]]]:
    """Raw anonlink's answer, without its limit of k pairs a record."""
    bits = []
    for encodings in datasets:
        rows = []
        for encoding in encodings:
            row = bitarray(endian="big")
            row.frombytes(encoding.tobytes())
            rows.append(row)
        bits.append(rows)
    pairs = anonlink.candidate_generation.find_candidate_pairs(
        bits, anonlink.similarities.dice_coefficient_accelerated, threshold
    )
    return {frozenset((int(d), int(r)) for d, r in group) for group in anonlink.solving.greedy_solve(pairs)}


def groups_of_result(result: bytes) -> set[frozenset[tuple[int, int]]]:
    """The groups of a result, and proof that no record is in two."""
    groups = json.loads(result)["groups"]
    records = [tuple(record) for group in groups for record in group]
    assert len(records) == len(set(records))
    return {frozenset((dataset, record) for dataset, record in group) for group in groups}
