"""What a failure leads to, and how work is stopped.

A step that has failed for good is undone, if it says how, before its failure is followed. Then the failure
ends where the first of these holds, from the step outwards:

- the step, or something around it, has a path on failure or counts failures nowhere: what is inside that is
  stopped, it fails, and its own path is taken;
- the workflow goes on in spite of failures: what needs the step is omitted, everything else is done;
- nothing does: everything that is left of the execution is stopped, and it fails.

A running attempt that is stopped may clean up; whatever it is part of ends when it has.
"""

from abc import abstractmethod
from typing import Final

from engine.core.commands import CancelAttempt, Command, EvaluateCondition, StartAttempt
from engine.core.deadlines import DeadlineKind
from engine.core.definition import StepKind
from engine.core.events import Failure
from engine.core.facts import ExecutionFacts, Scope, StepFacts
from engine.core.limits import Limits
from engine.core.moves import mark_progress, move
from engine.core.routing import container_of, home_of
from engine.core.states import (
    ATTEMPT,
    ENDED_ATTEMPTS,
    ENDED_STEPS,
    AttemptInput,
    AttemptState,
    ExecutionInput,
    ExecutionState,
    StepInput,
    StepState,
)
from engine.core.steps import ASKED_WHEN, StepMachine

_CANCEL: Final = StepInput.CANCEL
_SUBFLOW: Final = StepKind.SUBFLOW
_CONTAINERS: Final = (StepKind.PARALLEL, StepKind.SEQUENTIAL, StepKind.LOOP, StepKind.SUBFLOW)
_ARMED: Final = (StepState.BACKING_OFF, StepState.WAITING)
_WAITING_TO_START: Final = (StepState.LOCKING, StepState.JOINED, StepState.RATED, StepState.QUEUED)


def _has_acted(step: StepFacts) -> bool:
    """Tell whether an attempt of a step has started: that of a twin that it joined is none of its own."""
    return any(attempt.started_ns >= 0 for attempt in step.attempts)


class FailureMachine(StepMachine):
    """Failures, and the stopping of steps, containers and executions."""

    def __init__(self, limits: Limits) -> None:
        """Start with nothing to withdraw."""
        super().__init__(limits)
        self._unsent: dict[str, None] = {}  # steps for which the present event has asked the world something
        self._withdrawn: dict[str, None] = {}  # those of them that have been stopped since

    @abstractmethod
    def _resume(self, execution: ExecutionFacts, now: int) -> None:
        """End a pause."""

    # -- failing

    def _fail(self, execution: ExecutionFacts, step: StepFacts, failure: Failure, now: int) -> None:
        """Give a step up for good: undo it if it says how, then follow its failure."""
        if step.undoing:
            self._undo_ended(execution, step, failure, now)
            return
        step.failure = failure
        if step.plan.rollback is not None and _has_acted(step):
            self._begin_undo(execution, step, now)
            return
        self._end_failed(execution, step, StepInput.FAIL, now)

    def _begin_undo(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        step.undoing = True
        step.tries_count = 0
        step.state = move(step, StepInput.UNDO)
        self._begin_attempt(execution, step, now)

    def _end_failed(self, execution: ExecutionFacts, step: StepFacts, put: StepInput, now: int) -> None:
        step.state = move(step, put)
        step.ended_ns = now
        self._pass_over_inside(step, StepInput.OMIT, -1)  # of a group that never opened
        self._release_locks(step)
        self._follow_failure(execution, step, now)

    def _follow_failure(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        scope = step.scope
        scope.detours = True
        container = container_of(step)
        is_stopping = execution.then is not None if container is None else container.then is not None
        if is_stopping or step.plan.handles:
            self._follow(execution, step, now)
            return
        workflow = scope.plan.workflow
        if workflow.on_step_failure != "fail-fast":
            scope.failures.append(step)
            home = home_of(scope)
            home.tolerated_count += workflow.on_step_failure == "tolerate"
            if home.tolerated_count <= workflow.failures_max:
                self._follow(execution, step, now)
                return
        self._escalate(execution, step, now)
        self._follow(execution, step, now)

    def _escalate(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        """Stop everything up to whatever bears the failure of a step."""
        failure, child = step.failure, step
        container = container_of(step)
        while container is not None:
            container.failure = failure
            container.then = StepInput.FAIL
            container.ended_by = child.id
            if self._bears(container):
                self._stop_inside(execution, container, now)
                return
            child, container = container, container_of(container)
        execution.last_step = step.id
        self._stop_execution(execution, ExecutionInput.FAIL, failure, now)

    @staticmethod
    def _bears(container: StepFacts) -> bool:
        """Tell whether the failure of a container is followed at its own level."""
        if container.plan.handles:
            return True
        policy = container.scope.plan.workflow.on_step_failure
        return container.plan.kind is _SUBFLOW and policy != "fail-fast"

    def _fail_container(
        self, execution: ExecutionFacts, container: StepFacts, failure: Failure, now: int
    ) -> None:
        """Fail a group, a loop or a subflow for a reason of its own: what is inside is stopped first."""
        container.failure = failure
        container.then = StepInput.FAIL
        if container.children_left_count:
            self._stop_inside(execution, container, now)
        else:
            self._end_failed(execution, container, StepInput.FAIL, now)

    def _end_container(self, execution: ExecutionFacts, container: StepFacts, now: int) -> bool:
        """End what has nothing left inside; return whether it is to be followed by the caller."""
        put = container.then
        if put is None and container.scope.failures:
            put = self._gathered(container)
        if put is None:
            put = StepInput.COMPLETE
            if container.plan.on_success or container.plan.on_failure:
                container.scope.detours = True
        container.then = None
        container.state = move(container, put)
        container.ended_ns = now
        self._release_locks(container)
        if put is StepInput.FAIL:
            self._follow_failure(execution, container, now)
            return False
        return True

    def _gathered(self, group: StepFacts) -> StepInput | None:
        """Return how a group ends that went on in spite of failures of its children."""
        scope = group.scope
        if scope.plan.workflow.on_step_failure == "tolerate":
            return None
        for step in scope.failures:
            if step.plan.parent == group.plan.index:
                group.failure = step.failure
                return StepInput.FAIL
        return None

    # -- stopping

    def _stop_execution(
        self,
        execution: ExecutionFacts,
        put: ExecutionInput,
        failure: Failure | None,
        now: int,
        *,
        is_emergency: bool = False,
    ) -> None:
        """Stop everything that is left of an execution; it ends by `put` when nothing is."""
        mark_progress(execution, now)
        if execution.state is ExecutionState.PAUSED:
            self._resume(execution, now)
        execution.then = put
        execution.failure = failure
        self._deadlines.disarm(execution)
        with_unsent = self._look_at_unsent(execution)
        self._stop_scope(execution, execution.root, now, is_emergency=is_emergency)
        self._withdraw(execution, with_unsent)

    def _stop_inside(self, execution: ExecutionFacts, container: StepFacts, now: int) -> None:
        with_unsent = self._look_at_unsent(execution)
        if container.scopes is None:
            for number in container.plan.descendants:
                self._stop(execution, container.scope.steps[number], now)
        else:
            self._stop_scopes(execution, container, now)
        self._withdraw(execution, with_unsent)

    def _stop_scopes(
        self, execution: ExecutionFacts, container: StepFacts, now: int, *, is_emergency: bool = False
    ) -> None:
        for scope in tuple(container.scopes or ()):
            self._stop_scope(execution, scope, now, is_emergency=is_emergency)

    def _stop_scope(
        self, execution: ExecutionFacts, scope: Scope, now: int, *, is_emergency: bool = False
    ) -> None:
        for step in tuple(scope.steps):
            self._stop(execution, step, now, is_emergency=is_emergency)

    def _stop(
        self,
        execution: ExecutionFacts,
        step: StepFacts,
        now: int,
        *,
        put: StepInput = _CANCEL,
        is_emergency: bool = False,
    ) -> None:
        """Stop one step: at once, or, if an attempt of it runs, when that has cleaned up."""
        state = step.state
        if state in ENDED_STEPS or (step.undoing and not is_emergency):
            return
        if state is StepState.CANCELLING:
            step.then = put
        elif state is StepState.OPEN and step.plan.kind in _CONTAINERS:
            if step.then is None or put is StepInput.SKIP:
                step.then = put
            self._stop_scopes(execution, step, now, is_emergency=is_emergency)
        elif self._runs(step) and step.id not in self._unsent:
            self._cancel_attempt(execution, step, put, now)
        else:
            self._stop_at_once(execution, step, put, now)

    @staticmethod
    def _runs(step: StepFacts) -> bool:
        attempt = step.attempts[-1] if step.attempts else None
        return attempt is not None and attempt.outcome is AttemptState.RUNNING

    def _stop_at_once(self, execution: ExecutionFacts, step: StepFacts, put: StepInput, now: int) -> None:
        state = step.state
        if step.id in self._unsent:
            self._withdrawn[step.id] = None
        if state in _ARMED or self._runs(step):
            self._stop_clock(execution, step)
        self._leave(execution, step, now)
        if self._runs(step):
            self._close_attempt(execution, step, AttemptInput.CANCEL, now)
        elif step.attempts and step.attempts[-1].outcome not in ENDED_ATTEMPTS:
            attempt = step.attempts[-1]
            attempt.outcome = ATTEMPT[attempt.outcome][AttemptInput.CANCEL]
            attempt.ended_ns = now
        self._end_stopped(execution, step, self._put_of(step, put), now)

    def _put_of(self, step: StepFacts, put: StepInput) -> StepInput:
        """Return how a step ends that is stopped: one that has done nothing yet is omitted."""
        if put is StepInput.SKIP:
            return put
        state = step.state
        is_under_way = (
            state in _ARMED
            or state is StepState.RUNNING
            or (state in _WAITING_TO_START and step.started_ns >= 0)
            or (state is StepState.EVALUATING and (bool(step.attempts) or step.asked < ASKED_WHEN))
        )
        return put if is_under_way else StepInput.OMIT

    def _end_stopped(self, execution: ExecutionFacts, step: StepFacts, put: StepInput, now: int) -> None:
        if step.undoing:
            failure = Failure("Cancelled", "the rollback was stopped", retryable=False)
            self._undo_ended(execution, step, failure, now)
            return
        was_pending = step.state is StepState.PENDING
        if was_pending and put is StepInput.SKIP:  # decided before its turn came
            container = container_of(step)
            step.ready_ns = execution.admitted_ns if container is None else container.started_ns
            step.ready_by = "" if container is None else container.id
        step.state = move(step, put)
        if put is StepInput.OMIT or put is StepInput.SKIP:
            self._pass_over_inside(step, put, -1 if was_pending else now)
        if put is StepInput.SKIP:
            step.overridden = True
            step.scope.detours = True
        if not was_pending or step.ready_ns >= 0:
            step.ended_ns = now
        self._release_locks(step)
        if put is _CANCEL and step.plan.rollback is not None and _has_acted(step):
            execution.done.append(step)
        self._follow(execution, step, now)

    def _stop_clock(self, execution: ExecutionFacts, step: StepFacts) -> None:
        """Take back a step's deadline, be it armed or standing still, and its waiting for a signal."""
        self._deadlines.disarm(step)
        if execution.clocks:
            execution.clocks = [clock for clock in execution.clocks if clock.step is not step]
        if step.awaits:
            waiters = execution.waiting[step.awaits]
            del waiters[next(place for place, waiter in enumerate(waiters) if waiter is step)]
            if not waiters:
                del execution.waiting[step.awaits]
            step.awaits = ""

    # -- attempts that run

    def _cancel_attempt(self, execution: ExecutionFacts, step: StepFacts, then: StepInput, now: int) -> None:
        """Ask the world to stop an attempt; `then` follows when it has.

        Engines of the first version of the history did not wait for that.
        """
        attempt = step.attempts[-1]
        is_final = self.version < 2
        self._deadlines.disarm(step)
        self._commands.append(CancelAttempt(execution.execution_id, step.id, attempt.number, is_final))
        step.then = then
        if is_final:
            self._after_cancel(execution, step, now)
            return
        step.state = move(step, StepInput.STOP)
        at_ns = now + self.limits.cancel_grace_ns
        self._deadlines.arm(at_ns, DeadlineKind.GRACE_END, execution, step, attempt.number)

    def _after_cancel(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        """Go on from an attempt that has stopped."""
        then, step.then = step.then, None
        attempt = step.attempts[-1]
        if then is StepInput.FAIL and attempt.failure is not None:
            self._attempt_failed(execution, step, attempt.failure, now)
            return
        self._close_attempt(execution, step, AttemptInput.CANCEL, now)
        self._end_stopped(execution, step, then or _CANCEL, now)

    # -- commands that the world has not been told yet

    def _look_at_unsent(self, execution: ExecutionFacts) -> bool:
        """Note what this very event has asked for an execution; the outermost caller withdraws it."""
        if self._unsent:
            return False
        self._unsent = {
            command.step_id: None
            for command in self._commands
            if isinstance(command, (StartAttempt, EvaluateCondition))
            and command.execution_id == execution.execution_id
        }
        return True

    def _withdraw(self, execution: ExecutionFacts, is_outermost: bool) -> None:  # noqa: FBT001 - from the above
        """Take back what was asked for steps that have been stopped since.

        The world need not start what it would have to cancel at once.
        """
        if not is_outermost:
            return
        if self._withdrawn:
            self._commands = [
                command for command in self._commands if not self._is_withdrawn(execution, command)
            ]
        self._unsent = {}
        self._withdrawn = {}

    def _is_withdrawn(self, execution: ExecutionFacts, command: Command) -> bool:
        return (
            isinstance(command, (StartAttempt, EvaluateCondition))
            and command.execution_id == execution.execution_id
            and command.step_id in self._withdrawn
        )
