"""Where engines' logs live: in memory, in a SQLite file, or in PostgreSQL. `open_store` is the door."""

from engine.stores.memory import MemoryStore
from engine.stores.open import open_store
from engine.stores.sql import SqlStore

__all__ = ["MemoryStore", "SqlStore", "open_store"]
