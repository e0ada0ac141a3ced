"""The file of a chunk's candidate pairs: a header, then 12 bytes each, in their total order, each once.

The header holds no count, so that a file can be written while its pairs are still being found: the size tells how many
there are. `linkage.candidates.pairs` knows the pairs; what can be told from a size alone is here, without numpy.
"""

HEADER = b"LKCP\x02\0\0\0\0\0\0\0"
"""Magic and version; as long as a pair."""
PAIR_BYTES = 12
OVERFLOW = HEADER[:4]
"""Stands for a chunk with more candidate pairs than a run may have: they are not kept."""


def count_stored(size_bytes: int) -> int:
    """Return how many pairs a file of this size holds; none if it stands for too many."""
    return max(0, size_bytes - len(HEADER)) // PAIR_BYTES


def is_overflow(size_bytes: int) -> bool:
    """Tell whether a file of this size stands for too many pairs."""
    return size_bytes == len(OVERFLOW)


def byte_range(start: int, stop: int) -> tuple[int, int]:
    """Return where the pairs from ``start`` up to, not including, ``stop`` lie in the file."""
    return len(HEADER) + start * PAIR_BYTES, len(HEADER) + stop * PAIR_BYTES
