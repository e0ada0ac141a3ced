"""The file of a chunk's candidate pairs: a header, then 12 bytes each, in their total order, each once.

The header holds no count, so that a file can be written while its pairs are still being found: their number follows
from the file's size. This module needs no numpy; `linkage.candidates.pairs` reads the pairs.
"""

HEADER = b"LKCP\x02\0\0\0\0\0\0\0"
"""Magic and version; as long as a pair."""
PAIR_BYTES = 12
OVERFLOW = HEADER[:4]
"""The whole file of a chunk with more candidate pairs than a run may have: they are not stored."""


def count_stored(size_bytes: int) -> int:
    """Return the number of pairs in a file of this size; 0 for an `OVERFLOW`."""
    return max(0, size_bytes - len(HEADER)) // PAIR_BYTES


def is_overflow(size_bytes: int) -> bool:
    """Tell whether a file of this size is an `OVERFLOW`."""
    return size_bytes == len(OVERFLOW)


def byte_range(start: int, stop: int) -> tuple[int, int]:
    """Return the byte range, in the file, of the pairs from ``start`` up to, not including, ``stop``."""
    return len(HEADER) + start * PAIR_BYTES, len(HEADER) + stop * PAIR_BYTES
