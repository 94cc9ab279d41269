"""Undoing: of a step that failed, before its failure is followed; and of a whole execution that has failed.

An execution that compensates undoes, once nothing of it is left, every step that had begun and says how, one
at a time, the last to end first. A rollback that fails is recorded, and the rest goes on.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from engine.core.commands import ReportExecution, StartAttempt
from engine.core.definition import RetryPolicy
from engine.core.events import Failure
from engine.core.facts import ExecutionFacts, StepFacts
from engine.core.limits import Limits
from engine.core.moves import mark_progress, move
from engine.core.plan import PlanRollback
from engine.core.routing import names_of
from engine.core.states import EXECUTION, STEP, ExecutionInput, ExecutionState, StepInput
from engine.core.waits import WaitMachine

_ROLLING_BACK: Final = ExecutionState.ROLLING_BACK
_ROLL_BACK: Final = StepInput.ROLL_BACK
_START: Final = StepInput.START


class CompensationMachine(WaitMachine):
    """Rollbacks, and the ends of executions."""

    def __init__(self, limits: Limits) -> None:
        """Start with nobody."""
        super().__init__(limits)
        self._rolling: deque[ExecutionFacts] = deque()  # whose next step is to be undone

    # -- attempts that undo: what they run, with what

    def _action_of(self, step: StepFacts) -> str:
        if not step.undoing:
            return step.plan.action
        rollback = _rollback_of(step)
        return f"{rollback.action}/rollback" if rollback.is_own else rollback.action

    def _resolve(self, execution: ExecutionFacts, step: StepFacts) -> Mapping[str, Any]:
        if not step.undoing:
            return super()._resolve(execution, step)
        rollback = _rollback_of(step)
        if rollback.resolve_parameters is None:
            return rollback.parameters
        parameters: Mapping[str, Any] = rollback.resolve_parameters(names_of(step, refers=rollback.refers))
        return parameters

    def _retry_of(self, step: StepFacts) -> RetryPolicy:
        return _rollback_of(step).retry if step.undoing else step.plan.retry

    def _timeout_ns_of(self, step: StepFacts) -> int:
        if not step.undoing:
            return super()._timeout_ns_of(step)
        timeout_ns = _rollback_of(step).timeout_ns
        return timeout_ns if timeout_ns is not None else self.limits.step_timeout_ns

    def _start_of(self, step: StepFacts) -> StepInput:
        return _ROLL_BACK if step.undoing else _START

    def _command_of(
        self, execution: ExecutionFacts, step: StepFacts, number: int, parameters: Mapping[str, Any]
    ) -> StartAttempt:
        if not step.undoing:
            return super()._command_of(execution, step, number, parameters)
        rollback = _rollback_of(step)
        return StartAttempt(
            execution.execution_id,
            step.id,
            number,
            rollback.action,
            parameters,
            step.memory,
            rollback.is_own,
            step.outputs,
        )

    # -- their end

    def _undo_ended(
        self, execution: ExecutionFacts, step: StepFacts, failure: Failure | None, now: int
    ) -> None:
        """Go on from the end of a rollback, good or bad."""
        if failure is not None:
            execution.rollback_failures.append((step.id, failure))
        put = StepInput.UNDONE if failure is None else StepInput.FAIL
        if execution.state is not _ROLLING_BACK:  # its own failure is followed now
            self._end_failed(execution, step, put, now)
            return
        step.state = move(step, put)
        step.failure = step.failure or failure
        self._release_locks(step)
        mark_progress(execution, now)
        self._rolling.append(execution)

    def _undo_next(self, execution: ExecutionFacts, now: int) -> None:
        """Begin to undo the step that ended last of those that are left, or end the execution."""
        while execution.done:
            step = execution.done.pop()
            if StepInput.UNDO in STEP[step.state]:
                execution.undone.append(step.id)
                self._begin_undo(execution, step, now)
                return
        assert execution.then is not None, "an execution that rolls back is to end badly"
        self._end_execution(execution, execution.then, now)

    # -- ends of executions

    def _end_root(self, execution: ExecutionFacts, last: StepFacts, now: int) -> None:
        """Go on from an execution of which nothing is left: undo it, or end it."""
        if execution.state is ExecutionState.PAUSED:  # what ran has ended: nothing is left to wait
            self._resume(execution, now)
        root = execution.root
        known = execution.steps[execution.last_step] if execution.last_step else None
        if known is None or known.ended_ns < now:
            execution.last_step = last.id
        if execution.then is None and root.failures and root.plan.workflow.on_step_failure == "continue":
            execution.then = ExecutionInput.FAIL
            execution.failure = root.failures[0].failure
            self._deadlines.disarm(execution)
        put = execution.then or ExecutionInput.COMPLETE
        if put is not ExecutionInput.COMPLETE and execution.done and self._compensates(execution):
            execution.state = EXECUTION[execution.state][ExecutionInput.ROLL_BACK]
            execution.stopped_ns = now
            self._rolling.append(execution)
        else:
            self._end_execution(execution, put, now)

    @staticmethod
    def _compensates(execution: ExecutionFacts) -> bool:
        if execution.then is ExecutionInput.CANCEL:
            return execution.compensates
        return execution.plan.workflow.compensate

    def _end_execution(self, execution: ExecutionFacts, put: ExecutionInput, now: int) -> None:
        execution.state = EXECUTION[execution.state][put]
        execution.ended_ns = now
        self._admission.release(now)
        self._ended_ids.add(execution.execution_id)
        self._deadlines.disarm(execution)
        self._commands.append(ReportExecution(execution.execution_id))


def _rollback_of(step: StepFacts) -> PlanRollback:
    rollback = step.plan.rollback
    assert rollback is not None, "only what says how is undone"
    return rollback
