"""Limits: admission, step slots, locks, queues, and who goes first."""

import pytest

from engine.core.definition import Step, StepKind, Workflow
from engine.core.errors import DefinitionError, ProtocolError
from engine.core.events import WorkflowRegistered
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from tests.engine.rig import SECOND_NS, Rig, act, retrying


def test_executions_wait_for_admission_in_order_of_priority_then_submission() -> None:
    rig = Rig(act("a"), max_concurrency=1)
    for name, priority in (("one", 0), ("two", 0), ("urgent", 9), ("three", 0)):
        rig.submit(name, priority)
    assert (rig.engine.active_count, rig.engine.queued_count) == (1, 3)
    assert rig.execution("two").steps == {}
    order = []
    while rig.running:
        execution_id = rig.running[0][0]
        order.append(execution_id)
        rig.succeed("a", execution_id, after_ns=1)
    assert order == ["one", "urgent", "two", "three"]
    assert rig.execution("three").admitted_ns == 3
    assert rig.engine.active_count_max == 1


def test_a_full_queue_refuses() -> None:
    rig = Rig(act("a"), max_concurrency=1, max_queue=1)
    for name in ("one", "two", "three"):
        rig.submit(name)
    facts = rig.execution("three")
    assert facts.failure is not None
    assert (facts.state, facts.failure.reason, rig.reported) == ("failed", "QueueFull", ["three"])
    assert rig.execution("two").state == "pending"


def test_step_slots_limit_attempts_over_all_executions() -> None:
    rig = Rig(act("a"), act("b"), step_slots=3)
    rig.submit("x")
    rig.submit("y")
    assert rig.running == [("x", "a", 1), ("x", "b", 1), ("y", "a", 1)]
    rig.succeed("b", after_ns=4)
    assert rig.running[-1] == ("y", "b", 1)
    attempt = rig.step("b", "y").attempts[0]
    assert (attempt.runnable_ns, attempt.locked_ns, attempt.started_ns) == (0, 0, 4)


def test_a_slot_is_free_during_back_off() -> None:
    rig = Rig(act("a", retry=retrying(2)), act("b"), step_slots=1)
    rig.submit()
    rig.fail("a")
    assert rig.running == [("x", "b", 1)]


def test_fifo_goes_by_time_then_submission_then_definition() -> None:
    rig = Rig(act("a"), act("b"), act("c", "a"), step_slots=2)
    rig.submit("x")
    rig.submit("y")
    rig.succeed("a", "x", after_ns=1)  # x's c has become runnable after y's a and b
    rig.succeed("b", "x")
    rig.succeed("a", "y")
    assert [key[:2] for key in rig.running] == [("y", "b"), ("x", "c")]


def test_critical_path_goes_by_the_longest_way_to_the_end() -> None:
    long_way = [act("long", expected_ns=1), act("after", "long", expected_ns=9 * SECOND_NS)]
    rig = Rig(
        act("first"),
        act("short", expected_ns=8 * SECOND_NS),
        *long_way,
        step_slots=1,
        dispatch="critical-path",
    )
    rig.submit()
    order = []
    while rig.running:
        order.append(rig.running_steps[0])
        rig.succeed(order[-1])
    assert order == ["long", "after", "short", "first"]


def test_a_lock_is_held_by_one_until_its_step_ends() -> None:
    rig = Rig(act("a", lock="target-${n}", retry=retrying(2)))
    for name, n in (("x", 1), ("y", 1), ("z", 2)):
        rig.submit(name, n=n)
    assert [key[0] for key in rig.running] == ["x", "z"]
    assert rig.engine.lock_holder("target-1") == ("x", "a")
    rig.fail("a", "x", after_ns=2)  # through the back-off too
    assert rig.engine.lock_holder("target-1") == ("x", "a")
    rig.sleep()
    rig.succeed("a", "x")
    assert rig.engine.lock_holder("target-1") == ("y", "a")
    attempt = rig.step("a", "y").attempts[0]
    assert (attempt.runnable_ns, attempt.locked_ns) == (0, SECOND_NS + 2)
    rig.succeed("a", "y")
    assert rig.engine.lock_holder("target-1") is None


def test_who_waits_for_a_lock_holds_no_slot() -> None:
    rig = Rig(act("a", lock="l"), act("b", lock="l"), act("c"), step_slots=2)
    rig.submit()
    assert rig.running_steps == ["a", "c"]
    rig.succeed("a")
    assert rig.running_steps == ["c", "b"]


def test_a_lock_passes_over_those_who_were_stopped() -> None:
    rig = Rig(act("a", lock="l"), act("b"))
    for name in ("x", "y", "z"):
        rig.submit(name)
    rig.fail("b", "y")
    rig.succeed("a", "x")
    assert rig.engine.lock_holder("l") == ("z", "a")


def test_a_lock_given_to_a_step_that_its_execution_loses_in_the_same_instant_goes_on() -> None:
    rig = Rig(act("a", lock="l"), act("b", lock="l"), act("c", lock="l"))
    rig.submit("x")
    rig.submit("y")
    rig.fail("a", "x")  # its release passes through x's own waiting steps, which end with it
    assert rig.engine.lock_holder("l") == ("y", "a")
    assert [key[:2] for key in rig.running] == [("y", "a")]


def test_totals_of_the_stations() -> None:
    rig = Rig(act("a"), max_concurrency=1, step_slots=1)
    rig.submit("x")
    rig.submit("y")
    rig.succeed("a", "x", after_ns=10)
    rig.succeed("a", "y", after_ns=10)
    totals = rig.engine.stations(30)
    for station in totals.values():
        assert (station.seats, station.arrivals_count, station.busy_ns) == (1, 2, 20)
    assert (totals["engine.executions"].wait_ns, totals["engine.executions"].queue_length_max) == (10, 1)
    assert totals["engine.steps"].wait_ns == 0


def test_a_workflow_of_too_many_steps_is_refused() -> None:
    engine = WorkflowEngine(Limits(max_steps_per_workflow=2))
    with pytest.raises(DefinitionError, match="has 3 steps; the engine's limit is 2"):
        engine.handle(WorkflowRegistered(Workflow("w", (act("a"), act("b"), act("c")))), 0)


def test_a_workflow_is_registered_once() -> None:
    rig = Rig(act("a"))
    rig.tell(WorkflowRegistered(Workflow("w", (act("a"),))))
    with pytest.raises(ProtocolError, match="and differs"):
        rig.tell(WorkflowRegistered(Workflow("w", (act("b"),))))
    assert rig.engine.workflow("w").steps == (act("a"),)


@pytest.mark.parametrize(
    "fields",
    [
        {"max_concurrency": 0},
        {"step_slots": 0},
        {"step_timeout_ns": 0},
        {"execution_timeout_ns": -1},
        {"dispatch": "random"},
        {"max_queue": -1},
        {"max_steps_per_workflow": 0},
    ],
)
def test_limits_under_which_nothing_runs_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(DefinitionError, match="limits"):
        Limits(**fields)  # type: ignore[arg-type] # that is the point


def test_only_what_has_ended_can_be_forgotten() -> None:
    rig = Rig(act("a"))
    rig.submit()
    with pytest.raises(ProtocolError, match="has not ended"):
        rig.engine.forget("x")
    rig.succeed("a")
    rig.engine.forget("x")
    assert rig.engine.executions() == ()
    with pytest.raises(ProtocolError, match="no such execution"):
        rig.engine.execution("x")


def test_stale_deadlines_are_swept_out() -> None:
    rig = Rig(act("a"))
    for number in range(2_000):
        rig.submit(f"x{number}")
        rig.succeed("a", f"x{number}", after_ns=1)
    assert rig.engine.deadlines_count < 200
    assert rig.engine.next_deadline() is None


def test_deadlines_of_what_was_stopped_are_swept_out_too() -> None:
    rig = Rig(act("fails"), *(act(f"stopped{n}") for n in range(5)))
    for number in range(2_000):
        rig.submit(f"x{number}")
        rig.fail("fails", f"x{number}", after_ns=1)
    assert rig.engine.deadlines_count < 400


def test_a_wait_needs_no_slot_but_its_execution_does() -> None:
    rig = Rig(Step("w", StepKind.WAIT, wait_ns=5), max_concurrency=1)
    rig.submit("x")
    rig.submit("y")
    rig.sleep()
    rig.sleep()
    assert (rig.now, rig.execution("y").admitted_ns) == (10, 5)
