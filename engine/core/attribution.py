"""Where the time of steps and executions went: pure functions from facts and spans to rows.

A step's time is made of: waiting for its lock, waiting for a slot, the spans of its attempts (which its
world recorded), back-off between attempts, and declared waits. A group's is that of its critical chain of
children; an execution's is its admission and then its critical chain of steps, followed back from the step
whose end ended it along `ready_by`. Every sum is exact, or `ProtocolError` is raised: there is no residual.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.core.causes import Cause
from engine.core.errors import ProtocolError
from engine.core.events import Failure
from engine.core.facts import AttemptFacts, ExecutionFacts, StepFacts
from engine.core.records import AttemptRow, EffectRow, ExecutionRow, StepRow
from engine.core.states import ENDED_ATTEMPTS, ENDED_EXECUTIONS, ENDED_STEPS, ExecutionState, StepState

Span = tuple[Cause, int, int]  # cause, start, end; integer nanoseconds
Spans = Mapping[tuple[str, int], Sequence[Span]]  # (step id, attempt number) -> contiguous spans
Causes = dict[Cause, int]

_NEVER = (StepState.PENDING, StepState.SKIPPED)


@dataclass(slots=True)
class _Ledger:
    """What is charged so far to the steps of one execution, up to `until_ns` for what has not ended."""

    execution: ExecutionFacts
    spans: Spans
    until_ns: int

    def end_ns(self, step: StepFacts) -> int:
        return step.ended_ns if step.state in ENDED_STEPS else self.until_ns

    def causes(self, step: StepFacts) -> Causes:
        """Charge a step from its `ready_ns` to its end; nothing if it never became ready, or was skipped."""
        charged: Causes = {}
        if step.ready_ns < 0:
            return charged
        if step.plan.children_count:
            _add(charged, self.opening(step))
            for child in self.chain(self._last_child(step)):
                if child.parent == step.id:
                    _add(charged, self.causes(child))
        elif step.plan.wait_ns and step.started_ns >= 0:
            _charge(charged, Cause.DECLARED_WORK, step.started_ns, self.end_ns(step))
        else:
            self._charge_attempts(charged, step)
        duration_ns = self.end_ns(step) - step.ready_ns
        if sum(charged.values()) != duration_ns:
            message = f"step {step.id!r}: {sum(charged.values())} ns charged of {duration_ns} ns: {charged}"
            raise ProtocolError(message)
        return charged

    def opening(self, group: StepFacts) -> Causes:
        """Charge a group from its `ready_ns` until it opened: it waited for its locks."""
        charged: Causes = {}
        opened_ns = group.started_ns if group.started_ns >= 0 else self.end_ns(group)
        _charge(charged, Cause.LOCK, group.ready_ns, opened_ns)
        return charged

    def _charge_attempts(self, charged: Causes, step: StepFacts) -> None:
        before_ns = step.ready_ns
        for attempt in step.attempts:
            end_ns = attempt.ended_ns if attempt.outcome in ENDED_ATTEMPTS else self.until_ns
            _charge(charged, Cause.RETRY_BACKOFF, before_ns, attempt.runnable_ns)
            for cause, start_ns, stop_ns in waits(attempt, end_ns):
                _charge(charged, cause, start_ns, stop_ns)
            if attempt.started_ns >= 0:
                spans = self.spans.get((step.id, attempt.number), ())
                for cause, start_ns, stop_ns in contiguous(spans, attempt.started_ns, end_ns, step.id):
                    _charge(charged, cause, start_ns, stop_ns)
            before_ns = end_ns
        if step.attempts:  # in a back-off that its execution, or the horizon, cut short
            _charge(charged, Cause.RETRY_BACKOFF, before_ns, self.end_ns(step))

    def chain(self, last: StepFacts | None) -> Iterator[StepFacts]:
        """Yield a critical chain backwards: a step, then what made it ready, and so on to admission.

        A group is followed into its chain of children, and is itself yielded before them.
        """
        step = last
        while step is not None:
            yield step
            child = self._last_child(step)
            step = child if child is not None else self._before(step)

    def _before(self, step: StepFacts) -> StepFacts | None:
        """Return what made a step ready; for a group's first child, what made the group ready."""
        steps = self.execution.steps
        while step.ready_by and step.ready_by == step.parent:
            step = steps[step.parent]
        return steps[step.ready_by] if step.ready_by else None

    def _last_child(self, group: StepFacts) -> StepFacts | None:
        """Return the child that a group's end waited for: the last to end, or the first that has not.

        None for what is no group, was skipped, or was stopped in the instant in which it opened.
        """
        if group.ended_by:
            return self.execution.steps[group.ended_by]
        end_ns = self.end_ns(group)
        steps = self.execution.steps_by_number
        children = (
            steps[number]
            for number in group.plan.descendants
            if steps[number].plan.parent == group.plan.index
        )
        return next((step for step in children if step.ready_ns >= 0 and self.end_ns(step) == end_ns), None)

    def last_step(self) -> StepFacts | None:
        """Return where the critical chain of the execution ends."""
        execution = self.execution
        if execution.last_step:
            return execution.steps[execution.last_step]
        live = (
            step for step in execution.steps_by_number if step.ready_ns >= 0 and step.state not in ENDED_STEPS
        )
        return next(live, None)


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


def execution_rows(
    execution: ExecutionFacts,
    spans: Spans,
    *,
    until_ns: int,
    detail: bool = False,
    effects: Mapping[tuple[str, int], Sequence[EffectRow]] | None = None,
) -> list[ExecutionRow | StepRow | AttemptRow | EffectRow]:
    """Return the rows of one execution: its own, then its steps in order.

    With `detail` each step is followed by its attempts and their effects. `until_ns` is the present: what has
    not ended is charged, and written as ended, up to there, its state ``unfinished``.
    """
    ledger = _Ledger(execution, spans, until_ns)
    leaves: dict[str, Causes] = {}
    on_path: list[Causes] = []
    critical: dict[str, None] = {}
    for step in ledger.chain(ledger.last_step()):
        critical[step.id] = None
        for group in _groups_of(execution, step):
            critical[group] = None
        if not step.plan.children_count:
            leaves[step.id] = ledger.causes(step)
            on_path.append(leaves[step.id])
    groups = [step for step in execution.steps_by_number if step.plan.children_count and step.id in critical]
    on_path += [ledger.opening(group) for group in groups]
    rows: list[ExecutionRow | StepRow | AttemptRow | EffectRow] = [_execution_row(ledger, on_path)]
    for step in execution.steps_by_number:
        causes = leaves[step.id] if step.id in leaves else ledger.causes(step)
        rows.append(_step_row(ledger, step, causes, critical=step.id in critical))
        if detail:
            for attempt in step.attempts:
                if attempt.started_ns >= 0:
                    rows.append(_attempt_row(ledger, step, attempt))
                    rows.extend((effects or {}).get((step.id, attempt.number), ()))
    return rows


def _groups_of(execution: ExecutionFacts, step: StepFacts) -> Iterator[str]:
    while step.parent:
        yield step.parent
        step = execution.steps[step.parent]


def _execution_row(ledger: _Ledger, on_path: Sequence[Causes]) -> ExecutionRow:
    execution = ledger.execution
    is_ended = execution.state in ENDED_EXECUTIONS
    ended_ns = execution.ended_ns if is_ended else ledger.until_ns
    charged: Causes = {}
    admitted_ns = execution.admitted_ns if execution.admitted_ns >= 0 else ended_ns
    held_ns = execution.held_ns if execution.held_ns >= 0 else admitted_ns
    _charge(charged, Cause.ADMISSION, execution.submitted_ns, held_ns)
    _charge(charged, Cause.CAPACITY, held_ns, admitted_ns)
    for causes in on_path:
        _add(charged, causes)
    duration_ns = ended_ns - execution.submitted_ns
    if sum(charged.values()) != duration_ns:
        total_ns = sum(charged.values())
        message = (
            f"execution {execution.execution_id!r}: {total_ns} ns charged of {duration_ns} ns: {charged}"
        )
        raise ProtocolError(message)
    steps = execution.steps_by_number
    gap_ns = execution.progress_gap_ns_max
    return ExecutionRow(
        type="execution",
        execution=execution.execution_id,
        index=execution.index,
        workflow=execution.workflow,
        state=execution.state.value if is_ended else "unfinished",
        failure=_text(execution.failure),
        submitted_ns=execution.submitted_ns,
        admitted_ns=execution.admitted_ns,
        started_ns=execution.started_ns,
        ended_ns=ended_ns,
        steps_count=len(execution.plan.steps),
        steps_completed_count=sum(step.state is StepState.COMPLETED for step in steps),
        attempts_count=sum(_started_count(step) for step in steps),
        progress_gap_ns_max=gap_ns if is_ended else max(gap_ns, ended_ns - execution.progress_ns),
        causes={cause.value: charged[cause] for cause in charged},
    )


def _step_row(ledger: _Ledger, step: StepFacts, causes: Causes, *, critical: bool) -> StepRow:
    is_ended = step.state in ENDED_STEPS
    has_times = step.ready_ns >= 0 and step.state not in _NEVER
    execution_ended = ledger.execution.state is not ExecutionState.RUNNING
    return StepRow(
        type="step",
        execution=ledger.execution.execution_id,
        step=step.id,
        kind=step.kind.value,
        action=step.action,
        state=step.state.value if is_ended or execution_ended else "unfinished",
        failure=_text(step.failure),
        ready_ns=step.ready_ns if has_times else -1,
        started_ns=step.started_ns,
        ended_ns=ledger.end_ns(step) if has_times else -1,
        attempts_count=_started_count(step),
        critical=critical and has_times,
        causes={cause.value: causes[cause] for cause in causes},
    )


def _attempt_row(ledger: _Ledger, step: StepFacts, attempt: AttemptFacts) -> AttemptRow:
    is_ended = attempt.outcome in ENDED_ATTEMPTS
    return AttemptRow(
        type="attempt",
        execution=ledger.execution.execution_id,
        step=step.id,
        attempt=attempt.number,
        started_ns=attempt.started_ns,
        ended_ns=attempt.ended_ns if is_ended else ledger.until_ns,
        outcome=attempt.outcome.value if is_ended else "unfinished",
        failure=_text(attempt.failure),
        spans=[
            (cause.value, start, end) for cause, start, end in ledger.spans.get((step.id, attempt.number), ())
        ],
    )


def _started_count(step: StepFacts) -> int:
    return sum(attempt.started_ns >= 0 for attempt in step.attempts)


def _text(failure: Failure | None) -> str:
    return f"{failure.reason}: {failure.message}" if failure else ""


def _charge(charged: Causes, cause: Cause, start_ns: int, end_ns: int) -> None:
    if end_ns != start_ns:
        charged[cause] = charged.get(cause, 0) + end_ns - start_ns


def _add(charged: Causes, more: Causes) -> None:
    for cause, duration_ns in more.items():
        charged[cause] = charged.get(cause, 0) + duration_ns
