"""Loops and subflows: scopes of their own, in any nesting."""

from typing import Any

import pytest

from engine.core.definition import Step, StepKind, Workflow
from engine.core.errors import DefinitionError
from engine.core.events import ExecutionSubmitted, WorkflowRegistered
from tests.engine.rig import SECOND_NS, Rig, act, group

KIND = StepKind


def loop(step_id: str, *steps: Step, **fields: Any) -> Step:
    return Step(step_id, KIND.LOOP, steps=steps, **fields)


def call(step_id: str, workflow: str, *needs: str, **fields: Any) -> Step:
    return Step(step_id, KIND.SUBFLOW, workflow=workflow, needs=needs, **fields)


def rig_with(inner: Workflow, *steps: Step, **fields: Any) -> Rig:
    """A rig that knows `inner` under its name, and runs `steps` as `outer`."""
    rig = Rig(act("unused"), **fields)
    rig.tell(WorkflowRegistered(inner))
    rig.tell(WorkflowRegistered(Workflow("outer", steps)))
    rig.tell(ExecutionSubmitted("x", "outer", {"n": 1}))
    return rig


def test_a_loop_runs_its_body_once_for_each_item_in_order() -> None:
    body = act("b", parameters={"x": "${item}", "i": "${index}"})
    rig = Rig(loop("l", body, items="${names}"), act("after", "l"))
    rig.submit(names=["p", "q"])
    assert rig.running_steps == ["l[0].b"]
    assert rig.started[-1].parameters == {"x": "p", "i": 0}
    rig.succeed("l[0].b", after_ns=3, got="P")
    assert rig.running_steps == ["l[1].b"]
    rig.succeed("l[1].b", after_ns=4, got="Q")
    assert rig.step("l").outputs == {"iterations": 2, "items": [{"got": "P"}, {"got": "Q"}]}
    assert rig.running_steps == ["after"]
    second = rig.step("l[1].b")
    assert (second.parent, second.ready_by, second.ready_ns) == ("l", "l[0].b", 3)


def test_an_empty_loop_completes_at_once() -> None:
    rig = Rig(loop("l", act("b"), items="${names}"), act("after", "l"))
    rig.submit(names=[])
    assert rig.step("l").outputs == {"iterations": 0, "items": []}
    assert rig.running_steps == ["after"]


@pytest.mark.parametrize(
    ("bounds", "numbers"), [((0, 3, 1), [0, 1, 2]), ((5, 0, -2), [5, 3, 1]), ((3, 3, 1), [])]
)
def test_a_range_counts_as_python_does(bounds: tuple[int, int, int], numbers: list[int]) -> None:
    rig = Rig(loop("l", act("b", parameters={"x": "${item}"}), range=bounds, parallelism=9))
    rig.submit()
    assert [command.parameters["x"] for command in rig.started] == numbers


def test_iterations_run_beside_each_other_up_to_a_limit() -> None:
    rig = Rig(loop("l", act("b"), range=(0, 4, 1), parallelism=2))
    rig.submit()
    assert rig.running_steps == ["l[0].b", "l[1].b"]
    rig.succeed("l[1].b", n=1)
    assert rig.running_steps == ["l[0].b", "l[2].b"]
    for number in (2, 0, 3):
        rig.succeed(f"l[{number}].b", n=number)
    assert rig.step("l").outputs["items"] == [{"n": number} for number in range(4)]


@pytest.mark.parametrize(
    ("fields", "variables", "reason"),
    [
        ({"range": (0, 101, 1)}, {}, "LoopLimit"),
        ({"range": (0, "${n}", 1)}, {"n": "many"}, "NotIterable"),
        ({"range": (0, 3, "${n}")}, {"n": 0}, "NotIterable"),
        ({"items": "${n}"}, {"n": {"a": 1}}, "NotIterable"),
        ({"items": "${absent}"}, {}, "UnknownVariable"),
    ],
)
def test_what_cannot_be_looped_over_fails(
    fields: dict[str, Any], variables: dict[str, Any], reason: str
) -> None:
    rig = Rig(loop("l", act("b"), **fields))
    rig.submit(**variables)
    failure = rig.execution().failure
    assert failure is not None
    assert (rig.execution().state, failure.reason) == ("failed", reason)


def test_a_loop_ends_when_its_expression_says_so() -> None:
    rig = Rig(loop("l", act("b"), range=(0, 9, 1), break_when="enough"), evaluate=_enough)
    rig.submit()
    rig.succeed("l[0].b", n=1)
    rig.succeed("l[1].b", n=2)
    assert rig.step("l").outputs["iterations"] == 2
    assert rig.execution().state == "completed"


def _enough(_expression: str, values: Any) -> bool:
    return bool(values["steps"]["b"]["outputs"]["n"] >= 2 and values["variables"]["index"] == 1)


def test_an_expression_that_cannot_be_evaluated_fails_the_loop() -> None:
    rig = Rig(loop("l", act("b"), range=(0, 9, 1), break_when="nonsense"))
    rig.submit()
    rig.succeed("l[0].b")
    assert rig.states() == {"l": "failed", "l[0].b": "completed"}


@pytest.mark.parametrize(
    ("policy", "state"), [("fail-fast", "failed"), ("continue", "failed"), ("tolerate", "completed")]
)
def test_a_failing_iteration_under_each_policy(policy: str, state: str) -> None:
    fields = {"on_step_failure": policy, "failures_max": 1 if policy == "tolerate" else 0}
    rig = Rig(loop("l", act("b"), range=(0, 3, 1)), act("after", "l"), workflow=fields)
    rig.submit()
    rig.succeed("l[0].b")
    rig.fail("l[1].b")
    if policy != "fail-fast":
        rig.succeed("l[2].b")
        assert rig.states()["l"] == state
    if policy == "tolerate":
        rig.succeed("after")
    else:
        assert rig.states()["after"] == "omitted"
    assert rig.execution().state == state


def test_a_failing_iteration_stops_those_beside_it() -> None:
    rig = Rig(loop("l", act("b"), range=(0, 3, 1), parallelism=3))
    rig.submit()
    rig.fail("l[1].b", after_ns=2)
    assert rig.states() == {"l": "failed", "l[0].b": "cancelled", "l[1].b": "failed", "l[2].b": "cancelled"}
    assert rig.execution().state == "failed"


def test_a_body_sees_what_is_around_its_loop() -> None:
    seen: list[Any] = []

    def look(_expression: str, values: Any) -> bool:
        seen.append(values)
        return True

    body = act("b", when="w", parameters={"x": "${steps.a.outputs.found}"})
    rig = Rig(act("a"), loop("l", body, items="${steps.a.outputs.names}", needs=("a",)), evaluate=look)
    rig.submit()
    rig.succeed("a", found=7, names=["one"])
    assert rig.started[-1].parameters == {"x": 7}
    assert seen[0]["variables"] == {"item": "one", "index": 0}
    assert seen[0]["steps"]["a"]["outputs"]["found"] == 7
    assert seen[0]["steps"]["b"]["state"] == "pending"


def test_a_subflow_is_one_run_of_another_workflow() -> None:
    inner = Workflow("inner", (act("b", parameters={"x": "${m}"}),), outputs={"sum": "${steps.b.outputs.n}"})
    rig = rig_with(
        inner,
        call("c", "inner", parameters={"m": "${n}"}),
        act("d", "c", parameters={"s": "${steps.c.outputs.sum}"}),
    )
    assert rig.running_steps == ["c/b"]
    assert rig.started[-1].parameters == {"x": 1}
    rig.succeed("c/b", n=9)
    assert rig.step("c").outputs == {"sum": 9}
    assert rig.started[-1].parameters == {"s": 9}


def test_an_output_that_is_not_there_fails_the_subflow() -> None:
    inner = Workflow("inner", (act("b"),), outputs={"sum": "${steps.b.outputs.n}"})
    rig = rig_with(inner, call("c", "inner"))
    rig.succeed("c/b")
    failure = rig.execution().failure
    assert failure is not None
    assert failure.reason == "UnknownVariable"


def test_a_subflow_has_its_own_failure_policy_and_its_own_time() -> None:
    inner = Workflow("inner", (act("a"), act("b")), on_step_failure="tolerate", failures_max=1)
    rig = rig_with(inner, call("c", "inner"))
    rig.fail("c/a")
    rig.succeed("c/b")
    assert rig.execution().state == "completed"
    slow = rig_with(
        Workflow("slow", (act("a"),), timeout_ns=5), call("c", "slow", on_failure=("d",)), act("d")
    )
    slow.sleep()
    assert (slow.now, slow.states()["c"], slow.running_steps) == (5, "failed", ["d"])
    failure = slow.step("c").failure
    assert failure is not None
    assert failure.reason == "SubflowTimeout"


def test_loops_in_subflows_in_loops() -> None:
    inner = Workflow("inner", (loop("l", group("g", KIND.SEQUENTIAL, act("a"), act("b")), items="${list}"),))
    rig = rig_with(
        inner, loop("o", call("c", "inner", parameters={"list": "${item}"}), items=([1, 2], [], [3]))
    )
    ran = []
    while rig.running:
        ran.append(rig.running_steps[0])
        rig.succeed(rig.running_steps[0], after_ns=1)
    assert ran == [
        "o[0].c/l[0].a",
        "o[0].c/l[0].b",
        "o[0].c/l[1].a",
        "o[0].c/l[1].b",
        "o[2].c/l[0].a",
        "o[2].c/l[0].b",
    ]
    assert rig.execution().state == "completed"
    assert rig.step("o[2].c/l[0].g").parent == "o[2].c/l"


def test_subflows_nest_to_a_limit_and_must_be_known() -> None:
    rig = Rig(act("a"), subflow_depth_max=2)
    for name, runs in (("w1", "w"), ("w2", "w1")):
        rig.tell(WorkflowRegistered(Workflow(name, (call("c", runs),))))
    with pytest.raises(DefinitionError, match="nests 3 subflows"):
        rig.tell(WorkflowRegistered(Workflow("w3", (call("c", "w2"),))))
    with pytest.raises(Exception, match="no such workflow: 'absent'"):
        rig.tell(WorkflowRegistered(Workflow("w4", (call("c", "absent"),))))


def test_an_execution_has_a_limit_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.core.containers.STEPS_PER_EXECUTION_MAX", 3)
    rig = Rig(loop("l", act("b"), range=(0, 9, 1)))
    rig.submit()
    rig.succeed("l[0].b")
    rig.succeed("l[1].b")
    failure = rig.execution().failure
    assert failure is not None
    assert failure.reason == "TooManySteps"


def test_a_timeout_of_an_execution_reaches_into_every_scope() -> None:
    rig = Rig(loop("l", act("b"), range=(0, 3, 1), parallelism=2), timeout_ns=SECOND_NS)
    rig.submit()
    rig.sleep()
    assert rig.states() == {"l": "cancelled", "l[0].b": "cancelled", "l[1].b": "cancelled"}
    assert rig.execution().state == "failed"
