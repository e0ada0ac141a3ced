"""Isolate items from each other: one that fails does not stop the others."""

import logging
from collections.abc import Callable, Iterable

logger = logging.getLogger(__name__)


def for_each[Item](items: Iterable[Item], work: Callable[[Item], object]) -> int:
    """Do the work of each item and return the number of items that succeeded.

    An item that fails must not keep the others from being done: it is logged, and is there again next time.
    """
    successes = 0
    for item in items:
        try:
            work(item)
        except Exception:
            logger.exception("reconciling an item failed")
        else:
            successes += 1
    return successes
