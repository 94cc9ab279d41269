"""Where the time of a step, a container and an execution went: charged to named causes, without residual.

A leaf's time is made of what its attempts waited for, the spans of those attempts (which its world recorded),
the back-off between them, and declared waits. A container's is that of its critical chain: from the step
whose end ended it back along `ready_by` to the one that opened with it. What of a wait, or of a gap in a
chain, lies in a pause of the execution is charged to the pause.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.core.causes import Cause
from engine.core.definition import StepKind
from engine.core.errors import ProtocolError
from engine.core.facts import AttemptFacts, ExecutionFacts, StepFacts
from engine.core.states import ENDED_ATTEMPTS, ENDED_EXECUTIONS, ENDED_STEPS

Span = tuple[Cause, int, int]  # cause, start, end; integer nanoseconds
Spans = Mapping[tuple[str, int], Sequence[Span]]  # (step id, attempt number) -> contiguous spans
Causes = dict[Cause, int]

CONTAINERS: Final = (StepKind.PARALLEL, StepKind.SEQUENTIAL, StepKind.LOOP, StepKind.SUBFLOW)


@dataclass(slots=True)
class Ledger:
    """What is charged to the steps of one execution, up to `until_ns` for what has not ended."""

    execution: ExecutionFacts
    spans: Spans
    until_ns: int
    critical: dict[str, None] = field(default_factory=dict)  # the steps that the execution's end waited for
    _charged: dict[str, Causes] = field(default_factory=dict)

    def end_ns(self, step: StepFacts) -> int:
        """Return when a step ended; what undoes it afterwards is the execution's."""
        is_ended = step.state in ENDED_STEPS or (step.undoing and step.ended_ns >= 0)
        return step.ended_ns if is_ended else self.until_ns

    def causes(self, step: StepFacts) -> Causes:
        """Charge a step from its `ready_ns` to its end; nothing if it never became ready, or was skipped."""
        known = self._charged.get(step.id)
        if known is not None:
            return known
        charged: Causes = {}
        self._charged[step.id] = charged
        if step.ready_ns < 0:
            return charged
        end_ns = self.end_ns(step)
        if step.plan.kind in CONTAINERS:
            opened_ns = step.started_ns if step.started_ns >= 0 else end_ns
            self._charge_wait(charged, Cause.LOCK, step.ready_ns, opened_ns)
            for child in self._chain(step, opened_ns, end_ns, charged):
                add(charged, self.causes(child))
        else:
            self._charge_leaf(charged, step, end_ns)
        if sum(charged.values()) != end_ns - step.ready_ns:
            total_ns = sum(charged.values())
            message = f"step {step.id!r}: {total_ns} ns charged of {end_ns - step.ready_ns} ns: {charged}"
            raise ProtocolError(message)
        return charged

    def execution_causes(self) -> Causes:
        """Charge the execution from its submission to its end, and note which steps were critical."""
        execution = self.execution
        is_ended = execution.state in ENDED_EXECUTIONS
        ended_ns = execution.ended_ns if is_ended else self.until_ns
        charged: Causes = {}
        admitted_ns = execution.admitted_ns if execution.admitted_ns >= 0 else ended_ns
        held_ns = execution.held_ns if execution.held_ns >= 0 else admitted_ns
        charge(charged, Cause.ADMISSION, execution.submitted_ns, held_ns)
        charge(charged, Cause.CAPACITY, held_ns, admitted_ns)
        stopped_ns = execution.stopped_ns if execution.stopped_ns >= 0 else ended_ns
        for step in self._chain(None, admitted_ns, stopped_ns, charged):
            add(charged, self.causes(step))
            self._note_critical(step)
        self._charge_rollbacks(charged, stopped_ns, ended_ns)
        if sum(charged.values()) != ended_ns - execution.submitted_ns:
            total_ns, duration_ns = sum(charged.values()), ended_ns - execution.submitted_ns
            message = (
                f"execution {execution.execution_id!r}: {total_ns} ns charged of {duration_ns} ns: {charged}"
            )
            raise ProtocolError(message)
        return charged

    # -- chains

    def _chain(
        self, container: StepFacts | None, opened_ns: int, end_ns: int, charged: Causes
    ) -> Iterator[StepFacts]:
        """Yield the critical chain of a container, or of the execution, from its last step to its first.

        Where a step could have begun earlier than it did, its execution was paused.
        """
        steps = self.execution.steps
        inside = container.id if container is not None else ""
        step = self._last_inside(container, inside, end_ns)
        at_ns = end_ns
        while step is not None:
            self._charge_wait(charged, Cause.PAUSE, self.end_ns(step), at_ns)
            yield step
            at_ns = step.ready_ns if step.ready_ns >= 0 else self.end_ns(step)
            step = steps[step.ready_by] if step.ready_by and step.ready_by != inside else None
        self._charge_wait(charged, Cause.PAUSE, opened_ns, at_ns)

    def _last_inside(self, container: StepFacts | None, inside: str, end_ns: int) -> StepFacts | None:
        """Return the step on a level that its end waited for.

        The one that is noted; or, of what has not ended, one that runs, or one that a pause holds back; or
        any that ended then.
        """
        steps = self.execution.steps
        noted = self.execution.last_step if container is None else container.ended_by
        if noted:
            step = self._on_level(steps[noted], inside)
            if self.end_ns(step) == end_ns:
                return step
        level = [step for step in steps.values() if step.parent == inside and step.ready_ns >= 0]
        found = next((step for step in level if step.state not in ENDED_STEPS), None)
        if found is not None:
            return found
        for held, ready_by in self.execution.held:
            if held.parent == inside and ready_by != inside:
                return steps.get(ready_by)
        return next((step for step in level if self.end_ns(step) == end_ns and step.started_ns >= 0), None)

    def _on_level(self, step: StepFacts, inside: str) -> StepFacts:
        """Return what a step is part of, on the level of what is inside a container."""
        while step.parent and step.parent != inside:
            step = self.execution.steps[step.parent]
        return step

    def _note_critical(self, step: StepFacts) -> None:
        self.critical[step.id] = None
        if step.plan.kind in CONTAINERS and step.ready_ns >= 0:
            opened_ns = step.started_ns if step.started_ns >= 0 else self.end_ns(step)
            for child in self._chain(step, opened_ns, self.end_ns(step), {}):
                self._note_critical(child)

    # -- leaves

    def _charge_leaf(self, charged: Causes, step: StepFacts, end_ns: int) -> None:
        """Charge what a step's attempts waited for and did, and what lay between them."""
        between = _between(step)
        at_ns = step.ready_ns
        for attempt in step.attempts:
            if attempt.is_rollback and attempt.runnable_ns >= end_ns:
                break  # undone after its end
            self._charge_wait(charged, between, at_ns, attempt.runnable_ns)
            at_ns = self._charge_attempt(charged, step, attempt)
        self._charge_wait(charged, between, at_ns, end_ns)

    def _charge_attempt(self, charged: Causes, step: StepFacts, attempt: AttemptFacts) -> int:
        """Charge one attempt, and return its end."""
        end_ns = attempt.ended_ns if attempt.outcome in ENDED_ATTEMPTS else self.until_ns
        if attempt.started_ns != attempt.runnable_ns:  # else it has waited for nothing
            for cause, start_ns, stop_ns in waits(attempt, end_ns):
                self._charge_wait(charged, cause, start_ns, stop_ns)
        if attempt.started_ns >= 0:
            spans = self.spans.get((step.id, attempt.number), ())
            for cause, start_ns, stop_ns in contiguous(spans, attempt.started_ns, end_ns, step.id):
                charge(charged, cause, start_ns, stop_ns)
        return end_ns

    def _charge_rollbacks(self, charged: Causes, stopped_ns: int, ended_ns: int) -> None:
        """Charge the attempts that undid an execution, one after the other."""
        at_ns = stopped_ns
        for step_id in self.execution.undone:
            step = self.execution.steps[step_id]
            for attempt in step.attempts:
                if attempt.is_rollback:
                    self._charge_wait(charged, Cause.RETRY_BACKOFF, at_ns, attempt.runnable_ns)
                    at_ns = self._charge_attempt(charged, step, attempt)
        if self.execution.undone:
            self._charge_wait(charged, Cause.RETRY_BACKOFF, at_ns, ended_ns)

    def _charge_wait(self, charged: Causes, cause: Cause, start_ns: int, end_ns: int) -> None:
        """Charge a wait; what of it lies in a pause is charged to that."""
        if start_ns == end_ns:
            return
        paused_ns = 0
        for from_ns, to_ns in self.execution.pauses:
            until_ns = to_ns if to_ns >= 0 else self.until_ns
            paused_ns += max(0, min(until_ns, end_ns) - max(from_ns, start_ns))
        charge(charged, Cause.PAUSE, 0, paused_ns)
        charge(charged, cause, start_ns, end_ns - paused_ns)


def _between(step: StepFacts) -> Cause:
    """Return what the time of a leaf outside of its attempts is charged to."""
    definition = step.plan.definition
    if step.plan.kind is StepKind.WAIT and not definition.signal and not definition.fetch:
        return Cause.DECLARED_WORK
    return Cause.RETRY_BACKOFF if step.plan.kind is StepKind.ACTION else Cause.SIGNAL


def waits(attempt: AttemptFacts, end_ns: int) -> Iterator[Span]:
    """Yield what an attempt waited for, without gaps from the instant it may run to its start, or its end.

    What it was held for is written down; the rest is its locks until it has them, and then a step slot.
    """
    until_ns = attempt.started_ns if attempt.started_ns >= 0 else end_ns
    locked_ns = attempt.locked_ns if attempt.locked_ns >= 0 else until_ns
    at_ns = attempt.runnable_ns
    for cause, start_ns, stop_ns in (*attempt.held, (Cause.DISPATCH_QUEUE, until_ns, until_ns)):
        before_ns = min(max(at_ns, locked_ns), start_ns)
        yield Cause.LOCK, at_ns, before_ns
        yield Cause.DISPATCH_QUEUE, before_ns, start_ns
        at_ns = stop_ns if stop_ns >= 0 else until_ns
        yield cause, start_ns, at_ns


def contiguous(spans: Sequence[Span], started_ns: int, ended_ns: int, step_id: str) -> Sequence[Span]:
    """Return `spans`; raises `ProtocolError` unless they cover an attempt exactly and without gaps."""
    at_ns = started_ns
    for cause, start_ns, end_ns in spans:
        if start_ns != at_ns or end_ns < start_ns:
            message = f"step {step_id!r}: span ({cause}, {start_ns}, {end_ns}) does not follow {at_ns} ns"
            raise ProtocolError(message)
        at_ns = end_ns
    if at_ns != ended_ns:
        message = f"step {step_id!r}: spans end at {at_ns} ns, its attempt at {ended_ns} ns"
        raise ProtocolError(message)
    return spans


def charge(charged: Causes, cause: Cause, start_ns: int, end_ns: int) -> None:
    """Charge an interval; one of no length leaves no trace."""
    if end_ns != start_ns:
        charged[cause] = charged.get(cause, 0) + end_ns - start_ns


def add(charged: Causes, more: Causes) -> None:
    """Add what was charged elsewhere."""
    for cause, duration_ns in more.items():
        charged[cause] = charged.get(cause, 0) + duration_ns
