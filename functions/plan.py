"""Worker of the plan queue: cut a run's work into chunks."""

from typing import Any

from functions.batch import for_each_message
from functions.environment import world
from linkage.messages import PlanRun
from linkage.planning import plan_run


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Plan the run each message names."""
    return for_each_message(event, PlanRun, lambda message: plan_run(message, world()))
