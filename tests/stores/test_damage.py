"""Damage, newer schemas, full disks and unreachable stores: a clear error, and nothing lost."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from engine.core.errors import (
    HistoryError,
    SchemaTooNew,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreUnreachable,
)
from engine.core.events import Remembered, WorkflowRegistered
from engine.core.recovery import recover
from engine.core.store import ExecutionStore
from engine.stores import SqlStore, migrations, sqlite
from engine.stores.postgres import PostgresDatabase, translated
from tests.engine.kinds import WORKFLOWS
from tests.house.tree import ROOT
from tests.stores.test_contract import HOUR_NS, entries, filled

Sql = Callable[..., None]
OpenAt = Callable[[str], SqlStore]
OLD = migrations.MIGRATIONS


@pytest.fixture
def sql(url: str) -> Sql:
    """A function that carries out a statement behind the store's back."""

    def run(text: str, *values: Any) -> None:
        if url.startswith("sqlite"):
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file, file:
                file.execute(text, values)
        else:
            with psycopg.connect(url, autocommit=True) as server:
                server.execute(text.replace("?", "%s").encode(), values)

    return run


@pytest.fixture
def store(url: str, open_at: OpenAt) -> SqlStore:
    return open_at(url)


def read_until_bad(store: ExecutionStore, start: int = 0) -> tuple[int, str]:
    """Return how many events could be read, and the error that came instead of the next."""
    count = 0
    try:
        for _ in store.events("e", start):
            count += 1
    except HistoryError as error:
        return count, str(error)
    pytest.fail("everything could be read")


# -- histories


def test_an_event_missing_in_the_middle_is_named(store: ExecutionStore, sql: Sql) -> None:
    filled(store)
    sql("DELETE FROM events WHERE position = 4")
    count, error = read_until_bad(store)
    assert count == 4
    assert "event 4 of engine 'e': missing; the next stored is 5. The events before it are sound" in error


def test_a_log_cut_at_its_end_is_noticed(store: ExecutionStore, sql: Sql) -> None:
    filled(store)
    sql("DELETE FROM events WHERE position >= 7")
    assert read_until_bad(store) == (7, read_until_bad(store)[1])
    assert "event 7 of engine 'e': missing; there should be 10: the end was cut" in read_until_bad(store)[1]


def test_a_log_without_its_beginning_is_noticed(store: ExecutionStore, sql: Sql) -> None:
    filled(store)
    sql("DELETE FROM events WHERE position < 3")
    assert read_until_bad(store)[0] == 0
    with pytest.raises(HistoryError, match="event 2 of engine 'e': missing"):
        store.events("e", 3)


@pytest.mark.parametrize("position", [0, 4, 9])
@pytest.mark.parametrize("bit", range(7))
def test_a_flipped_bit_is_found(store: ExecutionStore, sql: Sql, position: int, bit: int) -> None:
    lease = store.acquire("e", "me", HOUR_NS)
    store.append(lease, 0, [(n, Remembered("x", "a", 1, "key", "spot")) for n in range(10)])
    sql(
        "UPDATE events SET line = replace(line, 'spot', ?) WHERE position = ?",
        chr(ord("s") ^ 1 << bit) + "pot",
        position,
    )
    count, error = read_until_bad(store)
    assert count == position
    assert f"event {position} of engine 'e': altered" in error
    assert "go on from a backup" in error


def test_a_flipped_bit_in_the_chain_itself_is_found(store: ExecutionStore, sql: Sql) -> None:
    filled(store)
    sql("UPDATE events SET chain = replace(chain, substr(chain, 1, 1), 'x') WHERE position = 4")
    assert read_until_bad(store)[0] == 4


def test_a_whole_log_forged_with_a_fitting_chain_does_not_fit_the_head(
    store: ExecutionStore, sql: Sql
) -> None:
    filled(store)
    sql("UPDATE engines SET chain = 'forged'")
    assert "event 9 of engine 'e': not the one that the log was closed with" in read_until_bad(store)[1]


def test_a_log_that_is_damaged_is_not_recovered_from_and_not_changed(store: ExecutionStore, sql: Sql) -> None:
    lease = filled(store)
    sql("UPDATE events SET line = '{}' WHERE position = 0")
    with pytest.raises(HistoryError, match=r"event 0 .* altered"):
        recover(store, lease)
    assert list(store.snapshots("e")) == []


# -- snapshots


def saved(store: ExecutionStore) -> None:
    """Leave a log with one event and snapshots around it."""
    lease = store.acquire("e", "me", HOUR_NS)
    recovered = recover(store, lease)
    journal, engine = recovered.journal, recovered.engine
    for workflow in WORKFLOWS[:3]:
        event = WorkflowRegistered(workflow)
        engine.handle(event, 1)
        journal.append(1, event)
    journal.commit([])
    journal.save(engine)


def test_a_damaged_snapshot_is_passed_over_for_the_one_before(store: ExecutionStore, sql: Sql) -> None:
    saved(store)
    sql("UPDATE snapshots SET body = replace(body, 'plain', 'plane') WHERE position = 3")
    lease = store.acquire("e", "me", HOUR_NS)
    recovered = recover(store, lease)
    assert recovered.engine.workflow("late").name == "late"
    assert "the snapshot at event 3 of engine 'e' is damaged" in recovered.notes[0]
    assert recovered.replayed_count == 3
    again = recover(store, lease)  # a sound one has replaced it
    assert (again.notes, again.replayed_count) == ((), 0)


def test_without_a_sound_snapshot_the_whole_log_is_replayed(store: ExecutionStore, sql: Sql) -> None:
    saved(store)
    sql("UPDATE snapshots SET body = '{}'")
    recovered = recover(store, store.acquire("e", "me", HOUR_NS))
    assert len(recovered.notes) == 2
    assert recovered.replayed_count == 3


def test_without_a_sound_snapshot_and_the_whole_log_nothing_is_guessed(
    store: ExecutionStore, sql: Sql
) -> None:
    saved(store)
    lease = store.acquire("e", "me", HOUR_NS)
    store.drop_before(lease, 3)
    sql("UPDATE snapshots SET digest = 'forged'")
    with pytest.raises(StoreCorrupt, match="There is no older one: nothing was changed, restore a backup"):
        recover(store, lease)


# -- schemas


def test_a_newer_schema_is_refused(store: ExecutionStore, sql: Sql, url: str, open_at: OpenAt) -> None:
    filled(store)
    sql("INSERT INTO schema_versions (version) VALUES (?)", len(OLD) + 1)
    with pytest.raises(SchemaTooNew, match=rf"has schema {len(OLD) + 1}; .* up to {len(OLD)}\. Nothing was"):
        open_at(url)


def test_an_older_schema_is_brought_up_to_date_and_keeps_what_it_has(
    store: ExecutionStore, url: str, monkeypatch: pytest.MonkeyPatch, open_at: OpenAt
) -> None:
    filled(store)
    steps = (*OLD, ("CREATE TABLE brand_new (n BIGINT)", "INSERT INTO brand_new VALUES (1)"))
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    assert list(open_at(url).events("e")) == entries(0, 10)
    open_at(url)  # once is enough
    monkeypatch.undo()
    with pytest.raises(SchemaTooNew):
        open_at(url)


def test_a_migration_that_fails_changes_nothing(
    store: ExecutionStore, url: str, monkeypatch: pytest.MonkeyPatch, open_at: OpenAt
) -> None:
    filled(store)
    steps = (*OLD, ("CREATE TABLE brand_new (n BIGINT)", "CREATE TABLE nonsense ("))
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    with pytest.raises(StoreError):
        open_at(url)
    monkeypatch.undo()
    assert list(open_at(url).events("e")) == entries(0, 10)


# -- full disks


def test_a_full_sqlite_file_loses_nothing(tmp_path: Path, open_at: OpenAt) -> None:
    url = f"sqlite:///{tmp_path}/engine.db"
    store = open_at(url)
    assert isinstance(store.database, sqlite.SqliteDatabase)
    run = store.database.connection.execute
    lease = filled(store)
    pages = run("PRAGMA page_count").fetchone()[0]
    run(f"PRAGMA max_page_count = {pages + 20}")
    position = 10

    def fill() -> None:
        nonlocal position
        for position in range(10, 1_000):
            store.append(lease, position, [(position, Remembered("x", "a", 1, "key", "x" * 3_000))])

    with pytest.raises(StoreFull, match=r"not stored and has not acted; .* make room, then recover"):
        fill()
    assert len(list(open_at(url).events("e"))) == position
    run("PRAGMA max_page_count = 100000")  # room has been made
    store.append(lease, position, entries(position, 1))
    assert len(list(open_at(url).events("e"))) == position + 1


FILLER = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from engine.core.errors import StoreFull
from engine.core.events import Remembered
from engine.stores import open_store
store = open_store(sys.argv[1])
lease = store.acquire("e", "me", 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
for position in range(1_000):
    try:
        store.append(lease, position, [(position, Remembered("x", "a", 1, "key", "x" * 3_000))])
    except StoreFull as error:
        print(position)
        sys.exit(0)
"""


def test_a_disk_that_takes_no_more_loses_nothing(tmp_path: Path, open_at: OpenAt) -> None:
    """The operating system refuses the write, in another process."""
    url = f"sqlite:///{tmp_path}/engine.db"
    done = subprocess.run(
        [sys.executable, "-c", FILLER, url], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    position = int(done.stdout)
    assert position > 10
    store = open_at(url)
    assert len(list(store.events("e"))) == position
    lease = store.acquire("e", "me", HOUR_NS)
    store.append(lease, position, entries(position, 1))


def test_a_full_tablespace_of_postgresql_is_told_from_other_failures() -> None:
    assert isinstance(translated("there", psycopg.errors.DiskFull("no space")), StoreFull)
    assert isinstance(translated("there", psycopg.errors.DataCorrupted("page")), StoreCorrupt)
    assert isinstance(translated("there", psycopg.errors.AdminShutdown("bye")), StoreUnreachable)


# -- not there


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "not the URL of a store: ''; expected memory:, sqlite:///"),
        ("mysql://host/db", "not the URL of a store"),
        ("sqlite://engine.db", "not the URL of a SQLite store: .* expected sqlite:///path"),
        ("sqlite:///", "not the URL of a SQLite store"),
        ("sqlite:///x.db?speed=high", "option 'speed'"),
        ("sqlite:///x.db?synchronous=off", "must be one of full, normal, extra, not 'off'"),
        ("sqlite:////nowhere/at/all/x.db", "unable to open"),
        ("postgresql:///db?host=/nowhere", "has not acted"),
        ("postgresql://user@localhost:port/db", "has not acted"),
    ],
)
def test_a_store_that_cannot_be_opened_says_what_to_do(url: str, message: str, open_at: OpenAt) -> None:
    with pytest.raises(StoreUnreachable, match=message):
        open_at(url)


def test_what_is_no_database_is_told(tmp_path: Path, open_at: OpenAt) -> None:
    path = tmp_path / "engine.db"
    path.write_bytes(b"this is a letter to my aunt" * 1_000)
    with pytest.raises(StoreCorrupt, match="Write nothing more to it: keep a copy"):
        open_at(f"sqlite:///{path}")


def test_a_damaged_page_is_told(tmp_path: Path, open_at: OpenAt) -> None:
    path = tmp_path / "engine.db"
    store = open_at(f"sqlite:///{path}")
    lease = store.acquire("e", "me", HOUR_NS)
    store.append(lease, 0, entries(0, 500))
    store.close()
    page = bytearray(path.read_bytes())
    page[3 * 4_096 :] = os.urandom(len(page) - 3 * 4_096)
    path.write_bytes(page)
    with pytest.raises((StoreCorrupt, HistoryError)):
        list(open_at(f"sqlite:///{path}").events("e"))


def test_a_database_that_another_process_keeps_is_not_waited_for_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_at: OpenAt
) -> None:
    monkeypatch.setattr(sqlite, "_WAIT_S", 0.05)
    url = f"sqlite:///{tmp_path}/engine.db"
    store = open_at(url)
    lease = filled(store)
    with closing(sqlite3.connect(tmp_path / "engine.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnreachable, match="another process has kept it"):
            store.append(lease, 10, entries(10, 1))
        assert len(list(store.events("e"))) == 10  # readers are not kept out
        other.execute("COMMIT")
    store.append(lease, 10, entries(10, 1))


def test_a_server_that_went_away_is_found_again(cluster: Any, open_at: OpenAt) -> None:
    """The connection is lost between two commits; nothing is, and the next attempt connects anew."""
    url = cluster.url()
    store = open_at(url)
    assert isinstance(store.database, PostgresDatabase)
    lease = filled(store)
    pid = store.database.connection.info.backend_pid
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (pid,))
    with pytest.raises(StoreUnreachable, match="has not acted"):
        store.append(lease, 10, entries(10, 1))
    store.append(lease, 10, entries(10, 1))
    assert len(list(store.events("e"))) == 11
