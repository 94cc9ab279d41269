"""Snapshots: an engine that was written and read back goes on as if nothing had been."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.commands import ReportExecution
from engine.core.definition import RetryPolicy, Step, StepKind, Workflow
from engine.core.errors import HistoryError
from engine.core.events import EngineRecovered, ExecutionSubmitted, WorkflowRegistered
from engine.core.history import History
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from engine.core.snapshot import limits_of, restore_snapshot, take_snapshot
from tests.engine.random_control import Story
from tests.engine.rig import act
from tests.engine.test_gates import levels, limits, play
from tests.engine.test_history import GOLDEN
from tests.oracles.heap_agenda import HeapAgenda
from tests.oracles.world import run


def again(engine: WorkflowEngine, limits: Limits | None = None) -> WorkflowEngine:
    """Return the engine as it comes back from a file."""
    return restore_snapshot(json.loads(json.dumps(take_snapshot(engine))), limits)


def follow(history: History, limits: Limits, *, forgets: bool, every: int = 1) -> None:
    """Replay a history twice: as it is, and with the engine restored from a snapshot at every event.

    With `every`, at each so many-th: a long history would be followed for minutes.
    """
    plain, restored = WorkflowEngine(limits), WorkflowEngine(limits)
    for number, (now, event) in enumerate(history):
        if number % every == 0:
            restored = again(restored)
        commands = plain.handle(event, now)
        assert restored.handle(event, now) == commands
        assert restored.next_deadline() == plain.next_deadline()
        for command in commands:
            if forgets and isinstance(command, ReportExecution):
                plain.forget(command.execution_id)
                restored.forget(command.execution_id)
    assert restored.executions() == plain.executions()
    assert restored.stations(10**12) == plain.stations(10**12)
    assert take_snapshot(again(restored)) == take_snapshot(restored)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), tying=st.booleans(), forgets=st.booleans())
def test_a_snapshot_at_every_event_changes_nothing(seed: int, *, tying: bool, forgets: bool) -> None:
    host = run(HeapAgenda(), seed, tying=tying).host
    follow(host.history, host.engine.limits, forgets=forgets)


@settings(deadline=None, max_examples=25)
@given(data=st.data(), steps=levels(), fields=limits(), forgets=st.booleans())
def test_nor_does_one_under_any_limits(
    data: st.DataObject, steps: tuple[Step, ...], fields: dict[str, Any], *, forgets: bool
) -> None:
    """Locks, semaphores, rates, twins, capacity, ageing: all of what waits for them is in the snapshot."""
    follow(play(data, steps, fields).history, Limits(**fields), forgets=forgets)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**9), every=st.sampled_from([1, 5, 11]), forgets=st.booleans())
def test_nor_does_one_of_loops_subflows_pauses_and_cancellations(
    seed: int, every: int, *, forgets: bool
) -> None:
    """Random nested workflows under random hands, stopped, drained, and recovered in between."""
    rig = Story(seed, events_max=60).rig
    follow(rig.history, rig.engine.limits, forgets=forgets, every=every)


def busy(limits: Limits) -> WorkflowEngine:
    """Return an engine with one execution that runs and two that wait."""
    engine = WorkflowEngine(limits)
    engine.handle(WorkflowRegistered(Workflow("w", (act("a"), act("b", "a")))), 0)
    for name in ("x", "y", "z"):
        engine.handle(ExecutionSubmitted(name, "w", {"n": [float("inf"), {"deep": (1, 2)}]}), 5)
    return engine


def test_other_limits_hold_from_the_restart_on() -> None:
    engine = busy(Limits(max_concurrency=1))
    wider = again(engine, Limits(max_concurrency=3))
    assert (wider.active_count, wider.queued_count) == (1, 2)
    wider.handle(WorkflowRegistered(Workflow("v", (act("a"),))), 6)
    assert (wider.active_count, wider.queued_count) == (3, 0)
    assert limits_of(take_snapshot(wider)) == Limits(max_concurrency=3)


def test_a_snapshot_tells_its_limits() -> None:
    limits = Limits(max_concurrency=1, dispatch="critical-path")
    assert limits_of(take_snapshot(busy(limits))) == limits


def test_what_is_shared_stays_shared() -> None:
    """The facts in queues, deadlines and look-ups are the same objects, not copies."""
    engine = again(busy(Limits()))
    execution = engine.execution("x")
    assert execution.steps["a"] is execution.root.steps[0]
    assert execution.plan.workflow is engine.workflow("w")


def test_what_definitions_share_in_one_process_need_not_be_shared_in_the_next() -> None:
    """One policy and one set of parameters in many steps: read from a file, each step has its own."""
    policy, parameters = RetryPolicy(3), {"n": ["${n}", {"deep": 1}]}
    steps = [Step(f"s{n}", action="act", retry=policy, parameters=parameters) for n in range(4)]
    inside = [act(f"in{n}", retry=policy, parameters=parameters) for n in range(2)]
    steps.append(Step("each", StepKind.LOOP, items=(1, 2), steps=tuple(inside)))
    engine = WorkflowEngine(Limits())
    engine.handle(WorkflowRegistered(Workflow("w", tuple(steps))), 0)
    engine.handle(ExecutionSubmitted("x", "w", {"n": 1}), 0)
    restored = again(engine)  # the first: its engine still has what its definitions shared
    commands = engine.handle(EngineRecovered(), 1)
    assert len(commands) == 6
    assert restored.handle(EngineRecovered(), 1) == commands


def test_snapshots_of_the_first_version_are_read() -> None:
    """One that its code wrote in the middle of a golden history, with deadlines: the rest follows alike."""
    golden = json.loads((GOLDEN / "snapshot-1.json").read_text())
    lines = (GOLDEN / f"{golden['history']}.jsonl").read_text().splitlines()
    entries = list(History.from_lines(lines))
    restored = restore_snapshot(golden["snapshot"])
    plain = WorkflowEngine(limits_of(golden["snapshot"]))
    for now, event in entries[: golden["events"]]:
        plain.handle(event, now)
    assert restored.next_deadline() == plain.next_deadline() is not None
    for now, event in entries[golden["events"] :]:
        assert restored.handle(event, now) == plain.handle(event, now)
        assert restored.next_deadline() == plain.next_deadline()
    assert restored.executions() == plain.executions()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"snapshot": 99}, "version 99"),
        ({"objects": []}, None),
        ({"objects": [["@", [], {"_now": ["?", 1]}]]}, r"holds '\?'"),
        ({"objects": [["@", [], {"_now": ["r", 7]}]]}, "not a snapshot"),
        ({"objects": [["o", "Nobody"]]}, "0 classes of that name"),
        ({"objects": [["@", ["__class__"], {"handle": 1}]]}, "'__class__', which is no part"),
        (
            {"objects": [["@", ["handle", "__globals__"], None, "plans", 1]]},
            "'__globals__', which is no part",
        ),
        ({"objects": [["@", [], {"_now": ["a", "__init__"]}]]}, "'__init__', which is no part"),
        ({"objects": [["@", [], {"handle": 1}]]}, "a field 'handle' that it cannot have"),
        ({"classes": {}}, "not a snapshot"),
        ({"workflows": [{"name": "w"}]}, "workflows cannot be"),
    ],
)
def test_a_damaged_snapshot_is_refused(damage: dict[str, Any], message: str | None) -> None:
    document = json.loads(json.dumps(take_snapshot(busy(Limits())))) | damage
    if message is None:  # nothing differs from an engine that has seen nothing
        assert restore_snapshot(document).executions() == ()
        return
    with pytest.raises(HistoryError, match=message):
        restore_snapshot(document)


def test_a_field_that_is_new_starts_with_its_default_and_one_that_is_unknown_is_refused() -> None:
    document = json.loads(json.dumps(take_snapshot(busy(Limits()))))
    fields = document["classes"]["ExecutionFacts"]
    place = fields.index("progress_gap_ns_max")
    for written in (entry for entry in document["objects"] if entry[:2] == ["o", "ExecutionFacts"]):
        del written[2 + place]
    older = document | {
        "classes": document["classes"] | {"ExecutionFacts": fields[:place] + fields[place + 1 :]}
    }
    assert restore_snapshot(older).execution("x").progress_gap_ns_max == 0
    fields[0] = "brand_new"
    with pytest.raises(HistoryError, match="'brand_new' that this version does not know"):
        restore_snapshot(older | {"classes": document["classes"] | {"ExecutionFacts": fields[:-1]}})
