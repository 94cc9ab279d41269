"""The engine leaves no cycles, and the collector of cycles is set where it runs, not where it is measured."""

import gc
from collections.abc import Iterator

import pytest

from engine.cel import CelConditions
from engine.core import collector
from engine.core.commands import ReportExecution
from engine.core.durable_host import DurableHost
from engine.core.journal import StoreJournal
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from engine.stores.memory import MemoryStore
from tests.engine.random_control import Story


@pytest.fixture(autouse=True)
def _thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def cycles_left_by(story: Story) -> int:
    """Replay a story in an engine that forgets what has ended; return what only a search finds."""
    history, limits = story.rig.history, story.rig.engine.limits
    engine = WorkflowEngine(limits)
    gc.collect()
    with collector.at_rest():
        forgotten = 0
        for now, event in history:
            for command in engine.handle(event, now):
                if isinstance(command, ReportExecution):
                    engine.forget(command.execution_id)
                    forgotten += 1
        del now, event
        assert forgotten
        assert not engine.executions()
        return gc.collect()


@pytest.mark.parametrize("seed", range(60))
def test_executions_that_are_forgotten_leave_no_cycles(seed: int) -> None:
    """Loops, subflows, groups, pauses, cancellations, rollbacks, signals: all by their reference counts."""
    story = Story(seed)
    assert cycles_left_by(story) == 0


def host() -> DurableHost:
    store = MemoryStore()
    lease = store.acquire("engine", holder="one", ttl_ns=10**12)
    journal = StoreJournal(store, lease, 0)
    return DurableHost(
        WorkflowEngine(Limits()), {}, CelConditions(), lambda: 0, lambda _row: None, journal=journal
    )


def test_a_durable_host_lets_the_collector_look_seldom_until_it_is_closed() -> None:
    one = host()
    assert gc.get_threshold() == (700, 10, 10)
    one.take_up()
    assert gc.get_threshold() == (collector.YOUNG_MAX, 10, 10)
    one.close()
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("chosen", [(0, 10, 10), (2_000_000, 5, 5)])
def test_whoever_has_set_the_collector_to_look_more_seldom_is_left_alone(
    chosen: tuple[int, int, int],
) -> None:
    gc.set_threshold(*chosen)
    one = host()
    one.take_up()
    assert gc.get_threshold() == chosen
    one.close()
    assert gc.get_threshold() == chosen


def test_what_was_set_meanwhile_stays() -> None:
    one = host()
    one.take_up()
    gc.set_threshold(5_000, 10, 10)
    one.close()
    assert gc.get_threshold() == (5_000, 10, 10)


@pytest.mark.parametrize("is_on", [True, False])
def test_at_rest_gives_back_what_it_found(*, is_on: bool) -> None:
    (gc.enable if is_on else gc.disable)()
    try:
        with collector.at_rest():
            assert not gc.isenabled()
        assert gc.isenabled() is is_on
    finally:
        gc.enable()
