"""Retries, timeouts, and what a failure does to the rest of its execution."""

import pytest

from engine.core.definition import Step, StepKind
from engine.core.errors import ProtocolError
from engine.core.events import ConditionEvaluated, DeadlineReached, ExecutionSubmitted
from tests.engine.rig import HOPELESS, SECOND_NS, Rig, act, group, retrying

KIND = StepKind


def test_a_failed_attempt_is_tried_again_after_its_back_off() -> None:
    rig = Rig(act("a", retry=retrying(3)))
    rig.submit()
    rig.fail("a", after_ns=10)
    assert rig.states() == {"a": "backing-off"}
    assert rig.engine.next_deadline() == SECOND_NS + 10
    rig.sleep()
    rig.fail("a")
    rig.sleep()
    assert rig.now == 3 * SECOND_NS + 10
    assert [command.attempt for command in rig.started] == [1, 2, 3]
    rig.succeed("a")
    attempts = rig.step("a").attempts
    assert [attempt.outcome for attempt in attempts] == ["failed", "failed", "succeeded"]
    assert [attempt.runnable_ns for attempt in attempts] == [0, SECOND_NS + 10, 3 * SECOND_NS + 10]
    assert rig.execution().state == "completed"


def test_the_last_failed_attempt_fails_the_step_and_its_execution() -> None:
    rig = Rig(act("a", retry=retrying(2)), act("b", "a"))
    rig.submit()
    rig.fail("a")
    rig.sleep()
    rig.fail("a")
    facts = rig.execution()
    assert facts.failure is not None
    assert (facts.state, facts.failure.reason, facts.last_step) == ("failed", "Broken", "a")
    assert rig.states() == {"a": "failed", "b": "omitted"}
    assert rig.engine.next_deadline() is None


def test_what_no_retry_can_help_is_not_tried_again() -> None:
    rig = Rig(act("a", retry=retrying(5)))
    rig.submit()
    rig.fail("a", failure=HOPELESS)
    assert rig.execution().state == "failed"


def test_a_back_off_of_nothing_still_is_a_deadline_of_that_instant() -> None:
    rig = Rig(act("a", retry=retrying(2, delay_ns=0)))
    rig.submit()
    rig.fail("a", after_ns=7)
    assert rig.engine.next_deadline() == 7
    rig.sleep()
    assert rig.running == [("x", "a", 2)]


def test_an_attempt_that_exceeds_its_time_is_cancelled_and_counts_as_failed() -> None:
    rig = Rig(act("a", timeout_ns=5, retry=retrying(2)))
    rig.submit()
    rig.sleep()
    assert (rig.now, [command.attempt for command in rig.cancelled]) == (5, [1])
    attempt = rig.step("a").attempts[0]
    assert attempt.failure is not None
    assert (attempt.outcome, attempt.failure.reason, attempt.ended_ns) == ("failed", "Timeout", 5)
    rig.sleep()
    assert rig.running == [("x", "a", 2)]


def test_the_engine_has_a_time_for_attempts_that_name_none() -> None:
    rig = Rig(act("a"), step_timeout_ns=9)
    rig.submit()
    rig.sleep()
    assert (rig.now, rig.execution().state) == (9, "failed")


def test_an_attempt_that_ends_in_time_leaves_no_deadline() -> None:
    rig = Rig(act("a"), act("b", "a"))
    rig.submit()
    rig.succeed("a", after_ns=SECOND_NS)
    assert rig.engine.next_deadline() == 601 * SECOND_NS


def test_a_failure_stops_everything_else_of_its_execution_at_once() -> None:
    rig = Rig(
        act("fails"),
        act("runs"),
        act("backs-off", retry=retrying(2)),
        Step("waits", KIND.WAIT, wait_ns=SECOND_NS),
        group("g", KIND.SEQUENTIAL, act("in-group"), act("in-group-later")),
        act("later", "runs"),
    )
    rig.submit("other")
    rig.submit()
    rig.fail("backs-off")
    rig.fail("fails", after_ns=3)
    assert rig.states() == {
        "fails": "failed",
        "runs": "cancelled",
        "backs-off": "cancelled",
        "waits": "cancelled",
        "g": "cancelled",
        "in-group": "cancelled",
        "in-group-later": "omitted",
        "later": "omitted",
    }
    assert [command.step_id for command in rig.cancelled] == ["runs", "in-group"]
    assert all(command.execution_id == "x" for command in rig.cancelled)
    assert rig.step("runs").ended_ns == 3
    assert rig.step("later").ended_ns == -1
    assert rig.execution("other").state == "running"


def test_a_failing_child_fails_its_groups() -> None:
    rig = Rig(group("g", KIND.PARALLEL, group("h", KIND.SEQUENTIAL, act("x")), act("y")))
    rig.submit()
    rig.fail("x")
    assert rig.states() == {"g": "failed", "h": "failed", "x": "failed", "y": "cancelled"}
    assert (rig.step("g").ended_by, rig.step("h").ended_by) == ("h", "x")
    assert rig.execution().last_step == "x"


def test_steps_that_wait_for_a_slot_or_a_lock_are_omitted() -> None:
    rig = Rig(act("a", lock="l"), act("b", lock="l"), act("c"), step_slots=1)
    rig.submit()
    assert rig.states() == {"a": "running", "b": "locking", "c": "queued"}
    rig.fail("a")
    assert rig.states() == {"a": "failed", "b": "omitted", "c": "omitted"}
    assert rig.engine.lock_holder("l") is None
    rig.submit("y")
    assert rig.running == [("y", "a", 1)]


def test_a_step_queued_for_another_attempt_is_cancelled() -> None:
    rig = Rig(act("a", retry=retrying(2)), act("b"), act("c"), step_slots=2)
    rig.submit()
    rig.fail("a")
    rig.sleep()
    assert rig.states()["a"] == "queued"
    rig.fail("b")
    assert rig.states() == {"a": "cancelled", "b": "failed", "c": "cancelled"}


def test_an_execution_that_exceeds_its_time_fails() -> None:
    rig = Rig(act("a"), act("b", "a"), timeout_ns=8, max_concurrency=1)
    rig.submit()
    rig.submit("y")
    rig.succeed("a", after_ns=6)
    rig.sleep()
    facts = rig.execution()
    assert facts.failure is not None
    assert (rig.now, facts.state, facts.failure.reason) == (8, "failed", "ExecutionTimeout")
    assert (facts.last_step, rig.states()) == ("b", {"a": "completed", "b": "cancelled"})
    assert rig.running == [("y", "a", 1)]
    assert rig.engine.next_deadline() == 16  # y's time runs from its admission


def test_the_engine_has_a_time_for_executions_whose_workflow_names_none() -> None:
    rig = Rig(act("a"), execution_timeout_ns=4)
    rig.submit()
    rig.sleep()
    assert (rig.now, rig.execution().state) == (4, "failed")


@pytest.mark.parametrize("fields", [{"parameters": {"x": "${absent}"}}, {"lock": "${absent.name}"}])
@pytest.mark.parametrize("step_slots", [None, 1])
def test_an_unknown_variable_fails_the_step(fields: dict[str, object], step_slots: int | None) -> None:
    rig = Rig(act("a", retry=retrying(3), **fields), step_slots=step_slots)
    rig.submit(present=1)
    facts = rig.execution()
    assert facts.failure is not None
    assert (facts.state, facts.failure.reason) == ("failed", "UnknownVariable")
    assert "it has present" in facts.failure.message
    assert not rig.started


def test_what_fails_in_the_instant_of_its_start_is_never_asked_for() -> None:
    """An attempt that the same event starts and cancels is not shown to the world."""
    rig = Rig(act("a"), act("b", "a"), act("c", "a", parameters={"x": "${absent}"}))
    rig.submit()
    rig.succeed("a")
    assert [command.step_id for command in rig.started] == ["a"]
    assert not rig.cancelled
    assert rig.states() == {"a": "completed", "b": "cancelled", "c": "failed"}


def test_deadlines_of_one_instant_are_followed_in_order_of_arming() -> None:
    """The attempt whose time is out may clean up; what else is due then is followed first."""
    rig = Rig(act("a", timeout_ns=5), Step("w", KIND.WAIT, wait_ns=5), act("b", "w"))
    rig.submit()
    rig.sleep()
    assert rig.states() == {"a": "failed", "w": "completed", "b": "cancelled"}


def test_each_deadline_of_an_instant_is_followed_through_before_the_next() -> None:
    rig = Rig(Step("w", KIND.WAIT, wait_ns=5), act("a", timeout_ns=5), act("b", "w"))
    rig.submit()
    rig.sleep()
    assert rig.states() == {"w": "completed", "a": "failed", "b": "cancelled"}


def test_a_deadline_that_has_not_come_is_refused() -> None:
    rig = Rig(act("a"))
    rig.submit()
    with pytest.raises(ProtocolError, match="no deadline is due"):
        rig.tell(DeadlineReached())


def test_time_does_not_go_back() -> None:
    rig = Rig(act("a"))
    rig.now = 5
    rig.submit()
    rig.now = 4
    with pytest.raises(ProtocolError, match="went back"):
        rig.submit("y")


def test_an_answer_that_nobody_asked_for_is_refused() -> None:
    rig = Rig(act("a"))
    rig.submit()
    with pytest.raises(ProtocolError, match="awaits no condition"):
        rig.tell(ConditionEvaluated("x", "a", outcome=True))


def test_ids_are_unique_and_workflows_known() -> None:
    rig = Rig(act("a"))
    rig.submit()
    with pytest.raises(ProtocolError, match="is taken"):
        rig.submit()
    with pytest.raises(ProtocolError, match="no such workflow"):
        rig.tell(ExecutionSubmitted("y", "absent", {}))
    with pytest.raises(ProtocolError, match="not an event"):
        rig.tell("something")  # type: ignore[arg-type] # that is the point
