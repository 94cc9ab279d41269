"""A workflow as the machine reads it: flattened, indexed and computed once when it is registered.

Steps are numbered in order of definition, groups before their children. All references between steps are
numbers. A loop's body is a plan of its own, and so is the workflow that a subflow runs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.core import optimizer, ordering
from engine.core.definition import RetryPolicy, Step, StepKind, Workflow
from engine.core.errors import DefinitionError
from engine.core.parameters import Resolver, compile_value, refers
from engine.core.validation import dependencies, targets_of


@dataclass(slots=True)
class PlanRollback:
    """How a step is undone; the fields are those of a `PlanStep` that an attempt needs."""

    action: str
    is_own: bool  # the `rollback` of the step's own action
    parameters: Mapping[str, Any]
    resolve_parameters: Resolver | None
    refers: bool
    retry: RetryPolicy
    timeout_ns: int | None


@dataclass(slots=True)
class PlanStep:
    """One step of a plan."""

    index: int
    id: str
    kind: StepKind
    action: str
    parent: int  # the group it is a child of; -1 at the top level
    parent_id: str
    in_sequence: bool  # a child of a sequential group
    needs: tuple[int, ...]  # what its definition names: these decide whether it is skipped
    deciders: tuple[int, ...]  # the steps that it is a way out of: a branch, or a path on success or failure
    builds_on: tuple[
        int, ...
    ]  # needs, deciders and what comes before it in a sequence: it runs if they went well
    waits_for_count: int  # those of them whose end is not implied by that of others
    dependents: tuple[int, ...]  # who waits for it, in order of definition
    roots: tuple[int, ...]  # of a group: the children that wait for no other child
    children_count: int  # of a group
    descendants: range  # of a group: everything inside it
    when: str
    expressions: tuple[str, ...]  # a condition's own; a decision's branches in order ("" is the default)
    branches: tuple[tuple[int, ...], ...]  # of a decision: the steps of each branch
    wait_ns: int
    retry: RetryPolicy
    timeout_ns: int | None
    parameters: Mapping[str, Any]
    resolve_parameters: Resolver | None  # None: they hold no references
    locks: tuple[str, ...]
    resolve_locks: Resolver | None
    demand: Mapping[str, int]
    expected_ns: int
    remaining_ns: (
        int  # expected time of the longest path from the start of this step to the end of the workflow
    )
    definition: Step
    on_success: tuple[int, ...]
    on_failure: tuple[int, ...]
    handles: bool  # its failure ends here: there is a path on failure, or it counts nowhere
    refers: bool  # its parameters refer to more than variables
    has_epilogue: bool  # after its work comes a post-condition, an export, or the condition it fetched for
    rollback: PlanRollback | None
    body: "Plan | None" = field(repr=False, compare=False)  # of a loop and a subflow


@dataclass(slots=True)
class Plan:
    """A workflow's steps in order of definition, and the top-level ones that wait for nothing."""

    workflow: Workflow
    steps: tuple[PlanStep, ...]
    roots: tuple[int, ...]
    top_level_count: int
    last: int  # the last step of its top level
    depth: int  # how many subflows are inside one another
    steps_count: int  # those of its loops' bodies and subflows counted once
    is_body: bool  # of a loop


Subflow = Callable[[str], Plan]  # the plan of a registered workflow; raises where there is none


def _unknown(name: str) -> Plan:
    raise DefinitionError(f"no workflow {name!r} is known to run inside another")


def build(
    workflow: Workflow, subflow: Subflow = _unknown, *, reduce_needs: bool = False, parallelise: bool = False
) -> Plan:
    """Flatten a workflow; see `engine.core.ordering` for what the two switches do."""
    order: dict[str, list[str]] = {}
    for level, in_sequence in _levels(workflow.steps, in_sequence=False):
        waits_for = _waits_for(level, in_sequence=in_sequence, parallelise=parallelise)
        order |= ordering.reduce(waits_for) if reduce_needs else waits_for
    return _build(workflow, workflow.steps, order, subflow, is_body=False)


def _build(
    workflow: Workflow,
    level: Sequence[Step],
    order: Mapping[str, Sequence[str]],
    subflow: Subflow,
    *,
    is_body: bool,
) -> Plan:
    numbers = {step.id: number for number, step in enumerate(_walk(level))}
    bodies: dict[str, Plan] = {}
    for step in _walk(level):
        if step.kind is StepKind.LOOP:
            bodies[step.id] = _build(workflow, step.steps, order, subflow, is_body=True)
        elif step.kind is StepKind.SUBFLOW:
            bodies[step.id] = subflow(step.workflow)
    steps: list[PlanStep] = []
    _add_level(level, steps, numbers, order, bodies, parent=-1, parent_id="", in_sequence=False)
    optimizer.set_remaining(steps)
    roots = tuple(step.index for step in steps if step.parent == -1 and step.waits_for_count == 0)
    return Plan(
        workflow=workflow,
        steps=tuple(steps),
        roots=roots,
        top_level_count=len(level),
        last=numbers[level[-1].id],
        depth=max((body.depth + (not body.is_body) for body in bodies.values()), default=0),
        steps_count=len(steps) + sum(body.steps_count for body in bodies.values()),
        is_body=is_body,
    )


def _walk(level: Sequence[Step]) -> Iterator[Step]:
    """Yield the steps of a level and of the groups in it, but not those of loops."""
    for step in level:
        yield step
        if step.kind is not StepKind.LOOP:
            yield from _walk(step.steps)


def _add_level(
    level: Sequence[Step],
    steps: list[PlanStep],
    numbers: Mapping[str, int],
    order: Mapping[str, Sequence[str]],
    bodies: Mapping[str, Plan],
    *,
    parent: int,
    parent_id: str,
    in_sequence: bool,
) -> None:
    dependents: dict[str, list[int]] = {step.id: [] for step in level}
    deciders: dict[str, list[int]] = {step.id: [] for step in level}
    for step in level:
        for need in order[step.id]:
            dependents[need].append(numbers[step.id])
        for target in dict.fromkeys(targets_of(step)):
            deciders[target].append(numbers[step.id])
    for step in level:
        planned = _plan_step(
            step,
            numbers,
            bodies.get(step.id),
            parent=parent,
            parent_id=parent_id,
            in_sequence=in_sequence,
        )
        planned.waits_for_count = len(order[step.id])
        planned.dependents = tuple(dependents[step.id])
        planned.deciders = tuple(deciders[step.id])
        before = (numbers[need] for need in order[step.id])
        planned.builds_on = tuple(dict.fromkeys((*planned.needs, *planned.deciders, *before)))
        steps.append(planned)
        if planned.children_count:
            sequential = step.kind is StepKind.SEQUENTIAL
            _add_level(
                step.steps,
                steps,
                numbers,
                order,
                bodies,
                parent=planned.index,
                parent_id=step.id,
                in_sequence=sequential,
            )
            inside = range(planned.index + 1, len(steps))
            planned.descendants = inside
            planned.roots = tuple(
                number
                for number in inside
                if steps[number].parent == planned.index and not steps[number].waits_for_count
            )


def _levels(level: Sequence[Step], *, in_sequence: bool) -> Iterator[tuple[Sequence[Step], bool]]:
    yield level, in_sequence
    for step in level:
        if step.steps:
            yield from _levels(step.steps, in_sequence=step.kind is StepKind.SEQUENTIAL)


def _waits_for(level: Sequence[Step], *, in_sequence: bool, parallelise: bool) -> dict[str, list[str]]:
    order = {step_id: list(needs) for step_id, needs in dependencies(level).items()}
    if in_sequence:
        for step_id, before in ordering.sequence(level, parallelise=parallelise).items():
            order[step_id] += [need for need in before if need not in order[step_id]]
    return order


def _plan_step(
    step: Step,
    numbers: Mapping[str, int],
    body: Plan | None,
    *,
    parent: int,
    parent_id: str,
    in_sequence: bool,
) -> PlanStep:
    expressions = (step.condition,) if step.condition else tuple(branch.when for branch in step.branches)
    locks = (*((step.lock,) if step.lock else ()), *step.locks)
    is_wait = step.kind is StepKind.WAIT
    return PlanStep(
        index=numbers[step.id],
        id=step.id,
        kind=step.kind,
        action=step.action or step.fetch,
        parent=parent,
        parent_id=parent_id,
        in_sequence=in_sequence,
        needs=tuple(dict.fromkeys(numbers[need] for need in step.needs)),
        deciders=(),
        builds_on=(),
        waits_for_count=0,
        dependents=(),
        roots=(),
        children_count=0 if body is not None else len(step.steps),
        descendants=range(0),
        when=step.when,
        expressions=expressions,
        branches=tuple(tuple(numbers[target] for target in branch.steps) for branch in step.branches),
        wait_ns=step.wait_ns,
        retry=step.retry,
        timeout_ns=None if is_wait else step.timeout_ns,  # a wait's is that of all its attempts together
        parameters=step.parameters,
        resolve_parameters=compile_value(step.parameters),
        locks=locks,
        resolve_locks=compile_value(locks),
        demand=step.demand,
        expected_ns=_expected_ns(step, body),
        remaining_ns=0,
        definition=step,
        on_success=tuple(numbers[target] for target in step.on_success),
        on_failure=tuple(numbers[target] for target in step.on_failure),
        handles=bool(step.on_failure) or step.continue_on_failure,
        refers=refers(step.parameters) or refers(locks),
        has_epilogue=bool(step.ensure or step.exports or step.fetch),
        rollback=_plan_rollback(step),
        body=body,
    )


def _expected_ns(step: Step, body: Plan | None) -> int:
    """Return how long a step is believed to take; a loop, as far as its iterations can be counted."""
    if body is None:
        return optimizer.expected_ns(step)
    length_ns = max((inner.remaining_ns for inner in body.steps), default=0)
    rounds = 1
    if isinstance(step.items, tuple) and step.items:
        rounds = len(step.items)
    elif step.range and all(isinstance(bound, int) for bound in step.range):
        rounds = len(range(*(int(bound) for bound in step.range)))
    return -(-rounds // step.parallelism) * length_ns


def _plan_rollback(step: Step) -> PlanRollback | None:
    rollback = step.rollback
    if rollback is None:
        return None
    is_own = not rollback.action
    parameters = rollback.parameters or (step.parameters if is_own else {})
    return PlanRollback(
        action=rollback.action or step.action,
        is_own=is_own,
        parameters=parameters,
        resolve_parameters=compile_value(parameters),
        refers=refers(parameters),
        retry=rollback.retry,
        timeout_ns=rollback.timeout_ns,
    )
