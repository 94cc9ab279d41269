"""What a definition must keep to before it may exist. Every refusal names the step and what was expected."""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from engine.core.errors import DefinitionError
from engine.core.parameters import steps_referred_to
from engine.core.step_rules import check_count, check_duration, check_step, check_texts, static_locks

if TYPE_CHECKING:  # definition.py calls this module while it builds
    from engine.core.definition import Step, Workflow

STEPS_MAX: Final = 10_000
NESTING_MAX: Final = 16
FAILURES_MAX: Final = 10_000
_POLICIES: Final = ("fail-fast", "continue", "tolerate")
_ID: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9])?")


def validate(workflow: "Workflow") -> None:
    """Raise `DefinitionError` unless the workflow could run."""
    if not _is_id(workflow.name):
        raise DefinitionError(f"workflow name {workflow.name!r}: expected {_ID.pattern}")
    where = f"workflow {workflow.name!r}"
    if not workflow.steps:
        raise DefinitionError(f"{where} has no steps")
    check_duration(workflow.timeout_ns, f"{where}: timeout_ns", positive=True)
    _check_policy(workflow, where)
    defaults = _defaults(type(workflow.steps[0]))
    seen: dict[str, None] = {}
    for level, depth, held in _levels(workflow.steps):
        if depth > NESTING_MAX:
            raise DefinitionError(f"{where}: groups nest deeper than {NESTING_MAX}")
        for step in level:
            if step.id in seen:
                raise DefinitionError(f"{where}: duplicate step id {step.id!r}")
            seen[step.id] = None
            if len(seen) > STEPS_MAX:
                raise DefinitionError(f"{where}: more than {STEPS_MAX} steps")
            place = f"{where}: step {step.id!r}"
            if not _is_id(step.id):
                raise DefinitionError(f"{place}: expected an id of the form {_ID.pattern}")
            check_step(step, defaults, place)
            _check_lock_order(step, held, place)
            if step.workflow == workflow.name:
                raise DefinitionError(f"{place}: workflow {step.workflow!r} would run inside itself")
        order = dependencies(level)
        _check_needs(level, order, where)
    _check_references(workflow, seen, where)


def dependencies(level: Sequence["Step"]) -> dict[str, tuple[str, ...]]:
    """Return what must end before each step of a level: its needs, then the steps it is a way out of."""
    order = {step.id: list(dict.fromkeys(step.needs)) for step in level}
    for step in level:
        for target in targets_of(step):
            if target in order and step.id not in order[target]:
                order[target].append(step.id)
    return {step_id: tuple(needs) for step_id, needs in order.items()}


def targets_of(step: "Step") -> list[str]:
    """Return the steps that a step may lead to: its branches, and its paths on success and on failure."""
    return [target for branch in step.branches for target in branch.steps] + [
        *step.on_success,
        *step.on_failure,
    ]


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _levels(steps: Sequence["Step"]) -> Iterator[tuple[Sequence["Step"], int, str]]:
    """Yield each group of siblings with its depth and the last lock held around it.

    Without recursion, as the depth is not trusted yet.
    """
    pending: list[tuple[Sequence[Step], int, str]] = [(steps, 0, "")]
    while pending:
        level, depth, held = pending.pop()
        yield level, depth, held
        pending.extend(
            (step.steps, depth + 1, max(held, *static_locks(step), ""))
            for step in reversed(level)
            if step.steps
        )


def _defaults(kind: type["Step"]) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    for spec in dataclasses.fields(kind):
        if spec.default is not dataclasses.MISSING:
            defaults[spec.name] = spec.default
        elif spec.default_factory is not dataclasses.MISSING:
            defaults[spec.name] = spec.default_factory()
    return defaults


def _check_policy(workflow: "Workflow", where: str) -> None:
    policy = workflow.on_step_failure
    if policy not in _POLICIES:
        raise DefinitionError(f"{where}: on_step_failure {policy!r}: expected one of {', '.join(_POLICIES)}")
    check_count(workflow.failures_max, f"{where}: failures_max", 0, FAILURES_MAX)
    if bool(workflow.failures_max) != (policy == "tolerate"):
        raise DefinitionError(f"{where}: failures_max goes with on_step_failure 'tolerate', and that with it")
    check_texts(workflow.outputs, f"{where}: outputs")


def _check_references(workflow: "Workflow", ids: Mapping[str, None], where: str) -> None:
    """Refuse what refers to steps that the workflow does not have: it would fail when its turn came."""
    places: list[tuple[str, Any]] = [(f"{where}: outputs", workflow.outputs)]
    for step in workflow.walk():
        undoes = step.rollback.parameters if step.rollback is not None else {}
        given = (step.parameters, step.lock, step.locks, step.items, step.range, step.until, step.signal)
        places.append((f"{where}: step {step.id!r}", (*given, undoes)))
    for place, value in places:
        for name in steps_referred_to(value):
            if name not in ids:
                raise DefinitionError(
                    f"{place}: refers to step {name!r}, which the workflow does not have; it has "
                    f"{', '.join(list(ids)[:20])}{', ...' if len(ids) > 20 else ''}"
                )


def _check_lock_order(step: "Step", held: str, where: str) -> None:
    """Refuse a lock that could close a circle of waiting: inside another, names must come after it."""
    for name in static_locks(step):
        if held and name <= held:
            raise DefinitionError(
                f"{where}: takes lock {name!r} inside lock {held!r}; locks are taken in order of their names"
            )


def _check_needs(level: Sequence["Step"], order: Mapping[str, Sequence[str]], where: str) -> None:
    ids = [step.id for step in level]
    for step in level:
        for name in (*step.needs, *targets_of(step)):
            if name not in order:
                what = "needs" if name in step.needs else "branches to"
                raise DefinitionError(
                    f"{where}: step {step.id!r} {what} {name!r}, which is no step of its level; "
                    f"they are {', '.join(ids[:20])}{', ...' if len(ids) > 20 else ''}"
                )
    cycle = _cycle(ids, order)
    if cycle:
        raise DefinitionError(f"{where}: a cycle in needs: {' -> '.join(cycle)}")


def _cycle(ids: Iterable[str], order: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a cycle as a closed path, or nothing (Kahn's algorithm, then follow what is left)."""
    left = {step_id: len(order[step_id]) for step_id in ids}
    dependents: dict[str, list[str]] = {step_id: [] for step_id in left}
    for step_id, needs in order.items():
        for need in needs:
            dependents[need].append(step_id)
    free = [step_id for step_id, count in left.items() if count == 0]
    while free:
        step_id = free.pop()
        del left[step_id]
        for dependent in dependents[step_id]:
            left[dependent] -= 1
            if left[dependent] == 0:
                free.append(dependent)
    if not left:
        return []
    path = [next(iter(left))]
    while path[-1] not in path[:-1]:
        path.append(next(need for need in order[path[-1]] if need in left))
    return path[path.index(path[-1]) :]
