"""Bring the database to the schema of this version. The deployment calls it once, before it says that it is done."""

import os
from typing import Any

from linkage.migrations import migrate
from linkage.settings import Settings


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Migrate; safe to repeat."""
    migrate(Settings.from_environment(os.environ).database_url.get_secret_value())
    return {"migrated": True}
