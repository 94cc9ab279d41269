"""PostgreSQL by URL, through psycopg 3. Leases run by the server's clock."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any, Final, cast

import psycopg
from psycopg.abc import QueryNoTemplate

from engine.core.errors import StoreCorrupt, StoreError, StoreFull, StoreUnreachable
from engine.stores.database import Transaction, Values

_CONNECT_S: Final = 10
_SCHEMA_LOCK: Final = 0x4845_4144  # of an advisory lock: any number that nobody else in the database uses
_FULL: Final = ("53100",)  # disk_full
_DAMAGED: Final = ("XX001", "XX002")  # data_corrupted, index_corrupted


class PostgresDatabase:
    """One connection to one database; opened again when it was lost between transactions."""

    def __init__(self, url: str) -> None:
        """Connect to the server."""
        self._url = url
        shown = psycopg.conninfo.conninfo_to_dict(url) if _is_conninfo(url) else {}
        self.where = f"PostgreSQL database {shown.get('dbname', '')!r} on {shown.get('host', 'localhost')}"
        self.connection = self._connect()

    def _connect(self) -> psycopg.Connection[Any]:
        with self._errors():
            connection = psycopg.connect(self._url, autocommit=True, connect_timeout=_CONNECT_S)
            try:
                row = connection.execute("SHOW synchronous_commit").fetchone()
                if row is not None and row[0] == "off":  # then a commit would return before it is on the disk
                    connection.execute("SET synchronous_commit = on")
            except psycopg.Error:
                connection.close()
                raise
            return connection

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction."""
        if self.connection.broken or self.connection.closed:
            self.connection.close()
            self.connection = self._connect()
        with self._errors(), self.connection.transaction():
            yield self

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a transaction: here readers and writers never wait for each other."""
        return self.transaction()

    def lock_schema(self, transaction: Transaction) -> None:
        """Wait for whoever else changes the schema."""
        transaction.rows("SELECT pg_advisory_xact_lock(?)", (_SCHEMA_LOCK,))

    def run(self, text: str, values: Values = ()) -> int:
        """Carry a statement out."""
        return self.connection.execute(_query(text), values).rowcount

    def run_many(self, text: str, rows: Sequence[Values]) -> None:
        """Carry a statement out for each row, in one round trip."""
        with self.connection.cursor() as cursor:
            cursor.executemany(_query(text), rows)

    def rows(self, text: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        return self.connection.execute(_query(text), values).fetchall()

    def now_ns(self) -> int:
        """Return the server's time."""
        return int(self.rows("SELECT (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint")[0][0])

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise translated(self.where, error) from error


@lru_cache(maxsize=64)
def _query(text: str) -> QueryNoTemplate:
    return cast("QueryNoTemplate", text.replace("?", "%s"))


def _is_conninfo(url: str) -> bool:
    try:
        psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return False
    return True


def translated(where: str, error: psycopg.Error) -> StoreError:
    """Return what a driver's error means for the store."""
    said = f"{where}: {str(error).strip() or type(error).__name__}"
    if error.sqlstate in _FULL:
        return StoreFull(
            f"{said}. What was being written is not stored and has not acted; what was committed "
            "before is safe: make room on the server, then recover"
        )
    if error.sqlstate in _DAMAGED:
        return StoreCorrupt(f"{said}. Write nothing more to it: keep a copy, and restore a backup")
    return StoreUnreachable(
        f"{said}. What was being written has not acted, though it may have been stored: mend the "
        "connection, then recover, which reads what is there"
    )
