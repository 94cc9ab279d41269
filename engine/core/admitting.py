"""Executions and their admission: a slot by priority and waiting, and capacity for their first steps."""

from collections.abc import Mapping
from typing import Final

from engine.core import optimizer
from engine.core.admission import Queue, Rank, Slots
from engine.core.capacity import Capacity
from engine.core.facts import ExecutionFacts
from engine.core.identifiers import EndedIds
from engine.core.limits import Limits
from engine.core.states import ExecutionState

_PENDING: Final = ExecutionState.PENDING


def _is_queued(execution: ExecutionFacts) -> bool:
    return execution.state is _PENDING


class AdmissionMachine:
    """Executions before they run."""

    version: int  # of the history: engines of version 1 knew neither ageing nor priorities of steps

    def __init__(self, limits: Limits) -> None:
        """Start empty."""
        self.limits = limits
        self._admission: Slots[ExecutionFacts] = Slots(limits.max_concurrency, _is_queued)
        self._ended_ids = EndedIds(limits.ids_remembered)
        self._capacity = Capacity()
        self._held_executions: Queue[ExecutionFacts] = Queue(_is_queued)  # for want of capacity

    @property
    def queued_count(self) -> int:
        """How many executions wait for admission."""
        return self._admission.queue.length + self._held_executions.length

    def _queue_for_admission(self, execution: ExecutionFacts) -> None:
        self._admission.queue.push(self._admission_rank(execution), execution)

    def _next_admission(self, now: int) -> ExecutionFacts | None:
        """Return who is to be admitted now and take them out of their queue; None where nobody can be."""
        if not self._admission.is_free:
            return None
        held = self._held_executions
        first = held.peek() if held.length else None
        if first is not None and self._capacity.fits(_first_demand(first)):
            return held.pop()
        queue = self._admission.queue
        while queue.length:
            execution = queue.pop()
            if execution is None:
                return None
            demand = _first_demand(execution) if self.limits.capacity_aware else None
            if not demand or not (held.length or not self._capacity.fits(demand)):
                return execution
            execution.held_ns = now
            held.push(self._admission_rank(execution), execution)
        return None

    def _leave_admission(self, execution: ExecutionFacts) -> None:
        """Note that an execution has stopped waiting for admission by itself."""
        (self._admission.queue if execution.held_ns < 0 else self._held_executions).leave()

    def _admission_rank(self, execution: ExecutionFacts) -> Rank:
        ageing_ns = self.limits.ageing_ns
        if ageing_ns is None:
            return (-execution.priority, execution.index)
        return (execution.submitted_ns - execution.priority * ageing_ns, execution.index)


def _first_demand(execution: ExecutionFacts) -> Mapping[str, int]:
    plan = execution.plan
    return optimizer.first_demand(plan.steps, plan.roots)
