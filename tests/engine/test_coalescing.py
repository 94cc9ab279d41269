"""Duplicate actions: one attempt for all who ask for the same, and nobody is worse off for it."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.attribution import execution_rows
from engine.core.causes import Cause
from engine.core.definition import Rollback, Step
from tests.engine.rig import HOPELESS, Rig, act, retrying

SCALE = {"deployment": "${app}", "replicas": 2}


def scale(step_id: str = "s", *needs: str, **fields: Any) -> Step:
    return act(step_id, *needs, parameters=SCALE, **fields)


def sharing(*steps: Step, **limits: Any) -> Rig:
    return Rig(*steps, coalesce=("act",), **limits)


def test_the_same_action_with_the_same_parameters_runs_once_for_all() -> None:
    rig = sharing(scale(), act("t", "s", parameters={"n": 1}))
    for name, app in (("x", "a"), ("y", "a"), ("z", "b")):
        rig.submit(name, app=app)
    assert [key[0] for key in rig.running] == ["x", "z"]
    assert rig.states("y")["s"] == "joined"
    rig.succeed("s", "x", after_ns=5, replicas=2)
    twin = rig.step("s", "y")
    assert (twin.state, twin.outputs, twin.ended_ns) == ("completed", {"replicas": 2}, 5)
    assert twin.attempts[0].held == ((Cause.COALESCED, 0, 5),)
    assert (twin.attempts[0].outcome, twin.attempts[0].started_ns) == ("succeeded", -1)
    assert rig.states("y")["t"] in {"running", "joined"}


def test_an_action_that_is_not_named_is_never_shared() -> None:
    rig = Rig(scale(), coalesce=("other",))
    rig.submit("x", app="a")
    rig.submit("y", app="a")
    assert len(rig.running) == 2


def test_twins_of_one_execution_share_too() -> None:
    rig = sharing(scale("s"), scale("again"))
    rig.submit(app="a")
    assert rig.running_steps == ["s"]
    rig.succeed("s")
    assert rig.execution().state == "completed"


def test_the_twins_take_their_own_turn_when_the_leader_fails() -> None:
    rig = sharing(scale())
    for name in "xyz":
        rig.submit(name, app="a")
    rig.fail("s", "x", after_ns=5, failure=HOPELESS)
    assert [key[0] for key in rig.running] == ["y"]
    assert rig.states("z") == {"s": "joined"}
    rig.succeed("s", "y", after_ns=5)
    assert [rig.execution(name).state for name in "xyz"] == ["failed", "completed", "completed"]
    assert rig.step("s", "z").attempts[0].held == ((Cause.COALESCED, 0, 5), (Cause.COALESCED, 5, 10))


def test_the_twins_take_their_own_turn_when_the_leader_is_cancelled() -> None:
    rig = sharing(scale(), act("other", parameters={"n": 1}))
    rig.submit("x", app="a")
    rig.submit("y", app="a")
    rig.fail("other", "x", after_ns=5, failure=HOPELESS)
    assert rig.states("x") == {"s": "cancelled", "other": "failed"}
    assert ("y", "s", 1) in rig.running


def test_a_twin_that_is_stopped_leaves_the_others_alone() -> None:
    rig = sharing(scale(), act("other", parameters={"n": "${n}"}))
    for number, name in enumerate("xyz"):
        rig.submit(name, app="a", n=number)
    rig.fail("other", "y", failure=HOPELESS)
    rig.succeed("s", "x")
    assert rig.states("y") == {"s": "cancelled", "other": "failed"}
    assert rig.states("z")["s"] == "completed"


def test_an_attempt_that_waits_for_a_slot_can_be_joined() -> None:
    rig = sharing(
        act("first", parameters={"n": 0}), scale("s", "go"), Step("go", action="free"), step_slots=1
    )
    rig.submit("x", app="a")
    rig.succeed("first", "x")
    rig.succeed("go", "x")
    assert rig.running_steps == ["s"]


def test_a_leader_starts_with_what_its_twins_agreed_to() -> None:
    """Whatever becomes of its variables, what runs is what was compared."""
    rig = sharing(scale(), Step("block", action="free"), step_slots=1)
    rig.submit("x", app="a")
    rig.submit("y", app="a")
    started = next(command for command in rig.started if command.step_id == "s")
    assert started.parameters == {"deployment": "a", "replicas": 2}


def test_who_waits_for_a_lock_is_not_joined_so_that_nobody_waits_in_a_circle() -> None:
    rig = sharing(scale(lock="l"))
    rig.submit("x", app="a")
    rig.submit("y", app="b")
    rig.submit("z", app="b")  # the same as y, who waits for the lock
    assert [rig.states(name)["s"] for name in "xyz"] == ["running", "locking", "locking"]
    rig.succeed("s", "x")
    assert [rig.states(name)["s"] for name in "yz"] == ["running", "locking"]
    rig.submit("w", app="b")
    assert rig.states("w")["s"] == "joined"  # y has its lock now


def test_a_failed_attempt_that_is_tried_again_may_join_the_turn_of_its_twin() -> None:
    rig = sharing(scale(retry=retrying(2, delay_ns=7)))
    rig.submit("x", app="a")
    rig.submit("y", app="a")
    rig.fail("s", "x", after_ns=5)
    assert [key[0] for key in rig.running] == ["y"]
    rig.sleep()
    assert rig.states("x") == {"s": "joined"}
    rig.succeed("s", "y", after_ns=1)
    assert rig.execution("x").state == rig.execution("y").state == "completed"


def test_what_undoes_a_step_is_never_shared_with_what_does_it() -> None:
    """Though it is the same action with the same parameters: what follows from its end is something else."""
    way_back = Rollback("act", {"deployment": "a", "replicas": 2})
    steps = (scale(rollback=way_back), Step("then", action="free", needs=("s",)))
    rig = sharing(*steps, workflow={"compensate": True})
    rig.submit("x", app="a")
    rig.succeed("s", "x")
    rig.submit("y", app="a")
    rig.fail("then", "x", failure=HOPELESS)
    assert [key[:2] for key in rig.running] == [("y", "s"), ("x", "s")]
    rig.succeed("s", "x")
    assert (rig.states("x")["s"], rig.states("y")["s"]) == ("rolled-back", "running")


@given(data=st.data(), slots=st.sampled_from([None, 1, 2]))
@settings(max_examples=100, deadline=None)
def test_every_execution_ends_as_it_would_alone_and_its_time_adds_up(
    data: st.DataObject, slots: int | None
) -> None:
    """Random crowds over two targets: outputs come from one who ran; no nanosecond is lost."""
    rig = sharing(scale("s"), scale("t", "s"), step_slots=slots)
    names = [f"x{number}" for number in range(data.draw(st.integers(1, 6)))]
    given_by: list[int] = []
    while names or rig.running:
        if names and (not rig.running or data.draw(st.booleans())):
            rig.submit(names.pop(), app=data.draw(st.sampled_from("ab")))
        else:
            execution_id, step_id, _ = data.draw(st.sampled_from(rig.running))
            if data.draw(st.integers(0, 4)) == 0:
                rig.fail(step_id, execution_id, after_ns=data.draw(st.integers(0, 9)), failure=HOPELESS)
            else:
                given_by.append(len(given_by))
                rig.succeed(step_id, execution_id, after_ns=data.draw(st.integers(0, 9)), ran=given_by[-1])
    for execution in rig.engine.executions():
        assert execution.state in {"completed", "failed"}
        for step in execution.steps.values():
            if step.state == "completed":
                assert step.outputs["ran"] in given_by
        spans = {
            (step.id, attempt.number): [(Cause.DECLARED_WORK, attempt.started_ns, attempt.ended_ns)]
            for step in execution.steps.values()
            for attempt in step.attempts
            if attempt.started_ns >= 0
        }
        rows = execution_rows(execution, spans, until_ns=rig.now)  # raises where a sum is not exact
        assert sum(rows[0]["causes"].values()) == execution.ended_ns - execution.submitted_ns  # type: ignore[typeddict-item]
