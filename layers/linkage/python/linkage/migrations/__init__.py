"""The database's schema and its history, applied by Alembic.

Changes expand first and contract later: a version of the code must run with the schema of the next one, because during
a deployment both are there.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config


def migrate(database_url: str, *, revision: str = "head") -> None:
    """Bring the database to the revision. Safe to repeat, and at the same time: PostgreSQL lets one go first."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["database_url"] = database_url
    command.upgrade(config, revision)
