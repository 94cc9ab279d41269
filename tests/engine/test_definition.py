"""Definitions that may exist, and those that may not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.definition import Branch, RetryPolicy, Rollback, Step, StepKind, Workflow
from engine.core.errors import DefinitionError
from engine.core.validation import NESTING_MAX, STEPS_MAX
from tests.engine.rig import act, group
from tests.oracles.random_workflows import Workflows

KIND = StepKind


def wait(step_id: str, **fields: Any) -> Step:
    return Step(step_id, KIND.WAIT, **fields)


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ((), "no steps"),
        ((act("a"), act("a")), "duplicate step id 'a'"),
        ((act("a"), group("g", KIND.PARALLEL, act("a"))), "duplicate step id 'a'"),
        ((act("a", "b"),), "needs 'b', which is no step of its level"),
        ((act("a", "a"),), "a cycle in needs: a -> a"),
        ((act("a", "c"), act("b", "a"), act("c", "b")), "a cycle in needs: a -> c -> b -> a"),
        ((group("g", KIND.PARALLEL, act("x", "y"), act("y", "x")),), "a cycle in needs"),
        ((act("a"), group("g", KIND.PARALLEL, act("x", "a"))), "needs 'a', which is no step of its level"),
        ((act(""),), "expected an id"),
        ((act("no spaces"),), "expected an id"),
        ((Step("a"),), "must have action"),
        ((Step("a", KIND.CONDITION),), "must have condition"),
        ((Step("a", KIND.DECISION),), "must have branches"),
        ((Step("a", KIND.PARALLEL),), "must have steps"),
        ((wait("a", action="act"),), "action does not apply"),
        ((wait("a", lock="l"),), "lock does not apply"),
        ((wait("a", timeout_ns=1),), "timeout_ns does not apply"),
        ((act("a", wait_ns=1),), "wait_ns does not apply"),
        ((act("a", condition="true"),), "condition does not apply"),
        ((act("a", steps=(act("b"),)),), "steps does not apply"),
        ((wait("a", wait_ns=-1),), "not between 0"),
        ((wait("a", wait_ns=1.5),), "whole nanoseconds"),
        ((wait("a", wait_ns=True),), "whole nanoseconds"),
        ((act("a", timeout_ns=0),), "not between 1"),
        ((act("a", retry=RetryPolicy(0)),), "max_attempts 0"),
        ((act("a", retry=RetryPolicy(101)),), "max_attempts 101"),
        ((act("a", retry=RetryPolicy(2, backoff=0.5)),), "backoff 0.5"),
        ((act("a", retry=RetryPolicy(2, backoff=float("nan"))),), "backoff nan"),
        ((wait("a", retry=RetryPolicy(2)),), "only action steps"),
        ((act("a", when="x" * 2001),), "2001 characters"),
        ((act("a", parameters={"x": object()}),), "not a JSON value"),
        ((act("a", parameters={"x": {1: 2}}),), "keys must be text"),
        ((act("a"), Step("d", KIND.DECISION, branches=(Branch(("b",)),))), "branches to 'b'"),
        ((act("a"), Step("d", KIND.DECISION, branches=(Branch(("a",)), Branch(("a",), "true")))), "the last"),
        ((act("a"), Step("d", KIND.DECISION, needs=("a",), branches=(Branch(("a",)),))), "a cycle"),
        ((Step("d", KIND.DECISION, branches=(Branch((), "true"),)),), "has no steps"),
        (tuple(act(f"a{n}") for n in range(STEPS_MAX + 1)), f"more than {STEPS_MAX} steps"),
    ],
)
def test_what_could_not_run_is_refused(steps: tuple[Step, ...], says: str) -> None:
    with pytest.raises(DefinitionError, match="workflow 'w'") as caught:
        Workflow("w", steps)
    assert says in str(caught.value)


def test_groups_nest_to_a_limit() -> None:
    step = act("leaf")
    for depth in range(NESTING_MAX):
        step = group(f"g{depth}", KIND.SEQUENTIAL, step)
    Workflow("w", (step,))
    with pytest.raises(DefinitionError, match="nest deeper"):
        Workflow("w", (group("one-more", KIND.SEQUENTIAL, step),))


def test_a_name_and_a_timeout_are_checked() -> None:
    with pytest.raises(DefinitionError, match="workflow name"):
        Workflow("", (act("a"),))
    with pytest.raises(DefinitionError, match="timeout_ns"):
        Workflow("w", (act("a"),), timeout_ns=0)


@given(st.integers(0, 10**9))
def test_json_and_back_is_the_same_workflow(seed: int) -> None:
    workflow = Workflows(seed).workflow()
    assert Workflow.from_json(json.loads(json.dumps(workflow.to_json()))) == workflow


def test_json_holds_no_defaults() -> None:
    assert Workflow("w", (act("a"),)).to_json() == {"name": "w", "steps": [{"id": "a", "action": "act"}]}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"name": "w"},
        {"name": "w", "steps": [{"id": "a", "action": "act", "colour": "red"}]},
        {"name": "w", "steps": [{"id": "a", "kind": "loop"}]},
        {"name": "w", "steps": [{"action": "act"}]},
        {"name": "w", "steps": [3]},
        {"name": "w", "steps": [{"id": "a", "action": "act", "retry": {"times": 3}}]},
        {"name": "w", "steps": [], "version": 2},
        {"name": "w", "steps": [{"id": "d", "kind": "decision", "branches": [{"otherwise": []}]}]},
    ],
)
def test_json_that_is_no_definition_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError):
        Workflow.from_json(document)


def test_walking_gives_groups_before_their_children() -> None:
    workflow = Workflow("w", (act("a"), group("g", KIND.PARALLEL, act("x"), act("y")), act("z")))
    assert [step.id for step in workflow.walk()] == ["a", "g", "x", "y", "z"]
    assert workflow.step("y").id == "y"
    with pytest.raises(KeyError):
        workflow.step("absent")


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 5), (100, 5)])
def test_back_off_doubles_up_to_its_most(attempt: int, seconds: int) -> None:
    policy = RetryPolicy(100, 1_000_000_000, 2.0, 5_000_000_000)
    assert policy.delay_after_ns(attempt) == seconds * 1_000_000_000


@pytest.mark.parametrize(
    "step",
    [
        Step("b", action="x", parameters={"deep": [{"er": "at ${steps.typo.outputs.n}"}]}),
        Step("b", action="x", locks=("${steps.typo.outputs.n}",)),
        Step("b", action="x", rollback=Rollback("y", {"n": "${steps.typo.outputs}"})),
        Step("b", StepKind.LOOP, items="${steps.typo.outputs.list}", steps=(Step("c", action="x"),)),
        Step(
            "b",
            StepKind.LOOP,
            items=(1,),
            steps=(Step("c", action="x", parameters={"n": "${steps.typo.x}"}),),
        ),
        Step("b", StepKind.WAIT, until="${steps.typo.outputs.at}"),
    ],
)
def test_a_reference_to_a_step_that_there_is_not_is_refused(step: Step) -> None:
    with pytest.raises(
        DefinitionError, match="refers to step 'typo', which the workflow does not have; it has"
    ):
        Workflow("w", (Step("a", action="x"), step))


def test_the_outputs_of_a_workflow_may_refer_to_its_steps_only() -> None:
    steps = (Step("a", action="x"),)
    assert Workflow("w", steps, outputs={"n": "${steps.a.outputs.n}"}).outputs
    with pytest.raises(DefinitionError, match="outputs: refers to step 'typo'"):
        Workflow("w", steps, outputs={"n": "${steps.typo.outputs.n}"})
