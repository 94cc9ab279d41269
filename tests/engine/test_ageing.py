"""Priorities, of executions and of steps, and that with ageing nobody starves."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.definition import Workflow
from engine.core.errors import ProtocolError
from engine.core.events import AttemptSucceeded, ExecutionSubmitted, WorkflowRegistered
from engine.core.identifiers import EndedIds
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from tests.engine.rig import Rig, act


def order_of_starts(rig: Rig) -> list[str]:
    while rig.running:
        rig.succeed(rig.running[0][1], rig.running[0][0], after_ns=1)
    return [command.execution_id for command in rig.started]


def test_a_free_slot_goes_to_the_highest_priority() -> None:
    rig = Rig(act("a"), step_slots=1)
    for name, priority in (("one", 0), ("low", 1), ("urgent", 9), ("two", 0)):
        rig.submit(name, priority)
    assert order_of_starts(rig) == ["one", "urgent", "low", "two"]


def test_engines_of_version_1_dispatched_without_regard_to_priority() -> None:
    engine = WorkflowEngine(Limits(step_slots=1), 1)
    engine.handle(WorkflowRegistered(Workflow("w", (act("a"),))), 0)
    for name, priority in (("one", 0), ("two", 0), ("urgent", 9)):
        engine.handle(ExecutionSubmitted(name, "w", {}, priority), 0)
    commands = engine.handle(AttemptSucceeded("one", "a", 1, {}), 1)
    assert "two" in {command.execution_id for command in commands}
    assert "urgent" not in {command.execution_id for command in commands}


@pytest.mark.parametrize("limit", [{"max_concurrency": 1}, {"step_slots": 1}])
def test_with_ageing_a_level_of_priority_is_worth_so_much_waiting(limit: dict[str, Any]) -> None:
    rig = Rig(act("a"), ageing_ns=10, **limit)
    rig.submit("running")
    rig.submit("old")
    rig.now = 19
    rig.submit("urgent", 2)  # has waited 19 less, which is less than two levels
    rig.now = 21
    rig.submit("later", 2)  # 21 are more
    assert order_of_starts(rig) == ["running", "urgent", "old", "later"]


def test_on_the_critical_path_a_longer_way_to_the_end_is_worth_its_length() -> None:
    rig = Rig(act("short", expected_ns=1), step_slots=1, dispatch="critical-path", ageing_ns=10)
    rig.tell(WorkflowRegistered(Workflow("long", (act("long", expected_ns=51),))))
    rig.submit("running")
    rig.submit("first")
    for now, name in ((49, "before"), (51, "after")):  # 50 longer than what has waited since 0
        rig.now = now
        rig.tell(ExecutionSubmitted(name, "long", {}))
    assert order_of_starts(rig) == ["running", "before", "first", "after"]


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_nobody_is_passed_by_whoever_comes_later_than_their_priority_is_worth(data: st.DataObject) -> None:
    """The bound: later by more than the difference in priority (and in remaining path) means after."""
    ageing_ns = data.draw(st.integers(1, 20))
    dispatch = data.draw(st.sampled_from(["fifo", "critical-path"]))
    one: dict[str, Any] = {data.draw(st.sampled_from(["max_concurrency", "step_slots"])): 1}
    rig = Rig(act("a", expected_ns=7), ageing_ns=ageing_ns, dispatch=dispatch, **one)
    rig.submit("first")
    came: dict[str, tuple[int, int]] = {"first": (0, 0)}
    for number in range(data.draw(st.integers(1, 12))):
        rig.now += data.draw(st.integers(0, 30))
        priority = data.draw(st.integers(0, 3))
        rig.submit(f"x{number}", priority)
        came[f"x{number}"] = (rig.now, priority)
        if data.draw(st.booleans()):
            rig.succeed("a", rig.running[0][0])
        if not rig.running:
            break
    order = order_of_starts(rig)
    assert sorted(order) == sorted(came)
    for position, early in enumerate(order):
        for late in order[:position]:  # went before `early`
            later_by = came[late][0] - came[early][0]
            assert later_by <= max(0, came[late][1] - came[early][1]) * ageing_ns


@given(st.lists(st.integers(0, 9), max_size=12))
def test_within_a_priority_it_is_first_come_first_served(priorities: list[int]) -> None:
    for limit in ("max_concurrency", "step_slots"):
        one: dict[str, Any] = {limit: 1}
        rig = Rig(act("a"), **one)
        rig.submit("first", 9)
        for number, priority in enumerate(priorities):
            rig.submit(f"{priority}-{number:02}", priority)
        order = order_of_starts(rig)[1:]
        assert order == sorted(order, key=lambda name: (-int(name[0]), name))


def test_an_id_cannot_be_used_again_when_its_execution_is_forgotten() -> None:
    rig = Rig(act("a"), ids_remembered=2)
    for number in range(3):
        rig.submit(f"x{number}")
        rig.succeed("a", f"x{number}")
        rig.engine.forget(f"x{number}")
    for taken in ("x1", "x2"):
        with pytest.raises(ProtocolError, match=f"execution id '{taken}' is taken"):
            rig.submit(taken)
    rig.submit("x0")  # two have ended since: it is no longer remembered


def test_an_id_that_was_refused_is_used_too() -> None:
    rig = Rig(act("a"), max_concurrency=1, max_queue=0)
    rig.submit("x")
    rig.submit("y")
    rig.engine.forget("y")
    with pytest.raises(ProtocolError, match="is taken"):
        rig.submit("y")


@given(st.integers(0, 5), st.lists(st.integers(0, 9)))
def test_the_last_ids_that_ended_are_remembered_and_no_others(count_max: int, numbers: list[int]) -> None:
    ids = EndedIds(count_max)
    kept: list[str] = []
    for number in numbers:
        name = str(number)
        ids.add(name)
        if name not in kept:
            kept = [*kept, name][-count_max:] if count_max else []
        assert [str(n) for n in range(10) if str(n) in ids] == sorted(kept)
        assert len(ids) == len(kept)
