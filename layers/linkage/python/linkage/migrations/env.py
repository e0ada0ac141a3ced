"""What Alembic runs: one connection, one transaction, one at a time."""

from alembic import context
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

_LOCK = 4_182_511
"""Any number, but always the same: the advisory lock of a migration."""


def run() -> None:
    """Apply the migrations that are missing."""
    url = make_url(context.config.attributes["database_url"]).set(drivername="postgresql+psycopg2")
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        for statement in context.config.attributes["first"]:
            connection.execute(text(statement))
        context.configure(connection=connection, transaction_per_migration=False)
        context.run_migrations()


run()
