"""One door to every store, by URL."""

from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from engine.core.errors import StoreUnreachable
from engine.core.store import ExecutionStore
from engine.stores.memory import MemoryStore
from engine.stores.sql import SqlStore
from engine.stores.sqlite import SqliteDatabase

_FORMS: Final = "memory:, sqlite:///relative/path, sqlite:////absolute/path, postgresql://user@host/database"


def open_store(url: str) -> ExecutionStore:
    """Return the store at `url`, created or brought up to date where need be.

    ``memory:`` | ``sqlite:///path[?synchronous=full|normal|extra]`` | ``postgresql://...`` (the extra
    ``postgres`` must be installed). Raises `StoreUnreachable`, `SchemaTooNew`, `StoreCorrupt`.
    """
    scheme = url.partition(":")[0]
    if url == "memory:":
        return MemoryStore()
    if scheme == "sqlite":
        return SqlStore(_sqlite(url))
    if scheme in ("postgresql", "postgres"):
        try:
            from engine.stores.postgres import PostgresDatabase
        except ImportError as error:
            message = f"a PostgreSQL store needs psycopg: pip install 'headroom[postgres]' ({error})"
            raise StoreUnreachable(message) from error
        return SqlStore(PostgresDatabase(url))
    message = f"not the URL of a store: {url!r}; expected {_FORMS}"
    raise StoreUnreachable(message)


def _sqlite(url: str) -> SqliteDatabase:
    parts = urlsplit(url)
    path = unquote(parts.path)[1:]
    options = dict(parse_qsl(parts.query))
    unknown = [name for name in options if name != "synchronous"]
    if parts.netloc or not path or unknown:
        found = f"option {unknown[0]!r}" if unknown else repr(url)
        message = (
            f"not the URL of a SQLite store: {found}; expected sqlite:///path[?synchronous=full|normal|extra]"
        )
        raise StoreUnreachable(message)
    return SqliteDatabase(path, synchronous=options.get("synchronous", "full"))
