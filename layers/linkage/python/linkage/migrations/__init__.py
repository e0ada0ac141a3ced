"""Migrations of the database's schema, applied by Alembic.

Changes expand first and contract later: each version of the code must run with the schema of the next one, because both
exist during a deployment.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config

SHARING = (
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO linkage_service",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO linkage_service",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO linkage_admin",
)
"""Grants of the tables' owner in a managed database: the functions use the tables, the administrator reads them."""


def migrate(database_url: str, *, revision: str = "head", shared: bool = False) -> None:
    """Migrate the database to the revision. Safe to repeat, also concurrently: a lock lets one go first.

    Parameters
    ----------
    database_url : str
        Its user becomes the owner of the tables.
    revision : str
        A revision of the schema; the newest by default.
    shared : bool
        Whether others use the tables, as in a managed database (see `SHARING`).
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["database_url"] = database_url
    config.attributes["first"] = SHARING if shared else ()
    command.upgrade(config, revision)
