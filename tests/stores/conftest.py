"""Every store, ready to be opened again and again, as a process that comes back would."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.core.store import ExecutionStore
from engine.stores import MemoryStore, open_store
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


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """A function that opens the same store anew."""
    if request.param == "memory":
        memory = MemoryStore()
        yield lambda: memory
        return
    if request.param == "sqlite":
        at = f"sqlite:///{tmp_path}/engine.db"
    else:
        at = request.getfixturevalue("cluster").url()
    stores: list[ExecutionStore] = []

    def anew() -> ExecutionStore:
        stores.append(open_store(at))
        return stores[-1]

    yield anew
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Open) -> ExecutionStore:
    return opened()
