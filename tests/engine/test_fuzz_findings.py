"""What the fuzz of whole simulations has found in the engine, each as the smallest case that shows it."""

import pytest

from engine.core.definition import Step, StepKind
from engine.core.errors import ProtocolError
from engine.core.events import PauseRequested, ResumeRequested, StepOverridden
from tests.engine.rig import Rig, act, retrying

KIND = StepKind


def skip(step_id: str) -> StepOverridden:
    return StepOverridden("x", step_id, "skip", "by hand")


def test_a_paused_execution_ends_with_the_last_attempt_that_ran() -> None:
    rig = Rig(act("a"))
    rig.submit()
    rig.tell(PauseRequested("x"))
    rig.succeed("a", after_ns=5)
    execution = rig.execution()
    assert (execution.state.value, execution.ended_ns, execution.pauses) == ("completed", 5, [(0, 5)])


def test_a_group_is_passed_over_after_a_child_was_skipped_by_hand() -> None:
    rig = Rig(act("a"), Step("g", KIND.PARALLEL, needs=("a",), when="false", steps=(act("b"), act("c"))))
    rig.submit()
    with pytest.raises(ProtocolError):  # its group has not begun
        rig.tell(skip("b"))
    rig.succeed("a")
    assert rig.states() == {"a": "completed", "g": "skipped", "b": "skipped", "c": "skipped"}


def test_nothing_in_a_group_begins_before_the_group_because_a_child_was_skipped() -> None:
    rig = Rig(act("a"), Step("g", KIND.PARALLEL, needs=("a",), steps=(act("b"), act("c", "b"))))
    rig.submit()
    with pytest.raises(ProtocolError, match="cannot be overridden"):
        rig.tell(skip("b"))
    assert rig.running_steps == ["a"]


def test_a_group_that_fails_before_it_opens_omits_what_is_inside() -> None:
    group = Step("g", KIND.PARALLEL, when="nonsense", steps=(act("a"), act("b")))
    rig = Rig(group, act("other"))
    rig.submit()
    assert rig.states() == {"g": "failed", "a": "omitted", "b": "omitted", "other": "cancelled"}
    assert rig.execution().state.value == "failed"


def test_a_failed_step_of_a_group_that_has_ended_cannot_be_overridden() -> None:
    """Refused before anything is changed: the history knows nothing of what was refused."""
    group = Step("g", KIND.PARALLEL, steps=(act("a"),))
    rig = Rig(group, act("b"), workflow={"on_step_failure": "continue"})
    rig.submit()
    rig.fail("a")
    before = rig.states()
    with pytest.raises(ProtocolError, match="cannot be overridden"):
        rig.tell(skip("a"))
    assert rig.states() == before
    rig.succeed("b")
    assert rig.execution().state.value == "failed"


@pytest.mark.parametrize("is_asked", [False, True])
def test_asking_for_the_next_deadline_changes_nothing(*, is_asked: bool) -> None:
    """One that was taken back, and armed again for the same instant, comes after those armed meanwhile."""
    rig = Rig(Step("w", KIND.WAIT, until="22"), act("a", "w"))
    rig.submit("x")
    rig.tell(PauseRequested("x"))
    if is_asked:
        assert rig.engine.next_deadline() is None
    rig.submit("y")
    rig.tell(ResumeRequested("x"))
    rig.sleep()
    assert [execution_id for execution_id, _, _ in rig.running] == ["y", "x"]


def test_a_twin_whose_own_post_condition_fails_waits_for_its_locks_when_it_tries_again() -> None:
    """What joined another never had a lock, and its leader may have given it to somebody else since."""
    step = act("a", retry=retrying(2), ensure="false", locks=("one",), parameters={"k": "${k}"})
    rig = Rig(step, coalesce=("act",))
    rig.submit("x", k=1)
    rig.fail("a", "x")
    rig.sleep()
    rig.submit("y", k=1)
    rig.submit("z", k=2)
    rig.succeed("a", "x")
    rig.sleep()
    assert [rig.states(execution_id)["a"] for execution_id in "xyz"] == ["failed", "locking", "running"]


def test_a_step_that_is_skipped_ahead_still_comes_after_what_it_needs() -> None:
    """With the needs that follow from others left out, nobody else would wait for them."""
    rig = Rig(act("a"), act("b", "a"), act("c", "a", "b"), reduce_needs=True)
    rig.submit()
    rig.tell(skip("b"))
    assert rig.running_steps == ["a"]
    rig.succeed("a")
    assert rig.states() == {"a": "completed", "b": "skipped", "c": "running"}


def test_a_timeout_that_passed_while_nobody_ran_is_due_when_a_pause_ends() -> None:
    """Not before: a pause may be asked for ahead of the wake that would have found it."""
    rig = Rig(Step("w", KIND.WAIT, signal="go"), timeout_ns=5)
    rig.submit()
    rig.now = 8
    rig.tell(PauseRequested("x"))
    rig.now = 18
    rig.tell(ResumeRequested("x"))
    assert rig.engine.next_deadline() == 18
    rig.sleep()
    execution = rig.execution()
    assert (execution.state.value, execution.ended_ns) == ("failed", 18)
