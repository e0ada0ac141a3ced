"""The connection to PostgreSQL: one per process, opened on first use, with one transaction per call.

An idle database pauses and drops its connections, so a connection that is dead before its transaction has done anything
is opened again, and tried again for as long as the database may take to resume.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from linkage.errors import DatabaseUnavailable

logger = logging.getLogger(__name__)

WAKE_UP_S = 20.0
"""Seconds to go on trying to connect: less than API Gateway waits."""
MOST_TRIES = 5
"""Attempts to insert a row that another one is in the way of, and that is gone when it is looked at."""
_PAUSE_S = 0.5
_CONNECT_S = 5


class Database:
    """A connection that opens on first use and reconnects. One thread uses it at a time, as in a Lambda function."""

    def __init__(self, url: str, *, wake_up_s: float = WAKE_UP_S, token: Callable[[str], str] | None = None) -> None:
        """Keep the URL; with ``token``, the password of each connection is ``token(url)``."""
        self._url = url
        self._wake_up_s = wake_up_s
        self._token = token
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Run statements in a transaction: committed at the end, rolled back on an exception.

        Raises `DatabaseUnavailable` where the server cannot be reached, goes away, or ends a deadlock with this one.
        """
        connection = self._ready_connection()
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            raise DatabaseUnavailable from error

    def fetch_one(self, statement: str, parameters: dict[str, Any] | None = None) -> tuple[Any, ...] | None:
        """Run one statement in a transaction of its own and return its first row."""
        with self.transaction() as cursor:
            cursor.execute(statement, parameters)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row

    def fetch_all(self, statement: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run one statement in a transaction of its own and return its rows."""
        with self.transaction() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()

    def execute(self, statement: str, parameters: dict[str, Any] | None = None) -> int:
        """Run one statement in a transaction of its own and return the number of rows that it changed."""
        with self.transaction() as cursor:
            cursor.execute(statement, parameters)
            return cursor.rowcount

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _ready_connection(self) -> Connection:
        """Return a connection that answers."""
        if self._connection is not None and not self._connection.closed and _answers(self._connection):
            return self._connection
        self.close()
        self._connection = self._connect()
        return self._connection

    def _connect(self) -> Connection:
        deadline = time.monotonic() + self._wake_up_s
        while True:
            try:
                return self._try_to_connect()
            except psycopg2.OperationalError as error:
                if time.monotonic() >= deadline:
                    logger.warning("cannot connect to the database: %s", str(error).strip())
                    raise DatabaseUnavailable from error
                time.sleep(_PAUSE_S)

    def _try_to_connect(self) -> Connection:
        if self._token is None:
            return psycopg2.connect(self._url, connect_timeout=_CONNECT_S)
        return psycopg2.connect(self._url, password=self._token(self._url), connect_timeout=_CONNECT_S)


def _answers(connection: Connection) -> bool:
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error:
        return False
    return True
