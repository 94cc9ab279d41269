"""The life of steps: from ready to ended, with every consequence inside the same instant.

`WorkflowEngine` (`engine.core.machine`) adds what comes from outside: events, admission and deadlines. Both
only ever change a state by looking its table up (`engine.core.states`).
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.core.attempts import AttemptMachine
from engine.core.commands import CancelAttempt, Command, EvaluateCondition, ReportExecution, StartAttempt
from engine.core.deadlines import DeadlineKind
from engine.core.definition import StepKind
from engine.core.events import Failure
from engine.core.facts import ExecutionFacts, StepFacts
from engine.core.limits import Limits
from engine.core.moves import mark_progress, mark_started, move
from engine.core.routing import is_passed_over, value_of, values_of
from engine.core.states import (
    ATTEMPT,
    EXECUTION,
    STEP,
    AttemptInput,
    ExecutionInput,
    StepInput,
    StepState,
)

# Bound once: looking a member up on an enum class costs more than a table look-up.
_PENDING: Final = StepState.PENDING
_COMPLETE: Final = StepInput.COMPLETE
_ATTEMPT_CANCEL: Final = AttemptInput.CANCEL
_CONDITION: Final = StepKind.CONDITION

_ARMED: Final = (
    StepState.RUNNING,
    StepState.BACKING_OFF,
    StepState.WAITING,
)  # states with a deadline of their own

_WAITING_TO_START: Final = (StepState.LOCKING, StepState.JOINED, StepState.RATED, StepState.QUEUED)


class StepMachine(AttemptMachine):
    """Executions and their steps, and what follows when one of them moves."""

    def __init__(self, limits: Limits) -> None:
        """Start empty."""
        super().__init__(limits)
        self._ready: deque[tuple[ExecutionFacts, StepFacts, str]] = deque()  # and by which step's end
        self._begin_by_kind: Mapping[StepKind, Callable[[ExecutionFacts, StepFacts, int], None]] = {
            StepKind.ACTION: self._begin_attempt,
            StepKind.CONDITION: self._begin_condition,
            StepKind.DECISION: self._begin_decision,
            StepKind.WAIT: self._begin_wait,
            StepKind.PARALLEL: self._begin_group,
            StepKind.SEQUENTIAL: self._begin_group,
        }

    # -- ready

    def _make_ready(self, execution: ExecutionFacts, step: StepFacts, ready_by: str, now: int) -> None:
        if step.state is not _PENDING:  # its execution has failed since
            return
        step.ready_ns = now
        step.ready_by = ready_by
        if execution.detours and is_passed_over(execution, step):
            self._skip(execution, step, now)
        elif step.plan.when:
            self._ask(execution, step, -1, step.plan.when)
        else:
            self._begin_by_kind[step.plan.kind](execution, step, now)

    def _ask(self, execution: ExecutionFacts, step: StepFacts, asked: int, expression: str) -> None:
        step.state = move(step, StepInput.ASK)
        step.asked = asked
        values = execution.values
        if values is None:
            values = execution.values = values_of(execution)
        self._commands.append(EvaluateCondition(execution.execution_id, step.id, expression, values))

    def _answer(self, execution: ExecutionFacts, step: StepFacts, now: int, *, outcome: bool) -> None:
        """Go on from the outcome of the expression that was asked."""
        plan = step.plan
        if step.asked < 0:
            if outcome:
                self._begin_by_kind[plan.kind](execution, step, now)
            else:
                self._skip(execution, step, now)
        elif plan.kind is _CONDITION:
            if not outcome:
                execution.detours = True
                if plan.in_sequence:
                    execution.steps_by_number[plan.parent].halted = True
            self._complete(execution, step, {"outcome": outcome}, now)
        elif outcome:
            self._take_branch(execution, step, step.asked, now)
        else:
            self._try_branch(execution, step, step.asked + 1, now)

    # -- begin, by kind

    def _begin_condition(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        mark_started(execution, step, now)
        self._ask(execution, step, 0, step.plan.expressions[0])

    def _begin_decision(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        mark_started(execution, step, now)
        self._try_branch(execution, step, 0, now)

    def _try_branch(self, execution: ExecutionFacts, step: StepFacts, number: int, now: int) -> None:
        expressions = step.plan.expressions
        if number == len(expressions):
            self._take_branch(execution, step, -1, now)
        elif expressions[number]:
            self._ask(execution, step, number, expressions[number])
        else:
            self._take_branch(execution, step, number, now)

    def _take_branch(self, execution: ExecutionFacts, step: StepFacts, number: int, now: int) -> None:
        execution.detours = True
        self._complete(execution, step, {"branch": number}, now)

    def _begin_wait(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        mark_started(execution, step, now)
        step.state = move(step, StepInput.WAIT)
        self._deadlines.arm(now + step.plan.wait_ns, DeadlineKind.WAIT_END, execution, step, 0)

    def _begin_group(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        if self._take_locks(execution, step, now):
            self._on_locked(execution, step, now)

    def _on_locked(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        mark_started(execution, step, now)
        step.state = move(step, StepInput.OPEN)
        steps = execution.steps_by_number
        self._ready.extend((execution, steps[root], step.id) for root in step.plan.roots)

    # -- end

    def _enclosing(self, execution: ExecutionFacts, step: StepFacts) -> StepFacts | None:
        return execution.steps_by_number[step.plan.parent] if step.plan.parent >= 0 else None

    def _after_success(
        self, execution: ExecutionFacts, step: StepFacts, outputs: Mapping[str, Any], now: int
    ) -> None:
        self._complete(execution, step, outputs, now)

    def _complete(
        self, execution: ExecutionFacts, step: StepFacts, outputs: Mapping[str, Any], now: int
    ) -> None:
        step.state = STEP[step.state][_COMPLETE]
        step.outputs = outputs
        step.ended_ns = now
        if step.locks:
            self._release_locks(step)
        self._follow(execution, step, now)

    def _skip(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        execution.detours = True
        step.state = move(step, StepInput.SKIP)
        step.ended_ns = now
        for number in step.plan.descendants:
            inner = execution.steps_by_number[number]
            inner.state = move(inner, StepInput.SKIP)
            inner.ended_ns = now
            if execution.values is not None:
                execution.values["steps"][inner.id] = value_of(inner)
        self._follow(execution, step, now)

    def _follow(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        """Make ready what waited for a step that ended well, and end the groups it was the last child of."""
        mark_progress(execution, now)
        steps = execution.steps_by_number
        while True:
            plan = step.plan
            if execution.values is not None:
                execution.values["steps"][plan.id] = value_of(step)
            for number in plan.dependents:
                dependent = steps[number]
                dependent.waits_for_count -= 1
                if not dependent.waits_for_count:
                    self._ready.append((execution, dependent, plan.id))
            if plan.parent < 0:
                execution.top_level_left_count -= 1
                if not execution.top_level_left_count:
                    self._end_execution(execution, ExecutionInput.COMPLETE, plan.id, None, now)
                return
            group = steps[plan.parent]
            group.children_left_count -= 1
            if group.children_left_count:
                return
            group.state = move(group, _COMPLETE)
            group.ended_ns = now
            group.ended_by = plan.id
            if group.locks:
                self._release_locks(group)
            step = group

    def _fail(self, execution: ExecutionFacts, step: StepFacts, failure: Failure, now: int) -> None:
        """End a step for good, and with it its groups and its execution."""
        last_step = step.id
        step.state = move(step, StepInput.FAIL)
        step.failure = failure
        step.ended_ns = now
        if step.locks:
            self._release_locks(step)
        while step.plan.parent >= 0:
            group = execution.steps_by_number[step.plan.parent]
            group.state = move(group, StepInput.FAIL)
            group.failure = failure
            group.ended_ns = now
            group.ended_by = step.id
            if group.locks:
                self._release_locks(group)
            step = group
        self._fail_execution(execution, last_step, failure, now)

    def _fail_execution(self, execution: ExecutionFacts, last_step: str, failure: Failure, now: int) -> None:
        mark_progress(execution, now)
        withdrawn = self._withdraw(execution)
        for step in execution.steps_by_number:
            if STEP[step.state]:
                self._stop(execution, step, now, is_known=step.id not in withdrawn)
        self._end_execution(execution, ExecutionInput.FAIL, last_step, failure, now)

    def _withdraw(self, execution: ExecutionFacts) -> list[str]:
        """Take back what this very event has asked for an execution; return the steps that it was for.

        The world has not been told yet: it need not start what it would have to cancel at once.
        """
        withdrawn: list[str] = []
        kept: list[Command] = []
        for command in self._commands:
            if command.execution_id == execution.execution_id and isinstance(
                command, (StartAttempt, EvaluateCondition)
            ):
                withdrawn.append(command.step_id)
            else:
                kept.append(command)
        self._commands = kept
        return withdrawn

    def _stop(self, execution: ExecutionFacts, step: StepFacts, now: int, *, is_known: bool) -> None:
        """End a step whose execution has failed: cancel it if it is under way, omit it if not.

        `is_known` tells whether the world was told to start its attempt.
        """
        state = step.state
        attempt = step.attempts[-1] if step.attempts else None
        if state in _ARMED:
            self._deadlines.mark_stale()
        if attempt is not None and ATTEMPT[attempt.outcome]:
            if state is StepState.RUNNING:
                if is_known:
                    self._commands.append(CancelAttempt(execution.execution_id, step.id, attempt.number))
                self._close_attempt(execution, step, _ATTEMPT_CANCEL, now)
            else:
                attempt.outcome = ATTEMPT[attempt.outcome][_ATTEMPT_CANCEL]
                attempt.ended_ns = now
        if state in _WAITING_TO_START:
            self._leave(execution, step, now)
        under_way = (
            state in _ARMED or state is StepState.OPEN or (state in _WAITING_TO_START and step.started_ns >= 0)
        )
        step.state = move(step, StepInput.CANCEL if under_way else StepInput.OMIT)
        if state is not _PENDING:
            step.ended_ns = now
        if step.locks:
            self._release_locks(step)

    def _end_execution(
        self,
        execution: ExecutionFacts,
        put: ExecutionInput,
        last_step: str,
        failure: Failure | None,
        now: int,
    ) -> None:
        execution.state = EXECUTION[execution.state][put]
        execution.last_step = last_step
        execution.failure = failure
        execution.ended_ns = now
        self._admission.release(now)
        self._ended_ids.add(execution.execution_id)
        if execution.timeout_armed:
            self._deadlines.mark_stale()
        self._commands.append(ReportExecution(execution.execution_id))
