"""Which way an execution goes: what is passed over, and the values on which conditions decide it."""

from typing import Any, Final

from engine.core.definition import StepKind
from engine.core.facts import ExecutionFacts, StepFacts
from engine.core.states import STEP, StepState

_CONDITION: Final = StepKind.CONDITION
_COMPLETED: Final = StepState.COMPLETED
_SKIPPED: Final = StepState.SKIPPED
_PENDING: Final = StepState.PENDING


def is_passed_over(execution: ExecutionFacts, step: StepFacts) -> bool:
    """Tell whether a ready step is skipped because of how what it waited for came out."""
    plan = step.plan
    steps = execution.steps_by_number
    if plan.in_sequence and steps[plan.parent].halted:
        return True
    if plan.deciders and not any(_took(steps[number], plan.index) for number in plan.deciders):
        return True
    needs = [steps[number] for number in plan.needs]
    if any(need.plan.kind is _CONDITION and need.outputs.get("outcome") is False for need in needs):
        return True
    return bool(needs) and all(need.state is _SKIPPED for need in needs)


def _took(decision: StepFacts, number: int) -> bool:
    if decision.state is not _COMPLETED:
        return False
    branch = decision.outputs["branch"]
    return branch >= 0 and number in decision.plan.branches[branch]


def values_of(execution: ExecutionFacts) -> dict[str, Any]:
    """Return what conditions of an execution see; the caller keeps it up to date with `value_of`."""
    return {
        "variables": execution.variables,
        "steps": {step.id: value_of(step) for step in execution.steps_by_number},
    }


def value_of(step: StepFacts) -> dict[str, Any]:
    """Return what conditions see of a step: nothing but ``pending`` until it has ended."""
    state = step.state if not STEP[step.state] else _PENDING
    return {"state": state.value, "outputs": step.outputs}
