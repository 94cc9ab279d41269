"""Which way an execution goes: what is passed over, and the values on which conditions decide it."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

from engine.core.definition import StepKind
from engine.core.facts import Scope, StepFacts
from engine.core.parameters import look_up
from engine.core.states import ENDED_STEPS, StepState

_CONDITION: Final = StepKind.CONDITION
_COMPLETED: Final = StepState.COMPLETED
_SKIPPED: Final = StepState.SKIPPED
_PENDING: Final = StepState.PENDING
_FAILED: Final = (StepState.FAILED, StepState.ROLLED_BACK)
_NOT_DONE: Final = (StepState.OMITTED, StepState.CANCELLED)


class Way(IntEnum):
    """What becomes of a step whose needs have ended."""

    RUN = 0
    SKIP = 1
    OMIT = 2


def way_of(step: StepFacts) -> Way:
    """Return what becomes of a ready step because of how what it waited for came out."""
    plan = step.plan
    steps = step.scope.steps
    if any(_keeps_out(steps[number], plan.index) for number in plan.builds_on):
        return Way.OMIT
    if plan.in_sequence and steps[plan.parent].halted:
        return Way.SKIP
    if plan.deciders and not any(_took(steps[number], plan.index) for number in plan.deciders):
        return Way.SKIP
    needs = [steps[number] for number in plan.needs]
    if any(need.plan.kind is _CONDITION and need.outputs.get("outcome") is False for need in needs):
        return Way.SKIP
    is_cut_off = bool(needs) and all(need.state is _SKIPPED and not need.overridden for need in needs)
    return Way.SKIP if is_cut_off else Way.RUN


def _keeps_out(need: StepFacts, number: int) -> bool:
    """Tell whether a step did not do what `number` needs of it."""
    if need.state in _NOT_DONE:
        return True
    plan = need.plan
    if need.state not in _FAILED or plan.definition.continue_on_failure or number in plan.on_failure:
        return False
    return not (plan.on_failure and number in plan.on_success)  # the other path: skipped


def _took(decider: StepFacts, number: int) -> bool:
    """Tell whether a step led to `number`."""
    plan = decider.plan
    if decider.state in _FAILED:
        return number in plan.on_failure
    if decider.overridden:  # nobody has decided: its default branch, if it has one
        has_default = bool(plan.branches) and not plan.expressions[-1]
        return number in plan.on_success or (has_default and number in plan.branches[-1])
    if decider.state is not _COMPLETED:
        return False
    branch = decider.outputs["branch"] if plan.branches else -1
    return number in plan.on_success or (branch >= 0 and number in plan.branches[branch])


def values_of(scope: Scope) -> dict[str, Any]:
    """Return what conditions of a scope see; it is kept up to date with `value_of`.

    An iteration also sees the steps around its loop, as they are when it asks.
    """
    values = scope.values
    if values is None:
        own = {step.plan.id: value_of(step) for step in scope.steps}
        values = scope.values = {"variables": scope.variables, "steps": own}
    if scope.plan.is_body and scope.owner is not None:
        around = values_of(scope.owner.scope)["steps"]
        return {"variables": scope.variables, "steps": {**around, **values["steps"]}}
    return values


def value_of(step: StepFacts) -> dict[str, Any]:
    """Return what conditions see of a step: nothing but ``pending`` until it has ended."""
    state = step.state if step.state in ENDED_STEPS else _PENDING
    return {"state": state.value, "outputs": step.outputs}


def values_after(step: StepFacts) -> dict[str, Any]:
    """Return what a post-condition sees: its own step as if it had completed."""
    values = values_of(step.scope)
    own = {"state": _COMPLETED.value, "outputs": step.outputs}
    return {**values, "steps": {**values["steps"], step.plan.id: own}}


def names_of(step: StepFacts, *, refers: bool) -> Mapping[str, Any]:
    """Return what references in a step's parameters find; `refers` says that they go beyond variables."""
    scope = step.scope
    if not refers:
        return scope.variables
    steps = values_of(scope)["steps"]
    return {**scope.variables, "steps": steps, "outputs": step.outputs, "memory": step.memory}


def exported(step: StepFacts, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables that a step exports from its outputs; raises `UnknownVariable`."""
    exports = step.plan.definition.exports
    return {
        name: look_up(outputs, tuple(path.split("."))) if path else dict(outputs)
        for name, path in exports.items()
    }


def home_of(scope: Scope) -> Scope:
    """Return the scope of the workflow that a scope is part of: of an iteration, the one around its loops."""
    while scope.plan.is_body and scope.owner is not None:
        scope = scope.owner.scope
    return scope


def is_within(step: StepFacts, container: StepFacts) -> bool:
    """Tell whether a step is inside a group, a loop or a subflow, at any depth."""
    scope = step.scope
    while scope is not container.scope:
        if scope.owner is None:
            return False
        step = scope.owner
        scope = step.scope
        if step is container:
            return True
    return step.plan.index in container.plan.descendants


def container_of(step: StepFacts) -> StepFacts | None:
    """Return the group, loop or subflow right around a step, or None at the execution's own level."""
    parent = step.plan.parent
    return step.scope.steps[parent] if parent >= 0 else step.scope.owner
