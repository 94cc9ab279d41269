"""Making a workflow set cheaper: which of the waiting steps gets a free step slot.

``critical-path``: the step with the longest expected path to the end of its workflow goes first, as
everything on a shorter path can still be done beside it (Graham 1969, list scheduling by levels). Ties, and
``fifo``, go by order of submission, then of definition.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from engine.core.admission import Rank
from engine.core.definition import Step, StepKind

if TYPE_CHECKING:  # plan.py calls this module
    from engine.core.limits import Limits
    from engine.core.plan import PlanStep


def expected_ns(step: Step) -> int:
    """Return how long a step is believed to take by itself; groups take what their children take."""
    if step.kind is StepKind.ACTION:
        return step.expected_ns
    return step.wait_ns


def set_remaining(steps: Sequence["PlanStep"]) -> None:
    """Set `remaining_ns` of a plan's steps.

    A step's remaining path is its own time and the longest of what waits for it; for the last steps of a
    group, of what waits for the group. A group's is that of its longest child chain.
    """
    by_level: dict[int, list[PlanStep]] = {}
    for step in steps:
        by_level.setdefault(step.parent, []).append(step)
    pending = [(-1, 0)]  # a level, and what remains after it
    while pending:
        level, after_ns = pending.pop()
        for step in _from_last_to_first(by_level[level]):
            tail_ns = max((steps[dependent].remaining_ns for dependent in step.dependents), default=after_ns)
            if step.children_count:
                step.remaining_ns = tail_ns + _length_ns(steps, by_level, step.index)
                pending.append((step.index, tail_ns))
            else:
                step.remaining_ns = tail_ns + step.expected_ns


def dispatch_rank(step: "PlanStep", limits: "Limits", runnable_ns: int, priority: int) -> Rank:
    """Return the rank of a waiting step: the smallest is dispatched first.

    Without ageing, priority decides, then the policy. With it there is one scale, of time: a step counts as
    runnable so much earlier as its priority is worth and, on the critical path, as its remaining path is
    long. So whoever becomes runnable later than that after a step can never pass it, and nobody starves.
    """
    is_critical = limits.dispatch == "critical-path"
    if limits.ageing_ns is None:
        return (-priority, -step.remaining_ns if is_critical else runnable_ns)
    lead_ns = step.remaining_ns if is_critical else 0
    return (runnable_ns - priority * limits.ageing_ns - lead_ns,)


def first_demand(steps: Sequence["PlanStep"], roots: Sequence[int]) -> Mapping[str, int]:
    """Return what the first steps of a workflow demand of the cluster together, groups opened."""
    total: dict[str, int] = {}
    pending = list(roots)
    while pending:
        step = steps[pending.pop()]
        pending.extend(step.roots)
        for name, amount in step.demand.items():
            if amount:
                total[name] = total.get(name, 0) + amount
    return total


def _length_ns(steps: Sequence["PlanStep"], by_level: dict[int, list["PlanStep"]], group: int) -> int:
    """Return the expected length of a group's longest chain (nesting is limited, so recursion is)."""
    longest: dict[int, int] = {}
    for step in _from_last_to_first(by_level[group]):
        own_ns = _length_ns(steps, by_level, step.index) if step.children_count else step.expected_ns
        longest[step.index] = own_ns + max((longest[dependent] for dependent in step.dependents), default=0)
    return max(longest.values())


def _from_last_to_first(level: Sequence["PlanStep"]) -> list["PlanStep"]:
    """Order siblings so that everybody comes after its dependents."""
    waiting = {step.index: len(step.dependents) for step in level}
    needs: dict[int, list[PlanStep]] = {step.index: [] for step in level}
    for step in level:
        for dependent in step.dependents:
            needs[dependent].append(step)
    ordered = [step for step in level if not step.dependents]
    for step in ordered:  # grows while it is walked
        for need in needs[step.index]:
            waiting[need.index] -= 1
            if waiting[need.index] == 0:
                ordered.append(need)
    return ordered
