"""Deciding over a step's head: skip it, as if it had ended well, or try it again now.

A step that has failed can be overridden as long as what it is inside of goes on. What was omitted because of
it then waits for it again.
"""

from typing import Final

from engine.core.compensation import CompensationMachine
from engine.core.errors import ProtocolError
from engine.core.events import StepOverridden
from engine.core.facts import NOTHING, ExecutionFacts, StepFacts
from engine.core.moves import move
from engine.core.routing import container_of, home_of, value_of
from engine.core.states import ExecutionState, StepInput, StepState

_SKIPPABLE: Final = (
    StepState.PENDING,
    StepState.LOCKING,
    StepState.JOINED,
    StepState.RATED,
    StepState.QUEUED,
    StepState.RUNNING,
    StepState.BACKING_OFF,
    StepState.WAITING,
    StepState.OPEN,
)
_FAILED: Final = (StepState.FAILED, StepState.ROLLED_BACK)


def _is_open(step: StepFacts, container: StepFacts | None) -> bool:
    """Tell whether what a step is inside of has begun and has not ended; so has its iteration of a loop."""
    scope = step.scope
    if scope.owner is not None and not any(other is scope for other in scope.owner.scopes or ()):
        return False
    return container is None or container.state in (StepState.OPEN, StepState.EVALUATING)


class OverrideMachine(CompensationMachine):
    """Steps under somebody's hand."""

    def _override(self, execution: ExecutionFacts, step: StepFacts, event: StepOverridden, now: int) -> None:
        container = container_of(step)
        is_stopping = execution.then is not None if container is None else container.then is not None
        goes_on = (
            execution.state in (ExecutionState.RUNNING, ExecutionState.PAUSED)
            and not is_stopping
            and _is_open(step, container)
        )
        has_failed = step.state in _FAILED and any(failed is step for failed in step.scope.failures)
        if goes_on and event.how == "skip" and has_failed:
            self._revive(execution, step)
            self._skip_failed(execution, step, now)
        elif goes_on and event.how == "skip" and self._is_relied_on(step):
            step.then = StepInput.SKIP  # when its turn comes
        elif goes_on and event.how == "skip" and self._can_be_skipped(step):
            with_unsent = self._look_at_unsent(execution)
            if step.state is StepState.OPEN:
                for number in step.plan.descendants:
                    step.then = StepInput.SKIP
                    self._stop(execution, step.scope.steps[number], now)
            if step.state is not StepState.SKIPPED:
                self._stop(execution, step, now, put=StepInput.SKIP)
            self._withdraw(execution, with_unsent)
        elif goes_on and event.how == "retry" and has_failed and step.attempts:
            self._revive(execution, step)
            self._retry_failed(execution, step, now)
        elif goes_on and event.how == "retry" and step.state is StepState.BACKING_OFF:
            self._stop_clock(execution, step)
            self._begin_attempt(execution, step, now)
        else:
            message = (
                f"step {step.id!r} of {execution.execution_id!r} is {step.state} in an execution that is "
                f"{execution.state}{' and stops' if is_stopping else ''}: "
                f"it cannot be overridden by {event.how!r}"
            )
            raise ProtocolError(message)

    def _is_relied_on(self, step: StepFacts) -> bool:
        """Tell whether others may wait for what a step still needs by waiting for the step alone."""
        return self.limits.reduce_needs and step.state is StepState.PENDING and step.waits_for_count > 0

    @staticmethod
    def _can_be_skipped(step: StepFacts) -> bool:
        if step.undoing or step.then is StepInput.CANCEL:
            return False
        return step.state in _SKIPPABLE or step.state is StepState.CANCELLING

    def _skip_failed(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        step.state = move(step, StepInput.SKIP)
        step.overridden = True
        step.ended_ns = now
        self._follow(execution, step, now)

    def _retry_failed(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        step.state = move(step, StepInput.RETRY)
        step.failure = None
        step.undoing = False
        step.tries_count = 0
        step.outputs = NOTHING
        step.ended_ns = -1
        self._write_value(step)
        if execution.state is ExecutionState.PAUSED:
            execution.held.append((step, step.ready_by))
        else:
            self._begin_attempt(execution, step, now)

    def _revive(self, execution: ExecutionFacts, step: StepFacts) -> None:
        """Take back what followed from the failure of a step: its count, and what was omitted for it."""
        scope = step.scope
        scope.failures = [failed for failed in scope.failures if failed is not step]
        home = home_of(scope)
        home.tolerated_count -= home.plan.workflow.on_step_failure == "tolerate"
        self._count_in(step)
        waiting = [step]
        while waiting:
            for number in waiting.pop().plan.dependents:
                dependent = scope.steps[number]
                dependent.waits_for_count += 1
                if dependent.state is StepState.OMITTED:
                    self._reopen(dependent)
                    waiting.append(dependent)
        execution.held = [held for held in execution.held if not held[0].waits_for_count]

    def _reopen(self, step: StepFacts) -> None:
        self._count_in(step)
        for number in (step.plan.index, *step.plan.descendants):
            inner = step.scope.steps[number]
            inner.state = move(inner, StepInput.RETRY)
            inner.ready_ns = inner.ended_ns = -1
            inner.ready_by = ""
            self._write_value(inner)

    @staticmethod
    def _count_in(step: StepFacts) -> None:
        """Count a step among those that have not ended once more."""
        scope = step.scope
        if step.plan.parent < 0:
            scope.left_count += 1
        else:
            scope.steps[step.plan.parent].children_left_count += 1

    @staticmethod
    def _write_value(step: StepFacts) -> None:
        values = step.scope.values
        if values is not None:
            values["steps"][step.plan.id] = value_of(step)
