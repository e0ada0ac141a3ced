r"""Find the pairs of encodings that are similar enough.

Similarity is the Sørensen-Dice coefficient of two bit sets,

.. math:: D(a, b) = \frac{2\,|a \cap b|}{|a| + |b|}

and a pair is a candidate if :math:`D(a, b) \ge` threshold in double arithmetic. Encodings without a set bit carry no
evidence and match nothing.

The engine here is anonlink's. It is asked for slightly more than is wanted and the pairs are then judged by their exact
integers, because its popcount filter loses pairs that lie exactly on some thresholds (0.75 with popcounts 3 and 5). Its
limit of ``k`` pairs a record is not used: it would make results depend on the chunking.

This module is pure. `linkage.comparing` feeds it chunks.

References
----------
R. Schnell, T. Bachteler and J. Reiher, "Privacy-preserving record linkage using Bloom filters", BMC Medical Informatics
and Decision Making 9:41, 2009.
"""

import numpy as np

from linkage.anonlink_engine import dice_coefficient_accelerated
from linkage.candidates import PAIR, CandidatePairs, scores
from linkage.encoding_sets import Encodings, popcounts

_SLACK = 1e-9
"""More than anonlink's rounding error for popcounts up to 8,192, less than the gap between two scores."""
_TILE_ROWS = 4096
"""anonlink's results are Python arrays: tiles bound them."""


def find_candidates(left: Encodings, right: Encodings, threshold: float) -> CandidatePairs:
    """Compare every encoding on the left with every one on the right.

    Parameters
    ----------
    left, right : uint8 arrays, shapes (m, encoding size) and (n, encoding size)
        The size is a multiple of 8 bytes.
    threshold : float
        In (0, 1]; pairs on it are candidates.

    Returns
    -------
    structured array of `linkage.candidates.PAIR`
        ``left`` and ``right`` are row numbers; in no particular order.

    Raises
    ------
    ValueError
        If the sides' encodings differ in size, or the threshold is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.array([[0b111, 0, 0, 0, 0, 0, 0, 0]], dtype=np.uint8)
    >>> b = np.array([[0b11111, 0, 0, 0, 0, 0, 0, 0], [0] * 8], dtype=np.uint8)
    >>> find_candidates(a, b, 0.75).tolist()
    [(0, 0, 3, 8)]
    """
    if left.shape[1] != right.shape[1]:
        raise ValueError(f"encodings differ in size: {left.shape[1]} and {right.shape[1]} bytes")
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1, not {threshold}")
    return np.concatenate(
        [
            np.empty(0, dtype=PAIR),
            *[
                _compare_tile(left[top : top + _TILE_ROWS], right[start : start + _TILE_ROWS], threshold, top, start)
                for top in range(0, len(left), _TILE_ROWS)
                for start in range(0, len(right), _TILE_ROWS)
            ],
        ]
    )


def _compare_tile(left: Encodings, right: Encodings, threshold: float, top: int, start: int) -> CandidatePairs:
    """Compare one tile; its pairs are numbered from its first row on the left and on the right."""
    _, (rows, columns) = dice_coefficient_accelerated(
        (list(map(bytes, left)), list(map(bytes, right))), max(threshold - _SLACK, threshold / 2), k=None
    )
    pairs = np.empty(len(rows), dtype=PAIR)
    row, column = np.asarray(rows, dtype=np.intp), np.asarray(columns, dtype=np.intp)
    pairs["left"], pairs["right"] = row + top, column + start
    pairs["common"] = popcounts(left[row] & right[column])
    pairs["total"] = popcounts(left[row]) + popcounts(right[column])
    return pairs[(pairs["common"] > 0) & (scores(pairs) >= threshold)]
