"""What people ask of a running engine, in every state it may be in."""

from typing import Any

import pytest

from engine.core.definition import Rollback, Step, StepKind
from engine.core.errors import ProtocolError
from engine.core.events import (
    CancelRequested,
    DrainRequested,
    EmergencyStopRequested,
    EngineRecovered,
    PauseRequested,
    ReopenRequested,
    ResumeRequested,
    SignalReceived,
    StepOverridden,
)
from tests.engine.rig import SECOND_NS, Rig, act, group, retrying

KIND = StepKind
CONTINUE = {"on_step_failure": "continue"}


def wait(step_id: str, *needs: str, **fields: Any) -> Step:
    return Step(step_id, KIND.WAIT, needs=needs, **fields)


def signal(rig: Rig, name: str, **payload: Any) -> None:
    rig.tell(SignalReceived("x", name, payload))


def override(rig: Rig, step_id: str, how: Any) -> None:
    rig.tell(StepOverridden("x", step_id, how, "because"))


# -- signals and waits


def test_a_signal_ends_a_wait_with_its_payload() -> None:
    rig = Rig(wait("w", signal="go"), act("a", "w", parameters={"by": "${steps.w.outputs.by}"}))
    rig.submit()
    assert rig.states()["w"] == "waiting"
    signal(rig, "other")
    signal(rig, "go", by="me")
    assert rig.started[-1].parameters == {"by": "me"}


def test_a_signal_that_comes_early_is_kept_and_taken_once() -> None:
    rig = Rig(act("a"), wait("w", "a", signal="go"), wait("v", "w", signal="go"))
    rig.submit()
    signal(rig, "go", n=1)
    rig.succeed("a")
    assert rig.states() == {"a": "completed", "w": "completed", "v": "waiting"}
    signal(rig, "go", n=2)
    assert (rig.step("w").outputs, rig.step("v").outputs) == ({"n": 1}, {"n": 2})


def test_no_more_signals_are_kept_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.core.waits.SIGNALS_KEPT_MAX", 2)
    rig = Rig(act("a"), *(wait(f"w{n}", "a", signal="go") for n in range(3)))
    rig.submit()
    for number in range(2):
        signal(rig, "go", n=number)
    with pytest.raises(ProtocolError, match="'go' is not taken"):
        signal(rig, "go", n=2)
    rig.succeed("a")
    assert [rig.states()[f"w{n}"] for n in range(3)] == ["completed", "completed", "waiting"]


def test_a_signal_that_does_not_come_fails_the_wait() -> None:
    rig = Rig(wait("w", signal="go", timeout_ns=5))
    rig.submit()
    rig.sleep()
    failure = rig.execution().failure
    assert failure is not None
    assert (rig.now, failure.reason) == (5, "SignalTimeout")


@pytest.mark.parametrize(("approved", "state"), [(True, "completed"), (False, "failed")])
def test_an_approval_gate_is_a_signal_with_a_post_condition(approved: bool, state: str) -> None:  # noqa: FBT001
    def ask(_expression: str, values: Any) -> bool:
        return bool(values["steps"]["gate"]["outputs"]["approved"])

    rig = Rig(wait("gate", signal="approve", ensure="approved"), evaluate=ask)
    rig.submit()
    signal(rig, "approve", approved=approved)
    assert rig.execution().state == state


@pytest.mark.parametrize(
    ("until", "at_ns"),
    [("7", 7 * SECOND_NS), ("1970-01-01T00:00:09Z", 9 * SECOND_NS), ("${at}", 3 * SECOND_NS)],
)
def test_a_wait_until_an_instant(until: str, at_ns: int) -> None:
    rig = Rig(wait("w", until=until))
    rig.submit(at="3")
    rig.sleep()
    assert (rig.now, rig.execution().state) == (at_ns, "completed")


def test_an_instant_that_is_none_fails_the_wait() -> None:
    rig = Rig(wait("w", until="${at}"))
    rig.submit(at="soon")
    failure = rig.execution().failure
    assert failure is not None
    assert failure.reason == "InvalidInstant"


def test_a_fetched_condition_is_asked_for_over_its_value() -> None:
    def ask(_expression: str, values: Any) -> bool:
        return bool(values["value"]["load"] > 5)

    condition = Step("c", KIND.CONDITION, fetch="metric", parameters={"q": "${n}"}, condition="high")
    rig = Rig(condition, act("a", "c"), evaluate=ask)
    rig.submit(n=1)
    assert (rig.started[-1].action, rig.started[-1].parameters) == ("metric", {"q": 1})
    rig.succeed("c", load=3)
    assert rig.step("c").outputs == {"outcome": False, "value": {"load": 3}}
    assert rig.states()["a"] == "skipped"


def test_a_wait_polls_until_its_condition_holds() -> None:
    outcomes = iter([False, False, True])
    step = wait("w", fetch="metric", condition="low", poll_ns=5, retry=retrying(2, delay_ns=1))
    rig = Rig(step, evaluate=lambda *_: next(outcomes))
    rig.submit()
    rig.succeed("w", n=1)
    assert (rig.states(), rig.engine.next_deadline()) == ({"w": "waiting"}, 5)
    rig.sleep()
    rig.fail("w")
    rig.sleep()
    rig.succeed("w", n=2)
    rig.sleep()
    rig.succeed("w", n=3)
    assert (rig.step("w").outputs, len(rig.step("w").attempts)) == ({"n": 3}, 4)


@pytest.mark.parametrize("answers", [True, False])
def test_a_condition_that_does_not_hold_in_time_fails_the_wait(answers: bool) -> None:  # noqa: FBT001
    rig = Rig(wait("w", fetch="metric", condition="low", poll_ns=5, timeout_ns=8), evaluate=lambda *_: False)
    rig.submit()
    if answers:
        rig.succeed("w")
        rig.sleep()
        rig.succeed("w")
    rig.sleep()
    failure = rig.execution().failure
    assert failure is not None
    assert (rig.now, failure.reason) == (8, "ConditionTimeout")


# -- pause


def test_nothing_starts_in_a_pause_and_what_runs_goes_on() -> None:
    rig = Rig(act("a"), act("b", "a"), act("c"), act("d"), step_slots=2)
    rig.submit()
    assert rig.states()["d"] == "queued"
    rig.tell(PauseRequested("x"))
    rig.tell(PauseRequested("x"))
    rig.succeed("a")
    rig.succeed("c", after_ns=5)
    assert (rig.running, rig.execution().state) == ([], "paused")
    rig.now += 5
    rig.tell(ResumeRequested("x"))
    assert rig.running_steps == ["d", "b"]
    assert rig.execution().pauses == [(0, 10)]


@pytest.mark.parametrize(
    ("step", "left_ns"),
    [
        (wait("w", wait_ns=20), 17),
        (wait("w", signal="go", timeout_ns=20), 17),
        (wait("w", until="0.000000020"), 0),
        (wait("w", fetch="metric", condition="no", poll_ns=20), 17),
        (act("w", retry=retrying(2, delay_ns=20)), 17),
    ],
    ids=["duration", "signal", "instant", "condition", "back-off"],
)
def test_clocks_stand_still_in_a_pause(step: Step, left_ns: int) -> None:
    rig = Rig(step, evaluate=lambda *_: False)
    rig.submit()
    if step.fetch:
        rig.succeed("w")
    elif step.action:
        rig.fail("w")
    rig.now = 3
    rig.tell(PauseRequested("x"))
    assert rig.engine.next_deadline() is None
    rig.now = 100
    rig.tell(ResumeRequested("x"))
    assert rig.engine.next_deadline() == 100 + left_ns


def test_the_time_of_an_execution_stands_still_too() -> None:
    rig = Rig(wait("w", signal="go"), timeout_ns=10)
    rig.submit()
    rig.now = 4
    rig.tell(PauseRequested("x"))
    rig.now = 50
    signal(rig, "go")
    assert rig.states()["w"] == "waiting"
    rig.tell(ResumeRequested("x"))
    assert rig.execution().state == "completed"


def test_an_attempt_that_fails_in_a_pause_backs_off_after_it() -> None:
    rig = Rig(act("a", retry=retrying(2, delay_ns=7)))
    rig.submit()
    rig.tell(PauseRequested("x"))
    rig.fail("a", after_ns=1)
    assert rig.engine.next_deadline() is None
    rig.now = 20
    rig.tell(ResumeRequested("x"))
    assert rig.engine.next_deadline() == 27


def test_a_pause_before_admission_holds_from_it_on() -> None:
    rig = Rig(act("a"), max_concurrency=1)
    rig.submit("first")
    rig.submit()
    rig.tell(PauseRequested("x"))
    rig.succeed("a", "first")
    assert (rig.execution().state, rig.running) == ("paused", [])
    rig.tell(ResumeRequested("x"))
    assert rig.running_steps == ["a"]


# -- cancel


def test_a_cancelled_execution_lets_its_attempts_clean_up() -> None:
    rig = Rig(act("a"), wait("w", wait_ns=9), act("b", "a"))
    rig.cleans_up.append("a")
    rig.submit()
    rig.tell(CancelRequested("x", "enough"))
    assert rig.states() == {"a": "cancelling", "w": "cancelled", "b": "omitted"}
    rig.tell(CancelRequested("x", "again"))
    rig.tell(PauseRequested("x"))
    rig.stop("a", after_ns=5)
    facts = rig.execution()
    assert facts.failure is not None
    assert (facts.state, facts.failure.reason, facts.failure.message) == ("cancelled", "Cancelled", "enough")
    assert (facts.ended_ns, facts.last_step) == (5, "a")


@pytest.mark.parametrize("compensate", [True, False])
def test_a_cancellation_may_compensate(compensate: bool) -> None:  # noqa: FBT001
    rig = Rig(act("a", rollback=Rollback()), act("b", "a"), workflow={"compensate": True})
    rig.submit()
    rig.succeed("a")
    rig.tell(CancelRequested("x", "enough", compensate))
    assert rig.execution().state == ("rolling-back" if compensate else "cancelled")
    if compensate:
        rig.tell(CancelRequested("x", "again"))
        rig.succeed("a")
    assert rig.execution().state == "cancelled"


def test_what_waits_for_admission_is_cancelled_at_once() -> None:
    rig = Rig(act("a"), max_concurrency=1)
    rig.submit("first")
    rig.submit()
    rig.tell(CancelRequested("x", "enough"))
    assert (rig.execution().state, rig.reported, rig.engine.queued_count) == ("cancelled", ["x"], 0)


def test_a_paused_execution_is_cancelled() -> None:
    rig = Rig(act("a"), act("b", "a"), wait("w", wait_ns=9))
    rig.submit()
    rig.tell(PauseRequested("x"))
    rig.succeed("a")
    rig.tell(CancelRequested("x", "enough"))
    assert rig.states() == {"a": "completed", "b": "omitted", "w": "cancelled"}
    assert (rig.execution().state, rig.engine.next_deadline()) == ("cancelled", None)


def test_requests_for_what_has_ended_are_refused() -> None:
    rig = Rig(act("a"))
    rig.submit()
    rig.succeed("a")
    for event in (PauseRequested("x"), CancelRequested("x", ""), SignalReceived("x", "go", {})):
        with pytest.raises(ProtocolError, match="has ended"):
            rig.tell(event)
    with pytest.raises(ProtocolError, match="no such execution"):
        rig.tell(ResumeRequested("y"))


# -- override


@pytest.mark.parametrize("state", ["pending", "locking", "queued", "running", "backing-off", "waiting"])
def test_a_step_is_skipped_as_if_it_had_ended_well(state: str) -> None:
    target = {
        "pending": act("t", "keep"),
        "locking": act("t", lock="l"),
        "queued": act("t"),
        "running": act("t"),
        "backing-off": act("t", retry=retrying(2)),
        "waiting": wait("t", signal="go"),
    }[state]
    slots = {"queued": 1, "locking": 5}.get(state)
    rig = Rig(act("keep", lock="l"), target, act("after", "t"), step_slots=slots)
    rig.submit()
    if state == "backing-off":
        rig.fail("t")
    assert rig.states()["t"] == state
    override(rig, "t", "skip")
    assert rig.states()["t"] == "skipped"
    if state != "queued":
        assert "after" in rig.running_steps


def test_a_failed_step_is_skipped_and_what_was_omitted_runs() -> None:
    rig = Rig(
        act("a"),
        group("g", KIND.SEQUENTIAL, act("b"), needs=("a",)),
        act("c", "g"),
        act("d"),
        workflow=CONTINUE,
    )
    rig.submit()
    rig.fail("a")
    assert rig.states()["b"] == "omitted"
    override(rig, "a", "skip")
    rig.succeed("b")
    rig.succeed("c")
    rig.succeed("d")
    assert rig.execution().state == "completed"


def test_a_failed_step_is_tried_again() -> None:
    rig = Rig(act("a"), act("b", "a"), act("d"), workflow=CONTINUE)
    rig.submit()
    rig.fail("a")
    override(rig, "a", "retry")
    assert rig.running == [("x", "d", 1), ("x", "a", 2)]
    rig.succeed("a")
    rig.succeed("b")
    rig.succeed("d")
    assert rig.execution().state == "completed"


def test_a_back_off_is_cut_short() -> None:
    rig = Rig(act("a", retry=retrying(2)))
    rig.submit()
    rig.fail("a")
    override(rig, "a", "retry")
    assert rig.running == [("x", "a", 2)]
    assert rig.engine.next_deadline() == 600 * SECOND_NS


def test_a_group_is_skipped_with_all_inside() -> None:
    rig = Rig(group("g", KIND.PARALLEL, act("x"), act("y", "x")), act("after", "g"))
    rig.submit()
    override(rig, "g", "skip")
    assert rig.states() == {"g": "skipped", "x": "cancelled", "y": "omitted", "after": "running"}


@pytest.mark.parametrize(("step_id", "how"), [("done", "skip"), ("done", "retry"), ("runs", "retry")])
def test_what_cannot_be_overridden_is_refused(step_id: str, how: str) -> None:
    rig = Rig(act("done"), act("runs"))
    rig.submit()
    rig.succeed("done")
    with pytest.raises(ProtocolError, match="cannot be overridden"):
        override(rig, step_id, how)


# -- the whole engine


def test_an_emergency_stop_ends_everything_and_admits_nothing_until_reopened() -> None:
    rig = Rig(
        act("a", rollback=Rollback()), wait("w", wait_ns=9), max_concurrency=2, workflow={"compensate": True}
    )
    rig.cleans_up.append("a")
    for execution_id in ("x", "y", "z"):
        rig.submit(execution_id)
    rig.tell(PauseRequested("y"))
    rig.tell(EmergencyStopRequested("fire"))
    assert [rig.execution(it).state for it in "xyz"] == ["running", "running", "pending"]
    rig.stop("a", "x")
    rig.stop("a", "y")
    states = [rig.execution(it).state for it in "xyz"]
    assert states == ["cancelled", "cancelled", "pending"]
    failure = rig.execution().failure
    assert failure is not None
    assert (failure.reason, failure.message) == ("EmergencyStop", "fire")
    rig.tell(ReopenRequested())
    assert rig.running == [("z", "a", 1)]


def test_an_emergency_stop_reaches_rollbacks() -> None:
    rig = Rig(
        act("a", rollback=Rollback()),
        act("b", "a", rollback=Rollback()),
        act("c", "b"),
        workflow={"compensate": True},
    )
    rig.submit()
    rig.succeed("a")
    rig.succeed("b")
    rig.fail("c")
    rig.tell(EmergencyStopRequested("fire"))
    assert rig.execution().state == "cancelled"
    assert rig.states() == {"a": "completed", "b": "failed", "c": "failed"}


def test_a_drained_engine_ends_what_runs_and_admits_nothing() -> None:
    rig = Rig(act("a"), max_concurrency=1)
    rig.submit()
    rig.submit("y")
    rig.tell(DrainRequested())
    rig.succeed("a")
    assert (rig.execution().state, rig.execution("y").state) == ("completed", "pending")
    rig.tell(ReopenRequested())
    assert rig.running == [("y", "a", 1)]


def test_a_recovered_engine_asks_again_for_what_it_had_asked_for() -> None:
    rig = Rig(act("a", timeout_ns=50), act("b"), act("c", retry=retrying(2)))
    rig.cleans_up.append("b")
    rig.submit()
    rig.fail("c")
    override(rig, "b", "skip")
    rig.now = 20
    rig.started.clear()
    rig.tell(EngineRecovered())
    assert [(command.step_id, command.attempt) for command in rig.started] == [("a", 1)]
    assert rig.states() == {"a": "running", "b": "skipped", "c": "backing-off"}
    assert rig.engine.next_deadline() == 70
