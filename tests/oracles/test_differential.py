"""Agenda and driver against a plain heap that wakes the engine itself: byte-identical histories and rows."""

from collections.abc import Callable

import pytest

from engine.core.history import History, replay
from simulator.agenda import Agenda
from tests.oracles.heap_agenda import HeapAgenda
from tests.oracles.plain_simpy import PlainSimPy, SteppedAgenda
from tests.oracles.world import World, run

SEEDS = range(200)


@pytest.mark.parametrize("tying", [False, True], ids=["continuous", "tying"])
def test_both_agendas_give_the_same_bytes(*, tying: bool) -> None:
    for seed in SEEDS:
        heap, agenda = run(HeapAgenda(), seed, tying=tying), run(Agenda(), seed, tying=tying)
        assert heap.history == agenda.history, seed
        assert heap.rows == agenda.rows, seed


@pytest.mark.parametrize("tying", [False, True], ids=["continuous", "tying"])
@pytest.mark.parametrize("make", [PlainSimPy, SteppedAgenda, Agenda])
@pytest.mark.parametrize("until", [None, 12_000_000], ids=["to the end", "cut off"])
def test_simpys_own_loop_gives_them_too(
    make: Callable[[], PlainSimPy | Agenda], until: int | None, *, tying: bool
) -> None:
    """`simpy.Environment.run` as it comes, to the end or until an event that has been made."""
    for seed in SEEDS[::5]:
        agenda = make()
        event = None if until is None else agenda.timeout(until)
        ours, heap = (
            run(agenda, seed, tying=tying, until=event),
            run(HeapAgenda(), seed, tying=tying, until=until),
        )
        assert heap.history == ours.history, seed
        assert heap.rows == ours.rows, seed


def test_the_workflows_reach_what_they_are_meant_to() -> None:
    """The comparison proves little if the random workflows do little."""
    worlds = [run(HeapAgenda(), seed, tying=seed % 2 == 0) for seed in SEEDS]
    assert {"completed", "failed"} <= _words(worlds, "execution", "state")
    states = {"completed", "failed", "skipped", "omitted", "cancelled"}
    assert states <= _words(worlds, "step", "state")
    assert {"succeeded", "failed", "cancelled"} <= _words(worlds, "attempt", "outcome")
    reasons = {text.split(":")[0] for text in _words(worlds, "execution", "failure")}
    wanted = {"Timeout", "ExecutionTimeout", "NotFound", "ConditionError", "InvalidParameters", "QueueFull"}
    assert wanted | {"UnknownVariable", "InternalError"} <= reasons


def test_replay_gives_back_every_execution_as_it_was() -> None:
    for seed in SEEDS[::4]:
        world = run(HeapAgenda(), seed, tying=seed % 8 == 0)
        stored = History.from_lines(world.history.splitlines())
        engine = replay(stored, world.host.engine.limits)
        assert stored.digest == world.host.history.digest
        for facts in world.ended:
            assert engine.execution(facts.execution_id) == facts


def _words(worlds: list[World], row_type: str, field: str) -> set[str]:
    rows = (row for world in worlds for row in world.rows if row["type"] == row_type)
    return {str(dict(row)[field]) for row in rows}
