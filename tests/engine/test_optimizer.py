"""Remaining paths, against a plain recursion and by hand."""

from hypothesis import given
from hypothesis import strategies as st

from engine.core.definition import Step, StepKind, Workflow
from engine.core.plan import Plan, PlanStep, build
from tests.engine.rig import act, group
from tests.oracles.random_workflows import Workflows


def remaining(*steps: Step) -> dict[str, int]:
    return {step.id: step.remaining_ns for step in build(Workflow("w", steps)).steps}


def test_the_longest_way_to_the_end_counts() -> None:
    steps = (
        act("a", expected_ns=1),
        act("b", "a", expected_ns=2),
        act("c", "a", expected_ns=10),
        Step("w", StepKind.WAIT, needs=("b",), wait_ns=5),
        Step("q", StepKind.CONDITION, needs=("c", "w"), condition="true"),
    )
    assert remaining(*steps) == {"a": 11, "b": 7, "c": 10, "w": 5, "q": 0}


def test_groups_are_as_long_as_their_longest_chain_and_what_follows() -> None:
    steps = (
        group(
            "g",
            StepKind.PARALLEL,
            act("x", expected_ns=3),
            group("s", StepKind.SEQUENTIAL, act("y", expected_ns=2), act("z", expected_ns=2)),
        ),
        act("after", "g", expected_ns=10),
    )
    assert remaining(*steps) == {"g": 14, "x": 13, "s": 14, "y": 14, "z": 12, "after": 10}


def longest(plan: Plan, step: PlanStep) -> int:
    """The definition as a recursion: own length, then the longest of what waits for it or its group."""
    return length(plan, step) + after(plan, step)


def after(plan: Plan, step: PlanStep) -> int:
    if step.dependents:
        return max(longest(plan, plan.steps[number]) for number in step.dependents)
    return after(plan, plan.steps[step.parent]) if step.parent >= 0 else 0


def length(plan: Plan, step: PlanStep) -> int:
    if not step.children_count:
        return step.expected_ns
    roots = [plan.steps[number] for number in step.roots]
    return max(longest(plan, root) for root in roots) - after(plan, step)


@given(st.integers(0, 10**9))
def test_remaining_paths_are_those_of_the_recursion(seed: int) -> None:
    plan = build(Workflows(seed).workflow())
    for step in plan.steps:
        assert step.remaining_ns == longest(plan, step)
