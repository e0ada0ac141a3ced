"""The file of a chunk's candidate pairs: a header with their count, then 12 bytes each, in their total order.

`linkage.candidates` reads and writes the pairs; what can be told from a header or a size alone is here, without numpy.
"""

import struct

_HEADER = struct.Struct("<4sHxxQ")
_MAGIC, _VERSION = b"LKCP", 1

HEADER_BYTES = _HEADER.size
PAIR_BYTES = 12


def dump_header(count: int) -> bytes:
    """Return the header of a file of ``count`` pairs.

    A header alone stands for a chunk with more candidate pairs than a run may have.
    """
    return _HEADER.pack(_MAGIC, _VERSION, count)


def load_count(raw: bytes) -> int:
    """Return the count in the header; raises ``ValueError`` if it is none."""
    magic, version, count = _HEADER.unpack_from(raw)
    if (magic, version) != (_MAGIC, _VERSION):
        raise ValueError(f"not a file of candidate pairs of version {_VERSION}")
    return int(count)


def count_stored(size_bytes: int) -> int:
    """Return how many pairs a file of this size holds."""
    return max(0, size_bytes - HEADER_BYTES) // PAIR_BYTES
