"""Do the same with many, of which some may fail."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

logger = logging.getLogger(__name__)
Item = TypeVar("Item")


def for_each(items: Iterable[Item], work: Callable[[Item], object]) -> int:
    """Do the work of each item, and return for how many it was done.

    One that fails must not keep the others from theirs: it is logged, and is there again next time.
    """
    done = 0
    for item in items:
        try:
            work(item)
        except Exception:
            logger.exception("an item could not be reconciled")
        else:
            done += 1
    return done
