"""Worker of the delete queue: remove the data of deleted projects and runs."""

from typing import Any

from functions.batch import for_each_message
from functions.environment import world
from linkage.deletion import sweep
from linkage.messages import DeleteData


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Remove the objects of the project or run each message names."""
    return for_each_message(event, DeleteData, lambda message: sweep(message, world()))
