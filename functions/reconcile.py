"""Worker of the reconcile queue and of the daily schedule: restart runs and uploads that are stuck."""

from typing import Any

from functions.batch import for_each_message
from functions.environment import world
from linkage.messages import Reconcile
from linkage.upkeep.reconciling import reconcile


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Reconcile once for each message of the queue, or once for the schedule."""
    if "Records" in event:
        return for_each_message(event, Reconcile, lambda message: reconcile(message, world()))
    reconcile(Reconcile(), world())
    return {}
