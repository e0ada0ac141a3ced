"""Run the migrations that Alembic found: one connection, one transaction, one process at a time."""

from alembic import context
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

_LOCK = 4_182_511
"""The key of the advisory lock that a migration holds: any number, but always the same."""


def run() -> None:
    """Apply the migrations that the database lacks."""
    url = make_url(context.config.attributes["database_url"]).set(drivername="postgresql+psycopg2")
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        for statement in context.config.attributes["first"]:
            connection.execute(text(statement))
        context.configure(connection=connection, transaction_per_migration=False)
        context.run_migrations()


run()
