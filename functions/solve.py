"""Worker of the solve queue: make a run's result out of its candidate pairs."""

from typing import Any

from functions.batch import for_each_message
from functions.environment import world
from linkage.messages import SolveRun
from linkage.solving import solve_run


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Solve the run each message names."""
    return for_each_message(event, SolveRun, lambda message: solve_run(message, world()))
