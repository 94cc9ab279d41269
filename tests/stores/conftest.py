"""Every store, ready to be opened again and again, as a process that comes back would."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.core.store import ExecutionStore
from engine.stores import MemoryStore, SqlStore, open_store
from tests.stores import postgres

Open = Callable[[], ExecutionStore]


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    programs = postgres.binaries()
    if programs is None:
        assert os.environ.get("HEADROOM_POSTGRES") != "required", "PostgreSQL must be here, and is not"
        pytest.skip("no PostgreSQL programs (initdb, pg_ctl) on this machine")
    with postgres.running(programs) as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new store that another process can open too."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/engine.db"
    cluster: postgres.Cluster = request.getfixturevalue("cluster")
    return cluster.url()


@pytest.fixture
def open_at() -> Iterator[Callable[[str], SqlStore]]:
    """`open_store`, and everything is closed in the end."""
    stores: list[SqlStore] = []

    def anew(url: str) -> SqlStore:
        store = open_store(url)
        assert isinstance(store, SqlStore)
        stores.append(store)
        return store

    yield anew
    for store in stores:
        store.close()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, open_at: Callable[[str], SqlStore]) -> Open:
    """A function that opens the same store anew."""
    if request.param == "memory":
        memory = MemoryStore()
        return lambda: memory
    if request.param == "sqlite":
        return lambda: open_at(f"sqlite:///{tmp_path}/engine.db")
    at = request.getfixturevalue("cluster").url()
    return lambda: open_at(at)


@pytest.fixture
def store(opened: Open) -> ExecutionStore:
    return opened()
