"""What success and failure lead to: paths, policies, post-conditions, exports, rollback, compensation."""

from typing import Any

import pytest

from engine.core.definition import Rollback, Step, StepKind
from tests.engine.rig import BROKEN, HOPELESS, SECOND_NS, Rig, act, group, retrying

KIND = StepKind
CONTINUE = {"on_step_failure": "continue"}


def test_paths_on_success_and_on_failure_exclude_each_other() -> None:
    steps = (act("a", on_success=("s",), on_failure=("f",)), act("s"), act("f"), act("join", "s", "f"))
    good, bad = Rig(*steps), Rig(*steps)
    good.submit()
    good.succeed("a")
    assert good.states() == {"a": "completed", "s": "running", "f": "skipped", "join": "pending"}
    bad.submit()
    bad.fail("a")
    assert bad.states() == {"a": "failed", "s": "skipped", "f": "running", "join": "pending"}
    bad.succeed("f")
    bad.succeed("join")
    assert bad.execution().state == "completed"


def test_what_needs_a_step_whose_failure_was_handled_is_omitted() -> None:
    rig = Rig(act("a", on_failure=("f",)), act("f"), act("b", "a"), act("c", "b", "f"))
    rig.submit()
    rig.fail("a")
    rig.succeed("f")
    assert rig.states() == {"a": "failed", "f": "completed", "b": "omitted", "c": "omitted"}
    assert rig.execution().state == "completed"


def test_a_failure_that_counts_nowhere() -> None:
    rig = Rig(act("a", continue_on_failure=True), act("b", "a"))
    rig.submit()
    rig.fail("a")
    assert rig.running_steps == ["b"]
    rig.succeed("b")
    assert rig.execution().state == "completed"


def test_a_group_handles_the_failure_of_what_is_inside() -> None:
    inner = group("h", KIND.PARALLEL, act("x"), act("y"))
    guarded = Step("g", KIND.SEQUENTIAL, steps=(inner, act("z")), on_failure=("f",))
    rig = Rig(guarded, act("f"), act("other"))
    rig.submit()
    rig.fail("x")
    assert rig.states() == {
        "g": "failed",
        "h": "failed",
        "x": "failed",
        "y": "cancelled",
        "z": "omitted",
        "f": "running",
        "other": "running",
    }
    rig.succeed("f")
    rig.succeed("other")
    assert rig.execution().state == "completed"


def test_continue_does_all_that_does_not_need_the_failed() -> None:
    rig = Rig(act("a"), act("b", "a"), act("c", "b"), act("d"), act("e", "d"), workflow=CONTINUE)
    rig.submit()
    rig.fail("a")
    rig.succeed("d")
    rig.succeed("e")
    assert rig.states() == {
        "a": "failed",
        "b": "omitted",
        "c": "omitted",
        "d": "completed",
        "e": "completed",
    }
    facts = rig.execution()
    assert (facts.state, facts.failure) == ("failed", BROKEN)


def test_a_group_that_goes_on_fails_at_its_end() -> None:
    rig = Rig(group("g", KIND.PARALLEL, act("x"), act("y")), act("after", "g"), workflow=CONTINUE)
    rig.submit()
    rig.fail("x")
    assert rig.states()["g"] == "open"
    rig.succeed("y")
    assert (rig.states()["g"], rig.states()["after"], rig.execution().state) == (
        "failed",
        "omitted",
        "failed",
    )


@pytest.mark.parametrize(("failing", "state"), [(1, "completed"), (2, "completed"), (3, "failed")])
def test_so_many_failures_are_tolerated(failing: int, state: str) -> None:
    fields = {"on_step_failure": "tolerate", "failures_max": 2}
    rig = Rig(*(act(f"s{n}") for n in range(5)), workflow=fields)
    rig.submit()
    for number in range(failing):
        rig.fail(f"s{number}")
    for step_id in list(rig.running_steps):
        rig.succeed(step_id)
    assert rig.execution().state == state
    assert list(rig.states().values()).count("cancelled") == (2 if state == "failed" else 0)


def test_a_post_condition_that_does_not_hold_fails_the_attempt() -> None:
    outcomes = iter([False, True])
    rig = Rig(act("a", ensure="e", retry=retrying(2)), evaluate=lambda *_: next(outcomes))
    rig.submit()
    rig.succeed("a", n=1)
    failure = rig.step("a").attempts[0].failure
    assert failure is not None
    assert (rig.states(), failure.reason) == ({"a": "backing-off"}, "PostConditionFailed")
    rig.sleep()
    rig.succeed("a", n=2)
    assert (rig.states(), rig.step("a").outputs) == ({"a": "completed"}, {"n": 2})


def test_a_post_condition_sees_fresh_outputs() -> None:
    seen: list[Any] = []

    def look(_expression: str, values: Any) -> bool:
        seen.append(values["steps"]["a"])
        return True

    rig = Rig(act("a", ensure="e"), evaluate=look)
    rig.submit()
    rig.succeed("a", n=1)
    assert seen == [{"state": "completed", "outputs": {"n": 1}}]


def test_exports_become_variables_of_what_follows() -> None:
    first = act("a", exports={"uid": "pod.uid", "all": ""})
    rig = Rig(first, act("b", "a", parameters={"uid": "${uid}", "n": "${all.n}"}))
    rig.submit()
    rig.succeed("a", pod={"uid": "u-1"}, n=3)
    assert rig.started[-1].parameters == {"uid": "u-1", "n": 3}
    assert rig.execution().variables == {}


def test_an_export_that_is_not_there_fails_the_step() -> None:
    rig = Rig(act("a", exports={"uid": "pod.uid"}))
    rig.submit()
    rig.succeed("a")
    failure = rig.execution().failure
    assert failure is not None
    assert failure.reason == "ExportMissing"


def test_a_failed_step_is_undone_before_its_failure_is_followed() -> None:
    undo = Rollback("fix", {"uid": "${memory.uid}", "why": "${outputs}"})
    rig = Rig(act("a", rollback=undo, on_failure=("f",)), act("f"))
    rig.submit()
    rig.fail("a", after_ns=2)
    assert (rig.states()["a"], rig.states()["f"]) == (
        "failed",
        "running",
    )  # the rollback could not be resolved
    assert [step for step, _ in rig.execution().rollback_failures] == ["a"]


def test_a_rollback_runs_under_its_own_action_and_policy() -> None:
    undo = Rollback("fix", {"n": "${n}"}, retry=retrying(2))
    rig = Rig(act("a", rollback=undo, on_failure=("f",)), act("f"))
    rig.submit(n=1)
    rig.fail("a")
    command = rig.started[-1]
    assert (command.action, command.parameters, command.attempt) == ("fix", {"n": 1}, 2)
    assert (command.is_rollback, rig.states()["a"]) == (False, "rolling-back")
    rig.fail("a")
    rig.sleep()
    rig.succeed("a")
    assert (rig.states()["a"], rig.states()["f"]) == ("rolled-back", "running")
    assert [attempt.is_rollback for attempt in rig.step("a").attempts] == [False, True, True]


def undoable(step_id: str, *needs: str, **fields: Any) -> Step:
    return act(step_id, *needs, rollback=Rollback(), **fields)


def test_compensation_undoes_the_last_first_one_at_a_time() -> None:
    loop = Step("l", KIND.LOOP, needs=("a",), steps=(undoable("b"),), range=(0, 2, 1))
    rig = Rig(undoable("a"), loop, act("plain", "l"), act("c", "plain"), workflow={"compensate": True})
    rig.submit()
    for step_id in ("a", "l[0].b", "l[1].b", "plain"):
        rig.succeed(step_id, after_ns=1, made=step_id)
    rig.fail("c", failure=HOPELESS)
    assert rig.execution().state == "rolling-back"
    order = []
    while rig.running:
        order.append(rig.running_steps[0])
        command = rig.started[-1]
        assert (command.is_rollback, command.outputs) == (True, {"made": order[-1]})
        rig.succeed(order[-1], after_ns=1)
    assert order == ["l[1].b", "l[0].b", "a"]
    facts = rig.execution()
    assert (facts.state, facts.failure, facts.rollback_failures) == ("failed", HOPELESS, [])
    assert rig.states()["a"] == "rolled-back"


def test_a_rollback_that_fails_is_recorded_and_the_rest_goes_on() -> None:
    rig = Rig(undoable("a"), undoable("b", "a"), act("c", "b"), workflow={"compensate": True})
    rig.submit()
    rig.succeed("a")
    rig.succeed("b")
    rig.fail("c")
    rig.fail("b", failure=HOPELESS)
    rig.succeed("a")
    facts = rig.execution()
    assert (facts.state, facts.rollback_failures) == ("failed", [("b", HOPELESS)])
    assert rig.states() == {"a": "rolled-back", "b": "failed", "c": "failed"}


def test_what_was_cut_short_is_undone_too() -> None:
    rig = Rig(undoable("a"), act("b"), undoable("never", "a"), workflow={"compensate": True})
    rig.submit()
    rig.fail("b")
    assert rig.running == [("x", "a", 2)]
    rig.succeed("a")
    assert rig.states() == {"a": "rolled-back", "b": "failed", "never": "omitted"}


def test_a_rollback_takes_the_locks_of_its_step_again() -> None:
    rig = Rig(undoable("a", lock="l"), act("b", "a"), workflow={"compensate": True})
    rig.submit()
    rig.succeed("a")
    rig.submit("y")
    rig.fail("b", "x")
    assert rig.states()["a"] == "locking"
    rig.succeed("a", "y")
    assert rig.states()["a"] == "rolling-back"
    assert rig.engine.lock_holders("l") == (("x", "a"),)
    rig.succeed("a", "x")
    assert rig.engine.lock_holders("l") == ()


def test_a_thousand_rollbacks_that_cannot_be_resolved_need_no_deep_stack() -> None:
    undo = Rollback("fix", {"x": "${absent}"})
    rig = Rig(*(act(f"s{n}", rollback=undo) for n in range(900)), act("z"), workflow={"compensate": True})
    rig.submit()
    for number in range(900):
        rig.succeed(f"s{number}")
    rig.fail("z")
    assert (rig.execution().state, len(rig.execution().rollback_failures)) == ("failed", 900)


def test_a_timed_out_attempt_cleans_up_before_it_is_tried_again() -> None:
    rig = Rig(act("a", timeout_ns=5, retry=retrying(2)), cancel_grace_ns=SECOND_NS)
    rig.cleans_up.append("a")
    rig.submit()
    rig.sleep()
    assert rig.states() == {"a": "cancelling"}
    rig.stop("a", after_ns=7)
    assert rig.states() == {"a": "backing-off"}
    attempt = rig.step("a").attempts[0]
    assert attempt.failure is not None
    assert (attempt.outcome, attempt.failure.reason, attempt.ended_ns) == ("failed", "Timeout", 12)


def test_a_grace_that_is_over_ends_the_clean_up() -> None:
    rig = Rig(act("a"), act("b"), cancel_grace_ns=SECOND_NS)
    rig.cleans_up.append("a")
    rig.submit()
    rig.fail("b")
    assert (rig.execution().state, rig.states()["a"]) == ("running", "cancelling")
    rig.sleep()
    assert (rig.now, rig.execution().state, rig.states()["a"]) == (SECOND_NS, "failed", "cancelled")
    assert [command.is_final for command in rig.cancelled] == [False, True]
