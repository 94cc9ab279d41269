"""What each kind of step does."""

from typing import Any

import pytest

from engine.core.commands import StartAttempt
from engine.core.definition import Branch, Step, StepKind
from engine.core.errors import ProtocolError
from engine.core.events import AttemptSucceeded, Remembered
from tests.engine.rig import SECOND_NS, Rig, act, group, retrying

KIND = StepKind


def condition(step_id: str, expression: str, *needs: str, **fields: Any) -> Step:
    return Step(step_id, KIND.CONDITION, needs=needs, condition=expression, **fields)


def decision(step_id: str, *branches: Branch, needs: tuple[str, ...] = ()) -> Step:
    return Step(step_id, KIND.DECISION, needs=needs, branches=branches)


def wait(step_id: str, seconds: int, *needs: str) -> Step:
    return Step(step_id, KIND.WAIT, needs=needs, wait_ns=seconds * SECOND_NS)


def test_an_attempt_is_asked_for_with_everything_it_needs() -> None:
    rig = Rig(act("a", parameters={"name": "pod-${n}", "n": "${n}", "deep": [{"x": "${list.0}"}]}))
    rig.submit(n=3, list=["first"])
    parameters = {"name": "pod-3", "n": 3, "deep": [{"x": "first"}]}
    assert rig.started == [StartAttempt("x", "a", 1, "act", parameters, {})]


def test_steps_run_when_all_their_needs_have_ended() -> None:
    rig = Rig(act("a"), act("b"), act("c", "a", "b"), act("d", "c"))
    rig.submit()
    assert rig.running_steps == ["a", "b"]
    rig.succeed("b", after_ns=5)
    assert rig.running_steps == ["a"]
    rig.succeed("a", after_ns=5)
    assert rig.running_steps == ["c"]
    rig.succeed("c", after_ns=5, made=1)
    rig.succeed("d", after_ns=5)
    facts = rig.execution()
    assert (facts.state, facts.submitted_ns, facts.ended_ns, facts.last_step) == ("completed", 0, 20, "d")
    assert (facts.admitted_ns, facts.started_ns, facts.progress_gap_ns_max) == (0, 0, 5)
    assert rig.reported == ["x"]
    assert rig.step("c").outputs == {"made": 1}
    assert rig.step("a").ready_by == ""
    assert [rig.step(name).ready_by for name in "cd"] == ["a", "c"]
    assert [(rig.step(name).ready_ns, rig.step(name).ended_ns) for name in "abcd"] == [
        (0, 10),
        (0, 5),
        (10, 15),
        (15, 20),
    ]


def test_a_wait_lets_its_time_pass_without_a_slot() -> None:
    rig = Rig(wait("w", 3), act("a"), step_slots=1)
    rig.submit()
    assert rig.running_steps == ["a"]
    assert rig.states() == {"w": "waiting", "a": "running"}
    rig.succeed("a")
    rig.sleep()
    assert rig.now == 3 * SECOND_NS
    assert rig.execution().state == "completed"


def test_a_wait_of_nothing_ends_in_its_instant() -> None:
    rig = Rig(wait("w", 0))
    rig.submit()
    rig.sleep()
    assert (rig.now, rig.execution().state) == (0, "completed")


def test_a_false_condition_skips_who_needs_it_and_what_follows_only_from_them() -> None:
    rig = Rig(condition("c", "false"), act("a", "c"), act("b", "a"), act("o"), act("j", "b", "o"))
    rig.submit()
    assert rig.running_steps == ["o"]
    assert rig.states() == {"c": "completed", "a": "skipped", "b": "skipped", "o": "running", "j": "pending"}
    assert rig.step("c").outputs == {"outcome": False}
    rig.succeed("o")
    assert rig.running_steps == ["j"]  # not all of its needs were skipped


def test_a_true_condition_lets_pass() -> None:
    rig = Rig(condition("c", "true"), act("a", "c"))
    rig.submit()
    assert rig.running_steps == ["a"]
    assert rig.step("c").outputs == {"outcome": True}


def test_a_condition_that_cannot_be_evaluated_fails_its_execution() -> None:
    rig = Rig(condition("c", "nonsense"), act("a"))
    rig.submit()
    facts = rig.execution()
    assert facts.state == "failed"
    assert facts.failure is not None
    assert (facts.failure.reason, facts.failure.message) == ("ConditionError", "nonsense")
    assert not rig.running


@pytest.mark.parametrize(("when", "running", "state"), [("true", ["a"], "running"), ("false", [], "skipped")])
def test_when_decides_whether_a_step_runs(when: str, running: list[str], state: str) -> None:
    rig = Rig(act("a", when=when))
    rig.submit()
    assert rig.running_steps == running
    assert rig.states() == {"a": state}


def test_when_is_asked_once_the_needs_have_ended_and_sees_them() -> None:
    seen: list[Any] = []

    def look(expression: str, values: Any) -> bool:
        seen.append((expression, values["variables"], dict(values["steps"])))
        return True

    rig = Rig(act("a"), act("b", "a", when="w"), condition("c", "e", "b", when="v"), evaluate=look)
    rig.submit(n=1)
    assert not seen
    rig.succeed("a", found=7)
    nothing = {"state": "pending", "outputs": {}}
    first = {"a": {"state": "completed", "outputs": {"found": 7}}, "b": nothing, "c": nothing}
    assert seen == [("w", {"n": 1}, first)]
    rig.succeed("b")
    assert [expression for expression, _, _ in seen] == ["w", "v", "e"]
    assert seen[2][2]["b"] == {"state": "completed", "outputs": {}}


@pytest.mark.parametrize(
    ("first", "second", "branch", "running"),
    [("true", "true", 0, "a"), ("false", "true", 1, "b"), ("false", "false", 2, "c")],
)
def test_a_decision_takes_the_first_branch_that_is_true(
    first: str, second: str, branch: int, running: str
) -> None:
    branches = (Branch(("a",), first), Branch(("b",), second), Branch(("c",)))
    rig = Rig(decision("d", *branches), act("a"), act("b"), act("c"), act("after", "a", "b", "c"))
    rig.submit()
    assert rig.running_steps == [running]
    assert rig.step("d").outputs == {"branch": branch}
    assert sorted(state for state in rig.states().values() if state == "skipped") == ["skipped"] * 2
    rig.succeed(running)
    assert rig.running_steps == ["after"]


def test_a_decision_without_a_way_out_skips_all_branches() -> None:
    rig = Rig(decision("d", Branch(("a",), "false")), act("a"), act("b", "d"))
    rig.submit()
    assert rig.states() == {"d": "completed", "a": "skipped", "b": "running"}
    assert rig.step("d").outputs == {"branch": -1}


def test_a_decision_with_nothing_but_a_default_asks_nothing() -> None:
    rig = Rig(decision("d", Branch(("a",))), act("a"))
    rig.submit()
    assert rig.states() == {"d": "completed", "a": "running"}
    assert not rig.asked


def test_a_step_of_two_branches_runs_if_either_is_taken() -> None:
    rig = Rig(decision("d", Branch(("a", "b"), "false"), Branch(("b",), "true")), act("a"), act("b"))
    rig.submit()
    assert rig.states() == {"d": "completed", "a": "skipped", "b": "running"}


def test_a_skipped_decision_skips_its_branches() -> None:
    rig = Rig(condition("c", "false"), decision("d", Branch(("a",)), needs=("c",)), act("a"))
    rig.submit()
    assert rig.states() == {"c": "completed", "d": "skipped", "a": "skipped"}
    assert rig.execution().state == "completed"


def test_children_of_a_parallel_group_start_together() -> None:
    rig = Rig(
        act("a"), group("g", KIND.PARALLEL, act("x"), act("y"), act("z", "x"), needs=("a",)), act("b", "g")
    )
    rig.submit()
    rig.succeed("a", after_ns=1)
    assert rig.running_steps == ["x", "y"]
    assert (rig.step("x").ready_by, rig.step("x").parent) == ("g", "g")
    rig.succeed("y", after_ns=1)
    rig.succeed("x", after_ns=1)
    rig.succeed("z", after_ns=1)
    step = rig.step("g")
    assert (step.state, step.ready_ns, step.started_ns, step.ended_ns) == ("completed", 1, 1, 4)
    assert (step.ended_by, rig.step("b").ready_by) == ("z", "g")
    assert rig.running_steps == ["b"]


def test_children_of_a_sequential_group_run_one_after_the_other() -> None:
    rig = Rig(group("g", KIND.SEQUENTIAL, act("x", when="false"), act("y"), act("z")))
    rig.submit()
    assert rig.running_steps == ["y"]  # a skipped child does not skip the next
    rig.succeed("y")
    assert rig.running_steps == ["z"]


def test_a_false_condition_skips_the_rest_of_a_sequence() -> None:
    rig = Rig(
        group("g", KIND.SEQUENTIAL, act("x"), condition("c", "false"), act("y"), act("z")), act("b", "g")
    )
    rig.submit()
    rig.succeed("x")
    assert rig.states() == {"g": "completed", "x": "completed", "c": "completed", "y": "skipped"} | {
        "z": "skipped",
        "b": "running",
    }


def test_a_skipped_group_skips_everything_inside() -> None:
    inner = group("h", KIND.SEQUENTIAL, act("y"))
    rig = Rig(group("g", KIND.PARALLEL, act("x"), inner, when="false"))
    rig.submit()
    assert rig.states() == dict.fromkeys(("g", "x", "h", "y"), "skipped")
    assert rig.execution().state == "completed"


def test_a_thousand_skipped_steps_in_a_row_need_no_deep_stack() -> None:
    chain = [act(f"s{n}", *([f"s{n - 1}"] if n else ["c"])) for n in range(999)]
    rig = Rig(condition("c", "false"), *chain)
    rig.submit()
    assert rig.execution().state == "completed"


def test_remembered_values_reach_the_next_attempt() -> None:
    rig = Rig(act("a", retry=retrying(2)))
    rig.submit()
    rig.tell(Remembered("x", "a", 1, "uid", "u-1"))
    rig.tell(Remembered("x", "a", 1, "uid", "u-2"))
    rig.fail("a")
    rig.sleep()
    assert rig.started[1].memory == {"uid": "u-2"}


def test_what_cannot_have_happened_is_refused() -> None:
    rig = Rig(act("a"), act("b", "a"))
    rig.submit()
    for key in (("x", "a", 2), ("x", "a", 0), ("x", "b", 1), ("x", "absent", 1), ("y", "a", 1)):
        with pytest.raises(ProtocolError):
            rig.tell(AttemptSucceeded(*key, {}))
    rig.succeed("a")
    with pytest.raises(ProtocolError, match="does not run"):
        rig.tell(AttemptSucceeded("x", "a", 1, {}))
    assert rig.states() == {"a": "completed", "b": "running"}
