"""The contract of every store."""

import time
from typing import Any

import pytest

from engine.core.errors import HistoryError, LeaseHeld, LeaseLost, NotTheEnd
from engine.core.events import AttemptSucceeded, ExecutionSubmitted
from engine.core.store import Entry, ExecutionStore, ExecutionSummary, Lease
from tests.stores.conftest import Open

HOUR_NS = 3_600 * 10**9


def entries(start: int, count: int) -> list[Entry]:
    return [
        (number, AttemptSucceeded("x", "a", number, {"n": number})) for number in range(start, start + count)
    ]


def filled(store: ExecutionStore, count: int = 10) -> Lease:
    lease = store.acquire("e", "me", HOUR_NS)
    store.append(lease, 0, entries(0, count))
    return lease


# -- events


def test_what_is_appended_is_read_back_in_order(opened: Open) -> None:
    store = opened()
    lease = store.acquire("e", "me", HOUR_NS)
    for position, count in ((0, 3), (3, 1), (4, 2_500)):
        store.append(lease, position, entries(position, count))
    assert list(opened().events("e")) == entries(0, 2_504)
    assert list(opened().events("e", 2_500)) == entries(2_500, 4)
    assert list(opened().events("e", 2_504)) == []


def test_an_engine_that_nobody_has_heard_of_has_no_events(store: ExecutionStore) -> None:
    assert list(store.events("e")) == []
    assert list(store.snapshots("e")) == []
    assert store.engines() == []


def test_logs_do_not_mix(store: ExecutionStore) -> None:
    filled(store)
    other = store.acquire("other", "me", HOUR_NS)
    store.append(other, 0, entries(5, 2))
    assert list(store.events("other")) == entries(5, 2)
    assert [(it.engine, it.position) for it in store.engines()] == [("e", 10), ("other", 2)]


@pytest.mark.parametrize("position", [0, 9, 11])
def test_events_that_do_not_follow_are_refused(store: ExecutionStore, position: int) -> None:
    lease = filled(store)
    with pytest.raises(NotTheEnd, match="10 events stored"):
        store.append(lease, position, entries(position, 1))
    assert list(store.events("e")) == entries(0, 10)


@pytest.mark.parametrize("outputs", [{"n": float("nan")}, {"n": object()}])
def test_what_is_not_json_is_refused_whole(store: ExecutionStore, outputs: dict[str, Any]) -> None:
    lease = filled(store)
    with pytest.raises(HistoryError, match="cannot be written as JSON"):
        store.append(lease, 10, [*entries(10, 1), (11, AttemptSucceeded("x", "a", 1, outputs))])
    assert len(list(store.events("e"))) == 10
    store.append(lease, 10, entries(10, 1))


@pytest.mark.parametrize(
    "name", ["ünï-☃-\U0001f600", "nul\0l", "half \ud800 a pair", "'; DROP TABLE events; --", "?"]
)
def test_any_text_is_kept(store: ExecutionStore, name: str) -> None:
    lease = store.acquire(name, name, HOUR_NS)
    event = ExecutionSubmitted(name, name, {name: name})
    summary = ExecutionSummary(name, name, "running", 0)
    store.append(lease, 0, [(0, event)], [summary])
    assert list(store.events(name)) == [(0, event)]
    assert len(store.executions(name)) == 1
    store.release(lease)


def test_a_position_that_the_log_does_not_hold_is_refused(store: ExecutionStore) -> None:
    filled(store)
    for position in (-1, 11):
        with pytest.raises(HistoryError, match=rf"has events 0 to 10 \(exclusive\), not {position}"):
            store.events("e", position)


# -- leases


def test_a_lease_that_is_held_is_not_given_away(opened: Open) -> None:
    opened().acquire("e", "me", HOUR_NS)
    with pytest.raises(LeaseHeld, match=r"'e' is run by 'me', whose lease lapses in 3[56]"):
        opened().acquire("e", "you", HOUR_NS)


def test_a_lease_that_was_given_back_is_free_and_good_for_nothing(store: ExecutionStore) -> None:
    lease = filled(store)
    store.release(lease)
    for write in writes(store, lease):
        with pytest.raises(LeaseLost, match=r"'me' no longer holds .*: it was released"):
            write()
    mine = store.acquire("e", "you", HOUR_NS)
    assert (mine.position, mine.token > lease.token) == (10, True)


def test_a_lease_that_was_taken_over_writes_nothing(opened: Open) -> None:
    """The old process slept past its time to live and does not know."""
    old = opened()
    lease = old.acquire("e", "me", 1)
    old.append(lease, 0, entries(0, 1))
    time.sleep(0.01)  # more than its nanosecond, by any clock
    successor = opened()
    new = successor.acquire("e", "you", HOUR_NS)
    successor.append(new, 1, entries(1, 1))
    for write in writes(old, lease):
        with pytest.raises(LeaseLost, match="'you' has taken it over"):
            write()
    assert list(opened().events("e")) == entries(0, 2)
    assert list(opened().snapshots("e")) == []


def test_a_lease_that_lapsed_unseen_may_still_write_and_so_keeps_it(opened: Open) -> None:
    """Clocks never decide who may write; the token does."""
    store = opened()
    lease = store.acquire("e", "me", 1)
    time.sleep(0.01)
    store.append(lease, 0, entries(0, 1))
    store.renew(lease)
    assert len(list(store.events("e"))) == 1


def test_the_same_holder_takes_over_from_itself_at_once(opened: Open) -> None:
    """A process that died and came back under its own name need not wait."""
    old = opened()
    lease = old.acquire("e", "me", HOUR_NS)
    new = opened().acquire("e", "me", HOUR_NS)
    assert new.token > lease.token
    with pytest.raises(LeaseLost):
        old.append(lease, 0, entries(0, 1))


@pytest.mark.parametrize(("holder", "ttl_ns"), [("", HOUR_NS), ("me", 0)])
def test_a_lease_that_nobody_could_hold_is_refused(store: ExecutionStore, holder: str, ttl_ns: int) -> None:
    with pytest.raises(LeaseHeld, match="a lease needs"):
        store.acquire("e", holder, ttl_ns)


def writes(store: ExecutionStore, lease: Lease) -> list[Any]:
    """Return every call that needs the lease."""
    return [
        lambda: store.append(lease, 10, entries(10, 1)),
        lambda: store.renew(lease),
        lambda: store.save_snapshot(lease, 0, "{}"),
        lambda: store.drop_before(lease, 0),
        lambda: store.forget_executions(lease, 1),
        lambda: store.release(lease),
    ]


# -- snapshots and retention


def test_the_newest_snapshots_are_kept_and_come_newest_first(opened: Open) -> None:
    store = opened()
    lease = filled(store)
    for position in (0, 4, 10, 7):
        store.save_snapshot(lease, position, f'{{"at":{position}}}')
    found = [(it.position, it.body, it.is_sound) for it in opened().snapshots("e")]
    assert found == [(10, '{"at":10}', True), (7, '{"at":7}', True)]
    store.save_snapshot(lease, 10, "again")
    assert next(opened().snapshots("e")).body == "again"


def test_events_before_a_snapshot_can_be_dropped(opened: Open) -> None:
    store = opened()
    lease = filled(store)
    store.save_snapshot(lease, 3, "{}")
    store.save_snapshot(lease, 6, "{}")
    assert store.drop_before(lease, 6) == 6
    assert store.drop_before(lease, 6) == 0
    assert [it.position for it in opened().snapshots("e")] == [6]
    assert list(opened().events("e", 6)) == entries(6, 4)
    assert list(opened().events("e", 8)) == entries(8, 2)
    with pytest.raises(HistoryError, match=r"has events 6 to 10 \(exclusive\), not 5"):
        store.events("e", 5)
    store.append(lease, 10, entries(10, 1))
    assert list(opened().events("e", 6)) == entries(6, 5)


def test_all_events_can_be_dropped_and_the_log_goes_on(opened: Open) -> None:
    store = opened()
    lease = filled(store)
    store.save_snapshot(lease, 10, "{}")
    assert store.drop_before(lease, 10) == 10
    store.append(lease, 10, entries(10, 1))
    assert list(opened().events("e", 10)) == entries(10, 1)


@pytest.mark.parametrize("position", [4, 10])
def test_events_that_are_still_needed_are_not_dropped(store: ExecutionStore, position: int) -> None:
    lease = filled(store)
    store.save_snapshot(lease, 3, "{}")
    with pytest.raises(NotTheEnd, match=f"no snapshot at {position}"):
        store.drop_before(lease, position)
    assert len(list(store.events("e"))) == 10


@pytest.mark.parametrize("position", [-1, 11])
def test_a_snapshot_of_what_is_not_stored_is_refused(store: ExecutionStore, position: int) -> None:
    lease = filled(store)
    with pytest.raises(HistoryError):
        store.save_snapshot(lease, position, "{}")


# -- executions, for people


def summary(name: str, state: str, submitted_ns: int, ended_ns: int = -1) -> ExecutionSummary:
    return ExecutionSummary(
        name, "w", state, submitted_ns, submitted_ns + 1, ended_ns, "Broken" if ended_ns > 0 else ""
    )


def test_executions_are_listed_the_last_submitted_first(opened: Open) -> None:
    store = opened()
    lease = store.acquire("e", "me", HOUR_NS)
    store.append(lease, 0, entries(0, 1), [summary("a", "running", 1), summary("b", "pending", 2)])
    store.append(lease, 1, entries(1, 1), [summary("a", "failed", 1, 9), summary("c", "running", 2)])
    listed = opened().executions("e")
    assert listed == [summary("b", "pending", 2), summary("c", "running", 2), summary("a", "failed", 1, 9)]
    assert opened().executions("e", "failed") == [summary("a", "failed", 1, 9)]
    assert opened().executions("e", count_max=1) == listed[:1]
    assert opened().executions("other") == []


def test_executions_that_ended_long_ago_are_forgotten(opened: Open) -> None:
    store = opened()
    lease = store.acquire("e", "me", HOUR_NS)
    kept = [summary("b", "completed", 1, 10), summary("c", "running", 0)]
    store.append(lease, 0, entries(0, 1), [summary("a", "completed", 2, 9), *kept])
    assert store.forget_executions(lease, 10) == 1
    assert opened().executions("e") == kept
