"""The database's schema and its history, applied by Alembic.

Changes expand first and contract later: a version of the code must run with the schema of the next one, because during
a deployment both are there.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config

SHARING = (
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO linkage_service",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO linkage_service",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO linkage_admin",
)
"""What the owner of a managed database's tables says first: the functions use them, the administrator reads them."""


def migrate(database_url: str, *, revision: str = "head", shared: bool = False) -> None:
    """Bring the database to the revision. Safe to repeat, and at the same time: PostgreSQL lets one go first.

    Parameters
    ----------
    database_url : str
        The user in it owns the tables.
    revision : str
        Of the schema; the newest if none is said.
    shared : bool
        Whether others use the tables, as in a managed database (see `SHARING`).
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["database_url"] = database_url
    config.attributes["first"] = SHARING if shared else ()
    command.upgrade(config, revision)
