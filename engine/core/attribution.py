"""The rows of an execution: pure functions from facts and spans. `engine.core.ledger` charges the time."""

from collections.abc import Mapping, Sequence

from engine.core.events import Failure
from engine.core.facts import AttemptFacts, ExecutionFacts, StepFacts
from engine.core.ledger import Causes, Ledger, Span, Spans
from engine.core.records import AttemptRow, EffectRow, ExecutionRow, StepRow
from engine.core.states import ENDED_ATTEMPTS, ENDED_EXECUTIONS, ENDED_STEPS, StepState

__all__ = ["Span", "Spans", "execution_rows"]

_NEVER = (StepState.PENDING, StepState.SKIPPED)


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
    ledger = Ledger(execution, spans, until_ns)
    causes = ledger.execution_causes()
    rows: list[ExecutionRow | StepRow | AttemptRow | EffectRow] = [_execution_row(ledger, causes)]
    for step in execution.steps.values():
        rows.append(_step_row(ledger, step, critical=step.id in ledger.critical))
        if detail:
            for attempt in step.attempts:
                if attempt.started_ns >= 0:
                    rows.append(_attempt_row(ledger, step, attempt))
                    rows.extend((effects or {}).get((step.id, attempt.number), ()))
    return rows


def _execution_row(ledger: Ledger, charged: Causes) -> ExecutionRow:
    execution = ledger.execution
    is_ended = execution.state in ENDED_EXECUTIONS
    ended_ns = execution.ended_ns if is_ended else ledger.until_ns
    steps = execution.steps.values()
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
        steps_count=len(execution.steps) or len(execution.plan.steps),
        steps_completed_count=sum(step.state is StepState.COMPLETED for step in steps),
        attempts_count=sum(_started_count(step) for step in steps),
        progress_gap_ns_max=gap_ns if is_ended else max(gap_ns, ended_ns - execution.progress_ns),
        causes={cause.value: charged[cause] for cause in charged},
    )


def _step_row(ledger: Ledger, step: StepFacts, *, critical: bool) -> StepRow:
    is_ended = step.state in ENDED_STEPS
    has_times = step.ready_ns >= 0 and (step.state not in _NEVER or step.overridden)
    execution_ended = ledger.execution.state in ENDED_EXECUTIONS
    causes = ledger.causes(step) if has_times else {}
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


def _attempt_row(ledger: Ledger, step: StepFacts, attempt: AttemptFacts) -> AttemptRow:
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
