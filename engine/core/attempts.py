"""The life of attempts: begin, start, end, and the back-off between them.

`GateMachine` (`engine.core.gates`) says what they wait for, `StepMachine` (`engine.core.steps`) what a step's
end leads to.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from engine.core.commands import StartAttempt
from engine.core.deadlines import DeadlineKind
from engine.core.definition import RetryPolicy
from engine.core.events import Failure
from engine.core.facts import AttemptFacts, ExecutionFacts, StepFacts
from engine.core.gates import GateMachine
from engine.core.moves import mark_progress, mark_started
from engine.core.parameters import UnknownVariable
from engine.core.states import ATTEMPT, STEP, AttemptInput, StepInput

# Bound once: looking a member up on an enum class costs more than a table look-up.
_START: Final = StepInput.START
_ROLL_BACK: Final = StepInput.ROLL_BACK
_ATTEMPT_START: Final = AttemptInput.START
_ATTEMPT_SUCCEED: Final = AttemptInput.SUCCEED
_ATTEMPT_FAIL: Final = AttemptInput.FAIL
_ATTEMPT_TIMEOUT: Final = DeadlineKind.ATTEMPT_TIMEOUT


class AttemptMachine(GateMachine):
    """Attempts of steps under the engine's limits, and the commands that follow."""

    @abstractmethod
    def _fail(self, execution: ExecutionFacts, step: StepFacts, failure: Failure, now: int) -> None:
        """End a step for good."""

    @abstractmethod
    def _after_success(
        self, execution: ExecutionFacts, step: StepFacts, outputs: Mapping[str, Any], now: int
    ) -> None:
        """Go on from an attempt that has ended well."""

    @abstractmethod
    def _retry_or_fail(self, execution: ExecutionFacts, step: StepFacts, failure: Failure, now: int) -> None:
        """Try again after a failed attempt, or fail the step."""

    # -- what an attempt of a step is

    def _action_of(self, step: StepFacts) -> str:
        return step.plan.action

    def _resolve(self, execution: ExecutionFacts, step: StepFacts) -> Mapping[str, Any]:
        resolve = step.plan.resolve_parameters
        parameters: Mapping[str, Any] = (
            step.plan.parameters if resolve is None else resolve(self._variables(execution, step))
        )
        return parameters

    def _retry_of(self, step: StepFacts) -> RetryPolicy:
        return step.plan.retry

    def _timeout_ns_of(self, step: StepFacts) -> int:
        timeout_ns = step.plan.timeout_ns
        return timeout_ns if timeout_ns is not None else self.limits.step_timeout_ns

    def _command_of(
        self, execution: ExecutionFacts, step: StepFacts, number: int, parameters: Mapping[str, Any]
    ) -> StartAttempt:
        return StartAttempt(
            execution.execution_id, step.id, number, step.plan.action, parameters, step.memory
        )

    # -- begin and start

    def _begin_attempt(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        attempt = AttemptFacts(len(step.attempts) + 1, now, is_rollback=step.undoing)
        step.attempts = (*step.attempts, attempt)
        self._seek(execution, step, attempt, now)

    def _start_attempt(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        attempt = step.attempts[-1]
        plan = step.plan
        flight = self._flights.led_by((execution.execution_id, step.id)) if self._is_sharing else None
        if flight is not None:
            parameters = flight.parameters
            for twin_execution, twin in flight.twins:
                mark_started(twin_execution, twin, now)
        else:
            try:
                resolve = plan.resolve_parameters
                if step.undoing:
                    parameters = self._resolve(execution, step)
                elif resolve is None:
                    parameters = plan.parameters
                else:
                    parameters = resolve(self._variables(execution, step))
            except UnknownVariable as error:
                self._give_back(execution, step, now)
                self._refuse(execution, step, Failure("UnknownVariable", str(error), retryable=False), now)
                return
        if self._is_gated:
            self._take_token(execution, step, now)
        step.state = STEP[step.state][_ROLL_BACK if step.undoing else _START]
        attempt.outcome = ATTEMPT[attempt.outcome][_ATTEMPT_START]
        attempt.started_ns = now
        attempt.parameters = parameters  # whatever becomes of what they refer to
        mark_started(execution, step, now)
        self._slots.take(now - attempt.locked_ns, now)
        number = attempt.number
        if step.undoing or step.until_ns >= 0:
            timeout_ns = self._timeout_ns_of(step)
            command = self._command_of(execution, step, number, parameters)
        else:  # as those would, without the calls: this is the hottest place of the engine
            timeout_ns = plan.timeout_ns if plan.timeout_ns is not None else self.limits.step_timeout_ns
            command = StartAttempt(
                execution.execution_id, step.id, number, plan.action, parameters, step.memory
            )
        self._deadlines.arm(now + timeout_ns, _ATTEMPT_TIMEOUT, execution, step, number)
        self._commands.append(command)

    # -- end

    def _close_attempt(
        self,
        execution: ExecutionFacts,
        step: StepFacts,
        put: AttemptInput,
        now: int,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """End the attempt of a step that runs; its twins get `outputs`, or, without, their own turn."""
        attempt = step.attempts[-1]
        attempt.outcome = ATTEMPT[attempt.outcome][put]
        attempt.ended_ns = now
        attempt.parameters = None
        self._slots.release(now)
        if self._is_gated:
            self._capacity.drop((execution.execution_id, step.id))
        if self._is_sharing:
            self._end_flight(execution, step, outputs)
        mark_progress(execution, now)

    def _land(self, execution: ExecutionFacts, step: StepFacts, outputs: Mapping[str, Any], now: int) -> None:
        attempt = step.attempts[-1]
        attempt.outcome = ATTEMPT[attempt.outcome][_ATTEMPT_SUCCEED]
        attempt.ended_ns = now
        mark_progress(execution, now)
        self._after_success(execution, step, outputs, now)

    def _attempt_failed(self, execution: ExecutionFacts, step: StepFacts, failure: Failure, now: int) -> None:
        """End the attempt of a step that runs with a failure, and try again or fail the step."""
        step.attempts[-1].failure = failure
        self._close_attempt(execution, step, _ATTEMPT_FAIL, now)
        self._retry_or_fail(execution, step, failure, now)

    def _refuse(self, execution: ExecutionFacts, step: StepFacts, failure: Failure, now: int) -> None:
        """Fail a step whose locks or parameters cannot be resolved, before its attempt starts."""
        if step.attempts:
            attempt = step.attempts[-1]
            attempt.failure = failure
            attempt.outcome = ATTEMPT[attempt.outcome][_ATTEMPT_FAIL]
            attempt.ended_ns = now
        self._fail(execution, step, failure, now)
