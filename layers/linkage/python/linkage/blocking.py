"""Blocks: only records that share one are compared.

An encoding set lists its blocks in a table; two tables tell which rows of two data sets are to be compared. This module
needs no numpy, so that the API can look at a plan.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

WHOLE_DATASET = "00" * 16
"""The key of the one block of a party that has no blocking."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block's rows in an encoding set, and the smallest and largest popcount of their encodings."""

    key: str
    first_row: int
    row_count: int
    smallest_popcount: int
    largest_popcount: int


def shared_blocks(left: Sequence[Block], right: Sequence[Block]) -> Iterator[tuple[Block, Block]]:
    """Yield the blocks that both data sets have, in the order of the left one."""
    by_key = {block.key: block for block in right}
    return ((block, by_key[block.key]) for block in left if block.key in by_key)


def dump_blocks(blocks: Sequence[Block]) -> bytes:
    """Return the block table as it is stored."""
    return json.dumps([asdict(block) for block in blocks]).encode()


def load_blocks(text: bytes) -> tuple[Block, ...]:
    """Read a block table back."""
    return tuple(Block(**block) for block in json.loads(text))
