"""The worlds in which the promises are tested: in memory, and on real servers."""

from collections.abc import Sequence
from typing import Protocol

from linkage.ports import World


class Worlds(Protocol):
    """A source of fresh worlds, and a look at their tables from outside the service."""

    def make(self, **settings: object) -> World:
        """Return a world with these settings; the worlds of one test share their tables."""
        ...

    def flush_redis(self) -> None:
        """Forget all that Redis holds."""
        ...

    def rows_of(self, project_id: str) -> Sequence[str]:
        """Name the tables that still have rows of a project."""
        ...

    def audit_of(self, project_id: str) -> Sequence[str]:
        """Return the events of a project in the audit trail, oldest first."""
        ...
