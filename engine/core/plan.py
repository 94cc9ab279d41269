"""A workflow as the machine reads it: flattened, indexed and computed once when it is registered.

Steps are numbered in order of definition, groups before their children. All references between steps are
numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.core import optimizer, ordering
from engine.core.definition import RetryPolicy, Step, StepKind, Workflow
from engine.core.parameters import Resolver, compile_value
from engine.core.validation import dependencies


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
    deciders: tuple[int, ...]  # the decisions that it is a branch of
    waits_for_count: int  # needs, deciders and the step before it in a sequence, each once
    dependents: tuple[int, ...]  # who waits for it, in order of definition
    roots: tuple[int, ...]  # of a group: the children that wait for no other child
    children_count: int
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


@dataclass(slots=True)
class Plan:
    """A workflow's steps in order of definition, and the top-level ones that wait for nothing."""

    workflow: Workflow
    steps: tuple[PlanStep, ...]
    roots: tuple[int, ...]
    top_level_count: int


def build(workflow: Workflow, *, reduce_needs: bool = False, parallelise: bool = False) -> Plan:
    """Flatten a workflow; see `engine.core.ordering` for what the two switches do."""
    order: dict[str, list[str]] = {}
    for level, in_sequence in _levels(workflow.steps, in_sequence=False):
        waits_for = _waits_for(level, in_sequence=in_sequence, parallelise=parallelise)
        order |= ordering.reduce(waits_for) if reduce_needs else waits_for
    numbers = {step.id: number for number, step in enumerate(workflow.walk())}
    steps: list[PlanStep] = []
    _add_level(workflow.steps, steps, numbers, order, parent=-1, parent_id="", in_sequence=False)
    optimizer.set_remaining(steps)
    roots = tuple(step.index for step in steps if step.parent == -1 and step.waits_for_count == 0)
    return Plan(workflow, tuple(steps), roots, len(workflow.steps))


def _add_level(
    level: Sequence[Step],
    steps: list[PlanStep],
    numbers: Mapping[str, int],
    order: Mapping[str, Sequence[str]],
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
        for target in dict.fromkeys(target for branch in step.branches for target in branch.steps):
            deciders[target].append(numbers[step.id])
    for step in level:
        planned = _plan_step(step, numbers, parent=parent, parent_id=parent_id, in_sequence=in_sequence)
        planned.waits_for_count = len(order[step.id])
        planned.dependents = tuple(dependents[step.id])
        planned.deciders = tuple(deciders[step.id])
        steps.append(planned)
        if step.steps:
            sequential = step.kind is StepKind.SEQUENTIAL
            _add_level(
                step.steps, steps, numbers, order, parent=planned.index, parent_id=step.id, in_sequence=sequential
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
    step: Step, numbers: Mapping[str, int], *, parent: int, parent_id: str, in_sequence: bool
) -> PlanStep:
    locks = (*((step.lock,) if step.lock else ()), *step.locks)
    expressions = (step.condition,) if step.condition else tuple(branch.when for branch in step.branches)
    return PlanStep(
        index=numbers[step.id],
        id=step.id,
        kind=step.kind,
        action=step.action,
        parent=parent,
        parent_id=parent_id,
        in_sequence=in_sequence,
        needs=tuple(dict.fromkeys(numbers[need] for need in step.needs)),
        deciders=(),
        waits_for_count=0,
        dependents=(),
        roots=(),
        children_count=len(step.steps),
        descendants=range(0),
        when=step.when,
        expressions=expressions,
        branches=tuple(tuple(numbers[target] for target in branch.steps) for branch in step.branches),
        wait_ns=step.wait_ns,
        retry=step.retry,
        timeout_ns=step.timeout_ns,
        parameters=step.parameters,
        resolve_parameters=compile_value(step.parameters),
        locks=locks,
        resolve_locks=compile_value(locks),
        demand=step.demand,
        expected_ns=optimizer.expected_ns(step),
        remaining_ns=0,
    )
