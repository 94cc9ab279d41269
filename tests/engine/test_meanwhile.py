"""What comes while something else is under way: crashes, stops and pauses at awkward instants."""

import pytest

from engine.core.definition import Branch, RetryPolicy, Rollback, Step, StepKind, Workflow
from engine.core.events import (
    CancelRequested,
    EmergencyStopRequested,
    EngineRecovered,
    ExecutionSubmitted,
    PauseRequested,
    ResumeRequested,
    StepOverridden,
    WorkflowRegistered,
)
from tests.engine.rig import HOPELESS, SECOND_NS, Rig, act, retrying


def test_an_attempt_is_started_again_with_the_parameters_that_it_had() -> None:
    rig = Rig(act("a", parameters={"target": "${target}"}), act("b", exports={"target": "name"}))
    rig.submit(target="old")
    rig.succeed("b", name="new")
    rig.running.clear()
    rig.tell(EngineRecovered())
    assert [(it.step_id, it.attempt, it.parameters) for it in rig.started[-1:]] == [
        ("a", 1, {"target": "old"})
    ]
    rig.succeed("a")
    assert rig.step("a").attempts[0].parameters is None


def test_an_emergency_stop_reaches_rollbacks_inside_of_what_has_ended() -> None:
    undo = Rollback("undo", retry=RetryPolicy(3))
    loop = Step("loop", StepKind.LOOP, items=(1, 2), steps=(act("a", rollback=undo),))
    rig = Rig(loop, act("b", "loop"), workflow={"compensate": True})
    rig.submit()
    rig.succeed("loop[0].a")
    rig.succeed("loop[1].a")
    rig.fail("b", failure=HOPELESS)
    assert rig.running_steps == ["loop[1].a"]
    rig.tell(EmergencyStopRequested("halt"))
    assert rig.running_steps == []
    assert rig.execution().state == "cancelled"
    assert [step_id for step_id, _ in rig.execution().rollback_failures] == ["loop[1].a"]


def test_a_twin_that_is_cancelled_has_nothing_to_undo() -> None:
    rig = Rig(act("a", rollback=Rollback("undo")), coalesce=("act",))
    rig.submit("x")
    rig.submit("y")
    assert rig.states("y") == {"a": "joined"}
    rig.tell(CancelRequested("y", "no more", compensate=True))
    assert rig.execution("y").state == "cancelled"
    assert [it.execution_id for it in rig.started] == ["x"]


def test_a_subflow_that_is_skipped_does_not_fail_when_its_time_is_out() -> None:
    rig = Rig(act("unused"))
    rig.tell(WorkflowRegistered(Workflow("inner", (act("i"),), timeout_ns=10 * SECOND_NS)))
    call = Step("call", StepKind.SUBFLOW, workflow="inner")
    rig.tell(WorkflowRegistered(Workflow("outer", (call, act("after", "call")))))
    rig.cleans_up = ["call/i"]
    rig.tell(ExecutionSubmitted("x", "outer", {}))
    rig.now = 5 * SECOND_NS
    rig.tell(StepOverridden("x", "call", "skip", "it does not matter"))
    rig.sleep()
    assert rig.now == 10 * SECOND_NS
    rig.stop("call/i", after_ns=SECOND_NS)
    assert rig.states() == {"call": "skipped", "call/i": "cancelled", "after": "running"}


def _asking() -> Rig:
    wait = Step(
        "w", StepKind.WAIT, fetch="look", condition="true", timeout_ns=10 * SECOND_NS, retry=retrying(9)
    )
    rig = Rig(wait)
    rig.submit()
    rig.now = 4 * SECOND_NS
    rig.tell(PauseRequested("x"))
    return rig


def test_a_pause_keeps_the_end_of_a_wait_from_its_attempt() -> None:
    rig = _asking()
    assert rig.engine.next_deadline() == rig.engine.limits.step_timeout_ns
    rig.now = 100 * SECOND_NS
    rig.tell(ResumeRequested("x"))
    assert rig.engine.next_deadline() == 106 * SECOND_NS  # six of the wait's ten seconds are left
    rig.sleep()
    failure = rig.step("w").failure
    assert failure is not None
    assert failure.reason == "ConditionTimeout"


def test_a_wait_is_not_given_up_in_a_pause() -> None:
    rig = _asking()
    rig.fail("w", after_ns=50 * SECOND_NS)
    assert rig.states() == {"w": "backing-off"}
    rig.tell(ResumeRequested("x"))
    rig.sleep()
    rig.succeed("w")
    assert rig.execution().state == "completed"


@pytest.mark.parametrize(("has_default", "state"), [(True, "running"), (False, "skipped")])
def test_a_decision_that_is_skipped_takes_no_branch_that_somebody_would_have_to_choose(
    has_default: bool,  # noqa: FBT001
    state: str,
) -> None:
    last = Branch(("down",), "" if has_default else "false")
    choose = Step("choose", StepKind.DECISION, ("first",), branches=(Branch(("up",), "true"), last))
    rig = Rig(act("first"), choose, act("up"), act("down"), act("after", "choose"))
    rig.submit()
    rig.tell(StepOverridden("x", "choose", "skip", "somebody knows better"))
    rig.succeed("first")
    states = rig.states()
    assert (states["up"], states["down"], states["after"]) == ("skipped", state, "running")
