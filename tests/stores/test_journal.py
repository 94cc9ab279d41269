"""When snapshots are saved, what they make superfluous, and what is kept for people."""

from itertools import pairwise
from typing import Any

from engine.core.definition import Workflow
from engine.core.events import AttemptSucceeded, ExecutionSubmitted, WorkflowRegistered
from engine.core.recovery import recover
from engine.core.store import ExecutionStore
from engine.stores import MemoryStore
from tests.engine.kinds import step
from tests.stores.conftest import Open
from tests.stores.test_contract import HOUR_NS

SECOND_NS = 10**9


class Teller:
    """Tells an engine of executions through a journal, without a host."""

    def __init__(self, store: ExecutionStore, **options: Any) -> None:
        self.store = store
        recovered = recover(store, store.acquire("e", "me", HOUR_NS), **options)
        self.engine, self.journal = recovered.engine, recovered.journal
        self.replayed_count = recovered.replayed_count

    def tell(self, *events: Any, now: int = 0) -> None:
        for event in events:
            self.engine.handle(event, now)
            self.journal.append(now, event)
        self.journal.commit(self.engine.executions())
        self.journal.settle(self.engine)

    def submit(self, *names: str, now: int = 0) -> None:
        self.tell(*(ExecutionSubmitted(name, "w", {}) for name in names), now=now)


def started(store: ExecutionStore, **options: Any) -> Teller:
    teller = Teller(store, **options)
    teller.tell(WorkflowRegistered(Workflow("w", (step("a"),))))
    return teller


def positions(store: ExecutionStore) -> list[int]:
    return [it.position for it in store.snapshots("e")]


def test_a_snapshot_is_saved_every_so_many_events_and_bounds_the_replay(opened: Open) -> None:
    store = opened()
    teller = started(store, snapshot_every=5)
    assert positions(store) == [0]
    for number in range(3):
        teller.submit(f"x{number}")
    assert positions(store) == [0]
    teller.submit("x3")
    assert positions(store) == [5, 0]
    for number in range(4, 20):
        teller.submit(f"x{number}")
    again = Teller(opened(), snapshot_every=5)
    assert again.replayed_count < 20
    assert again.replayed_count == teller.journal.position - positions(store)[0]
    assert again.engine.executions() == teller.engine.executions()


def test_a_large_engine_is_saved_less_often() -> None:
    """Saving must not cost more than the events do, so the interval grows with the state."""
    teller = started(MemoryStore(), snapshot_every=1)
    saved = []
    for number in range(200):
        teller.submit(f"x{number}")
        saved.append(positions(teller.store)[0])
    gaps = [after - before for before, after in pairwise(saved) if after != before]
    assert gaps == sorted(gaps)
    assert len(gaps) < 20


def test_events_before_the_last_snapshot_but_one_are_dropped(opened: Open) -> None:
    store = opened()
    teller = started(store, snapshot_every=1)
    for number in range(30):
        teller.submit(f"x{number}")
    newest, older = positions(store)
    assert store.engines()[0].first_position == older
    assert newest > older > 0


def test_a_process_that_never_lives_long_enough_still_saves(opened: Open) -> None:
    """The events since the last snapshot count, not those of this life."""
    started(opened(), snapshot_every=10)
    for number in range(12):
        Teller(opened(), snapshot_every=10).submit(f"x{number}")
    assert positions(opened())[0] >= 10


def test_rows_of_executions_that_ended_long_ago_are_dropped_with_a_snapshot(opened: Open) -> None:
    store = opened()
    teller = started(store, snapshot_every=10**6, keep_ended_ns=100 * SECOND_NS)
    teller.submit("old", "new")
    for now, name in ((1, "old"), (200, "new")):
        teller.tell(AttemptSucceeded(name, "a", 1, {}), now=now * SECOND_NS)
    assert [it.state for it in store.executions("e")] == ["completed", "completed"]
    teller.journal.save(teller.engine)
    assert [it.execution_id for it in store.executions("e")] == ["new"]


def test_only_what_has_moved_is_written_for_people() -> None:
    written: list[str] = []

    class Counting(MemoryStore):
        def append(self, lease: Any, position: int, entries: Any, executions: Any = ()) -> None:
            written.extend(f"{it.execution_id} {it.state}" for it in executions)
            super().append(lease, position, entries, executions)

    teller = started(Counting())
    teller.submit("x")
    teller.submit("y")
    assert written == ["x running", "y running"]
