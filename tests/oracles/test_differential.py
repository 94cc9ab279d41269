"""SimPy's agenda against the plain heap: 200 random workflows, byte-identical histories and rows."""

import pytest

from engine.core.history import History, replay
from simulator.agenda import Agenda
from tests.oracles.heap_agenda import HeapAgenda
from tests.oracles.world import World, run

SEEDS = range(200)


@pytest.mark.parametrize("tying", [False, True], ids=["continuous", "tying"])
def test_both_agendas_give_the_same_bytes(*, tying: bool) -> None:
    for seed in SEEDS:
        heap, simpy = run(HeapAgenda(), seed, tying=tying), run(Agenda(), seed, tying=tying)
        assert heap.history == simpy.history, seed
        assert heap.rows == simpy.rows, seed


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
