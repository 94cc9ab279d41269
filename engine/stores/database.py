"""What the SQL store needs of a database, and what differs between databases."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from engine.core.errors import SchemaTooNew, StoreCorrupt
from engine.stores import migrations

Values = Sequence[Any]


class Transaction(Protocol):
    """An open transaction that may write. Texts hold ``?`` for each value."""

    def run(self, text: str, values: Values = ()) -> int:
        """Carry a statement out and return how many rows it touched."""
        ...

    def run_many(self, text: str, rows: Sequence[Values]) -> None:
        """Carry a statement out for each row of values."""
        ...

    def rows(self, text: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return the rows that a query finds."""
        ...

    def now_ns(self) -> int:
        """Return the time by the database's clock."""
        ...


class Database(Protocol):
    """A database by its driver. Errors of the driver leave it as `StoreError`."""

    where: str  # for messages

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open a transaction; leaving it commits durably, an exception rolls it back."""
        ...

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that only reads, and keeps no writer waiting."""
        ...

    def lock_schema(self, transaction: Transaction) -> None:
        """Let nobody else change the schema until the transaction ends."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


def migrate(database: Database) -> None:
    """Bring the schema up to date, in one transaction; raises `SchemaTooNew` for one from the future."""
    with database.transaction() as transaction:
        database.lock_schema(transaction)
        transaction.run("CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY)")
        found = transaction.rows("SELECT coalesce(max(version), 0) FROM schema_versions")[0][0]
        known = len(migrations.MIGRATIONS)
        if found > known:
            message = (
                f"{database.where} has schema {found}; this version of the program knows up to "
                f"{known}. Nothing was changed: run the newer version, or restore an older copy"
            )
            raise SchemaTooNew(message)
        for version, statements in enumerate(migrations.MIGRATIONS[found:], found + 1):
            for statement in statements:
                transaction.run(statement)
            transaction.run("INSERT INTO schema_versions (version) VALUES (?)", (version,))


def as_text(value: str) -> str:
    """Return a name as every database can hold it: no NUL, no half of a surrogate pair."""
    return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


@contextmanager
def read_as_stored(where: str) -> Iterator[None]:
    """Turn what comes of rows of the wrong shape into `StoreCorrupt`."""
    try:
        yield
    except (TypeError, ValueError, IndexError) as error:
        message = f"{where}: a row is not what was written: {error}. Nothing was changed: restore a copy"
        raise StoreCorrupt(message) from error
