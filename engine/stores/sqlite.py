"""SQLite: the embedded default. Write-ahead log; every commit is on the disk before it returns."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Final

from engine.core.errors import StoreCorrupt, StoreError, StoreFull, StoreUnreachable
from engine.stores.database import Transaction, Values

SYNCHRONOUS: Final = ("full", "normal", "extra")
_WAIT_S: Final = 5.0  # for another process's transaction
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class SqliteDatabase:
    """One connection to one file."""

    def __init__(
        self, path: str, *, synchronous: str = "full", clock: Callable[[], int] = time.time_ns
    ) -> None:
        """Open or create the file.

        With ``synchronous="normal"`` a power failure may lose the last commits (a crash of the process does
        not); it is for what can be done again.
        """
        if synchronous not in SYNCHRONOUS:
            message = f"synchronous must be one of {', '.join(SYNCHRONOUS)}, not {synchronous!r}"
            raise StoreUnreachable(message)
        self.where = f"the SQLite file {path}"
        self._clock = clock
        with self._errors():
            self.connection = sqlite3.connect(
                path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
            )
            try:
                self.connection.execute("PRAGMA journal_mode = WAL")
                self.connection.execute(f"PRAGMA synchronous = {synchronous}")
            except sqlite3.Error:
                self.connection.close()
                raise

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that holds the write lock."""
        return self._between("BEGIN IMMEDIATE")

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that holds no lock."""
        return self._between("BEGIN")

    @contextmanager
    def _between(self, begin: str) -> Iterator[Transaction]:
        with self._errors():
            self.connection.execute(begin)
            try:
                yield self
                self.connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk may have rolled back already
                    self.connection.execute("ROLLBACK")
                raise

    def lock_schema(self, transaction: Transaction) -> None:
        """Nothing to do: a transaction that may write is alone."""

    def run(self, text: str, values: Values = ()) -> int:
        """Carry a statement out."""
        return self.connection.execute(text, values).rowcount

    def run_many(self, text: str, rows: Sequence[Values]) -> None:
        """Carry a statement out for each row."""
        self.connection.executemany(text, rows)

    def rows(self, text: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        return self.connection.execute(text, values).fetchall()

    def now_ns(self) -> int:
        """Return this machine's time."""
        return self._clock()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> StoreError:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        primary = code & 0xFF
        said = f"{self.where}: {error}"
        if primary == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_WRITE:
            return StoreFull(
                f"{said}. What was being written is not stored and has not acted; what was committed "
                "before is safe: make room, then recover"
            )
        if primary in _DAMAGED or isinstance(error, UnicodeDecodeError):
            return StoreCorrupt(f"{said}. Write nothing more to it: keep a copy, and restore a backup")
        if primary in _BUSY:
            return StoreUnreachable(
                f"{said}: another process has kept it for {_WAIT_S:g} s. Nothing was stored: stop that "
                "process, then recover"
            )
        return StoreUnreachable(
            f"{said}. What was being written has not acted: see that the file can be read and "
            "written, then recover"
        )
