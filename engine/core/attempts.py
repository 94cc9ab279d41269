"""The life of attempts: lock, slot, start, end, and the back-off between them.

`StepMachine` (`engine.core.steps`) says what a step's end leads to.
"""

from abc import ABC, abstractmethod
from collections import deque
from typing import Final

from engine.core import optimizer
from engine.core.admission import Rank, Slots
from engine.core.commands import Command, StartAttempt
from engine.core.deadlines import DeadlineKind, Deadlines
from engine.core.events import Failure
from engine.core.facts import AttemptFacts, ExecutionFacts, StepFacts
from engine.core.limits import Limits
from engine.core.locks import Locks
from engine.core.moves import mark_progress, mark_started, move
from engine.core.parameters import UnknownVariable
from engine.core.states import (
    ATTEMPT,
    STEP,
    AttemptInput,
    StepInput,
    StepState,
)

# Bound once: looking a member up on an enum class costs more than a table look-up.
_LOCKING: Final = StepState.LOCKING
_QUEUED: Final = StepState.QUEUED
_START: Final = StepInput.START
_ATTEMPT_START: Final = AttemptInput.START
_ATTEMPT_FAIL: Final = AttemptInput.FAIL
_ATTEMPT_TIMEOUT: Final = DeadlineKind.ATTEMPT_TIMEOUT

Owner = tuple[ExecutionFacts, StepFacts]


class AttemptMachine(ABC):
    """Attempts of steps under the engine's limits, and the commands that follow."""

    def __init__(self, limits: Limits) -> None:
        """Start empty."""
        self.limits = limits
        self._commands: list[Command] = []
        self._granted: deque[Owner] = deque()  # has just been given its lock
        self._deadlines = Deadlines()
        self._slots: Slots[Owner] = Slots(limits.step_slots, lambda owner: owner[1].state is _QUEUED)
        self._locks: Locks[ExecutionFacts, StepFacts] = Locks(
            lambda owner: owner[1].state is _LOCKING, limits.semaphores
        )
        self._queues_for_slots = limits.step_slots is not None

    @abstractmethod
    def _fail(self, execution: ExecutionFacts, step: StepFacts, failure: Failure, now: int) -> None:
        """End a step for good."""

    def _begin_attempt(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        attempt = AttemptFacts(len(step.attempts) + 1, now)
        step.attempts = [*step.attempts, attempt]
        plan = step.plan
        if plan.lock and not step.lock:
            try:
                step.lock = str(plan.resolve_lock(execution.variables)) if plan.resolve_lock else plan.lock
            except UnknownVariable as error:
                self._refuse_attempt(execution, step, attempt, error, now)
                return
            if not self._locks.acquire(step.lock, (now, execution.index, plan.index), (execution, step)):
                step.state = move(step, StepInput.LOCK)
                return
        self._queue_attempt(execution, step, attempt, now)

    def _queue_attempt(
        self, execution: ExecutionFacts, step: StepFacts, attempt: AttemptFacts, now: int
    ) -> None:
        attempt.locked_ns = now
        if self._queues_for_slots:
            step.state = move(step, StepInput.QUEUE)
            rank = optimizer.dispatch_rank(step.plan, self.limits.dispatch, attempt.runnable_ns)
            key: Rank = (rank, execution.index, step.plan.index)
            self._slots.queue.push(key, (execution, step))
        else:
            self._start_attempt(execution, step, now)

    def _start_attempt(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        plan = step.plan
        attempt = step.attempts[-1]
        parameters = plan.parameters
        if plan.resolve_parameters is not None:
            try:
                parameters = plan.resolve_parameters(execution.variables)
            except UnknownVariable as error:
                self._refuse_attempt(execution, step, attempt, error, now)
                return
        step.state = STEP[step.state][_START]
        attempt.outcome = ATTEMPT[attempt.outcome][_ATTEMPT_START]
        attempt.started_ns = now
        mark_started(execution, step, now)
        self._slots.take(now - attempt.locked_ns, now)
        number = attempt.number
        timeout_ns = plan.timeout_ns if plan.timeout_ns is not None else self.limits.step_timeout_ns
        self._deadlines.arm(now + timeout_ns, _ATTEMPT_TIMEOUT, execution, step, number)
        self._commands.append(
            StartAttempt(execution.execution_id, plan.id, number, plan.action, parameters, step.memory)
        )

    def _close_attempt(
        self, execution: ExecutionFacts, attempt: AttemptFacts, put: AttemptInput, now: int
    ) -> None:
        attempt.outcome = ATTEMPT[attempt.outcome][put]
        attempt.ended_ns = now
        self._slots.release(now)
        mark_progress(execution, now)

    def _attempt_failed(self, execution: ExecutionFacts, step: StepFacts, failure: Failure, now: int) -> None:
        attempt = step.attempts[-1]
        attempt.failure = failure
        self._close_attempt(execution, attempt, _ATTEMPT_FAIL, now)
        retry = step.plan.retry
        if not failure.retryable or attempt.number >= retry.max_attempts:
            self._fail(execution, step, failure, now)
            return
        step.state = move(step, StepInput.BACK_OFF)
        at_ns = now + retry.delay_after_ns(attempt.number)
        self._deadlines.arm(at_ns, DeadlineKind.BACKOFF_END, execution, step, attempt.number)

    def _refuse_attempt(
        self, execution: ExecutionFacts, step: StepFacts, attempt: AttemptFacts, error: Exception, now: int
    ) -> None:
        """Fail a step whose lock or parameters cannot be resolved, before its attempt starts."""
        attempt.failure = Failure("UnknownVariable", str(error), retryable=False)
        attempt.outcome = ATTEMPT[attempt.outcome][_ATTEMPT_FAIL]
        attempt.ended_ns = now
        self._fail(execution, step, attempt.failure, now)

    def _release_lock(self, step: StepFacts) -> None:
        if all(holder is not step for _, holder in self._locks.holders(step.lock)):
            self._locks.leave(step.lock)
            return
        following = self._locks.release(step.lock, step)
        if following is not None:
            self._granted.append(following)
