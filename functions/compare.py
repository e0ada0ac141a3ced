"""Worker of the compare queue: compare chunks and keep their candidate pairs."""

from typing import Any

from functions.batch import for_each_message
from functions.environment import world
from linkage.comparing import compare_chunk
from linkage.messages import CompareChunk


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Compare the chunk each message names."""
    return for_each_message(event, CompareChunk, lambda message: compare_chunk(message, world()))
