"""Migrate the database to the schema of this version. A deployment calls it once, before it ends."""

from typing import Any

from functions.environment import database_url, owns_shared_tables
from linkage.migrations import migrate


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Migrate the database; safe to repeat."""
    migrate(database_url(), shared=owns_shared_tables())
    return {"migrated": True}
