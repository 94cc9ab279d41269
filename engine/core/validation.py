"""What a definition must keep to before it may exist. Every refusal names the step and what was expected."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from engine.core.conditions import EXPRESSION_LENGTH_MAX
from engine.core.errors import DefinitionError

if TYPE_CHECKING:  # definition.py calls this module while it builds
    from engine.core.definition import RetryPolicy, Step, Workflow

STEPS_MAX: Final = 10_000
NESTING_MAX: Final = 16
ATTEMPTS_MAX: Final = 100
DURATION_NS_MAX: Final = 366 * 24 * 3_600 * 1_000_000_000
_BACKOFF_MAX: Final = 100.0
_ID: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9])?")

# Fields that apply to some kinds only, the kinds they apply to, and whether those kinds must have them.
_APPLIES: Final[tuple[tuple[str, tuple[str, ...], bool], ...]] = (
    ("action", ("action",), True),
    ("parameters", ("action",), False),
    ("timeout_ns", ("action",), False),
    ("lock", ("action",), False),
    ("condition", ("condition",), True),
    ("branches", ("decision",), True),
    ("wait_ns", ("wait",), False),
    ("steps", ("parallel", "sequential"), True),
)


def validate(workflow: "Workflow") -> None:
    """Raise `DefinitionError` unless the workflow could run."""
    if not _is_id(workflow.name):
        raise DefinitionError(f"workflow name {workflow.name!r}: expected {_ID.pattern}")
    where = f"workflow {workflow.name!r}"
    if not workflow.steps:
        raise DefinitionError(f"{where} has no steps")
    _check_duration(workflow.timeout_ns, f"{where}: timeout_ns", positive=True)
    seen: set[str] = set()
    for level, depth in _levels(workflow.steps):
        if depth > NESTING_MAX:
            raise DefinitionError(f"{where}: groups nest deeper than {NESTING_MAX}")
        for step in level:
            if step.id in seen:
                raise DefinitionError(f"{where}: duplicate step id {step.id!r}")
            seen.add(step.id)
            if len(seen) > STEPS_MAX:
                raise DefinitionError(f"{where}: more than {STEPS_MAX} steps")
            _check_step(step, f"{where}: step {step.id!r}")
        order = dependencies(level)
        _check_needs(level, order, where)


def dependencies(level: Sequence["Step"]) -> dict[str, tuple[str, ...]]:
    """Return what must end before each step of a level: its needs, then the decisions it is a branch of."""
    order = {step.id: list(dict.fromkeys(step.needs)) for step in level}
    for step in level:
        for branch in step.branches:
            for target in branch.steps:
                if target in order and step.id not in order[target]:
                    order[target].append(step.id)
    return {step_id: tuple(needs) for step_id, needs in order.items()}


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _levels(steps: Sequence["Step"]) -> Iterator[tuple[Sequence["Step"], int]]:
    """Yield each group of siblings with its depth, without recursion (the depth is not trusted yet)."""
    pending: list[tuple[Sequence[Step], int]] = [(steps, 0)]
    while pending:
        level, depth = pending.pop()
        yield level, depth
        pending.extend((step.steps, depth + 1) for step in reversed(level) if step.steps)


def _check_step(step: "Step", where: str) -> None:
    if not _is_id(step.id):
        raise DefinitionError(f"{where}: expected an id of the form {_ID.pattern}")
    for name, kinds, required in _APPLIES:
        value = getattr(step, name)
        empty = value in (None, "", (), 0) or value == {}
        if step.kind not in kinds and not empty:
            raise DefinitionError(f"{where}: {name} does not apply to a {step.kind} step")
        if step.kind in kinds and required and empty:
            raise DefinitionError(f"{where}: a {step.kind} step must have {name}")
    _check_duration(step.timeout_ns, f"{where}: timeout_ns", positive=True)
    _check_duration(step.wait_ns, f"{where}: wait_ns")
    _check_duration(step.expected_ns, f"{where}: expected_ns")
    _check_retry(step.retry, f"{where}: retry", applies=step.kind == "action")
    _check_expressions(step, where)
    _check_branches(step, where)
    _check_json(step.parameters, f"{where}: parameters")


def _check_duration(value: Any, where: str, *, positive: bool = False) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise DefinitionError(f"{where}: expected whole nanoseconds, not {value!r}")
    if not positive <= value <= DURATION_NS_MAX:
        raise DefinitionError(f"{where}: {value} is not between {int(positive)} and {DURATION_NS_MAX}")


def _check_retry(retry: "RetryPolicy", where: str, *, applies: bool) -> None:
    if not applies and retry.max_attempts != 1:
        raise DefinitionError(f"{where}: only action steps are tried again")
    if not 1 <= retry.max_attempts <= ATTEMPTS_MAX:
        raise DefinitionError(
            f"{where}: max_attempts {retry.max_attempts} is not between 1 and {ATTEMPTS_MAX}"
        )
    if not 1.0 <= retry.backoff <= _BACKOFF_MAX:
        raise DefinitionError(f"{where}: backoff {retry.backoff} is not between 1 and {_BACKOFF_MAX:g}")
    _check_duration(retry.delay_ns, f"{where}: delay_ns")
    _check_duration(retry.delay_ns_max, f"{where}: delay_ns_max")


def _check_expressions(step: "Step", where: str) -> None:
    texts = (step.when, step.condition, *(branch.when for branch in step.branches))
    for text in texts:
        if len(text) > EXPRESSION_LENGTH_MAX:
            raise DefinitionError(
                f"{where}: an expression of {len(text)} characters; at most {EXPRESSION_LENGTH_MAX}"
            )


def _check_branches(step: "Step", where: str) -> None:
    for position, branch in enumerate(step.branches):
        if not branch.when and position != len(step.branches) - 1:
            raise DefinitionError(f"{where}: the default branch must be the last")
        if not branch.steps and branch.when:
            raise DefinitionError(f"{where}: branch {branch.when!r} has no steps")


def _check_json(value: Any, where: str) -> None:
    """Refuse what a history could not write; iterative, as the depth is not trusted."""
    pending: list[Any] = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, Mapping):
            if not all(isinstance(key, str) for key in part):
                raise DefinitionError(f"{where}: keys must be text")
            pending.extend(part.values())
        elif isinstance(part, (list, tuple)):
            pending.extend(part)
        elif part is not None and not isinstance(part, (str, int, float)):
            raise DefinitionError(f"{where}: {part!r} is not a JSON value")


def _check_needs(level: Sequence["Step"], order: Mapping[str, Sequence[str]], where: str) -> None:
    ids = [step.id for step in level]
    for step in level:
        targets = [target for branch in step.branches for target in branch.steps]
        for name in (*step.needs, *targets):
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
