"""The engine: told what happened and when, it changes state and says what to do next. It never waits.

`handle(event, now)` follows one event through all its consequences. The world answers commands with further
events and wakes the engine at `next_deadline()`. `now` is in integer nanoseconds and never goes back.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.core import plan as plans
from engine.core.admission import StationTotals
from engine.core.commands import CancelAttempt, Command, ReportExecution
from engine.core.containers import let_go_of, new_scope
from engine.core.control import ControlMachine, Intake
from engine.core.deadlines import DeadlineKind
from engine.core.definition import Workflow
from engine.core.errors import DefinitionError, ProtocolError
from engine.core.event_codec import HISTORY_VERSION
from engine.core.events import (
    AttemptCancelled,
    AttemptFailed,
    AttemptSucceeded,
    CancelRequested,
    CapacityReported,
    ConditionEvaluated,
    DeadlineReached,
    DrainRequested,
    EmergencyStopRequested,
    EngineRecovered,
    Event,
    ExecutionSubmitted,
    Failure,
    PauseRequested,
    Remembered,
    ReopenRequested,
    ResumeRequested,
    SignalReceived,
    StepOverridden,
    WorkflowRegistered,
)
from engine.core.facts import ExecutionFacts, StepFacts
from engine.core.limits import Limits
from engine.core.states import ENDED_EXECUTIONS, EXECUTION, AttemptInput, ExecutionInput, StepInput, StepState

_RUNNING: Final = StepState.RUNNING
_ROLLING_BACK: Final = StepState.ROLLING_BACK
_CANCELLING: Final = StepState.CANCELLING
_EVALUATING: Final = StepState.EVALUATING
_SUCCEED: Final = AttemptInput.SUCCEED
_OPEN: Final = Intake.OPEN
_LIVE: Final = (
    StepState.EVALUATING,
    StepState.LOCKING,
    StepState.JOINED,
    StepState.RATED,
    StepState.QUEUED,
    StepState.RUNNING,
    StepState.CANCELLING,
    StepState.BACKING_OFF,
    StepState.WAITING,
    StepState.ROLLING_BACK,
)


class WorkflowEngine(ControlMachine):
    """The state machine of many executions. One per engine process; not shared between threads."""

    def __init__(self, limits: Limits, version: int = HISTORY_VERSION) -> None:
        """Start with no workflow and no execution; behave as the engines of `version` of the history did."""
        super().__init__(limits)
        self.version = version
        self._plans: dict[str, plans.Plan] = {}
        self._executions: dict[str, ExecutionFacts] = {}
        self._submitted_count = 0
        self._now = 0
        self._handlers: Mapping[type, Callable[[Any, int], None]] = {
            WorkflowRegistered: self._on_workflow_registered,
            ExecutionSubmitted: self._on_execution_submitted,
            AttemptSucceeded: self._on_attempt_succeeded,
            AttemptFailed: self._on_attempt_failed,
            ConditionEvaluated: self._on_condition_evaluated,
            Remembered: self._on_remembered,
            DeadlineReached: self._on_deadline_reached,
            AttemptCancelled: self._on_attempt_cancelled,
            PauseRequested: self._on_pause_requested,
            ResumeRequested: self._on_resume_requested,
            CancelRequested: self._on_cancel_requested,
            SignalReceived: self._on_signal_received,
            StepOverridden: self._on_step_overridden,
            EmergencyStopRequested: self._on_emergency_stop,
            DrainRequested: self._on_drain_requested,
            ReopenRequested: self._on_reopen_requested,
            CapacityReported: self._on_capacity_reported,
            EngineRecovered: self._on_engine_recovered,
        }

    # -- what the world calls

    def handle(self, event: Event, now: int) -> tuple[Command, ...]:
        """Take in what happened at `now` and return what to do, in order.

        Raises `ProtocolError` for the impossible.
        """
        if now < self._now:
            message = f"time went back from {self._now} to {now} ns"
            raise ProtocolError(message)
        handler = self._handlers.get(type(event))
        if handler is None:
            message = f"not an event: {event!r}"
            raise ProtocolError(message)
        self._now = now
        handler(event, now)
        self._settle(now)
        commands = tuple(self._commands)
        self._commands.clear()
        return commands

    def next_deadline(self) -> int | None:
        """Return the instant at which the engine next wants `handle_deadline`, or None."""
        return self._next_wake_ns()

    def handle_deadline(self, now: int) -> tuple[Command, ...]:
        """Take in that `next_deadline()` has come."""
        return self.handle(DeadlineReached(), now)

    # -- what anybody may read

    def workflow(self, name: str) -> Workflow:
        """Return a registered workflow; raises `ProtocolError` where there is none."""
        return self._plan(name).workflow

    def execution(self, execution_id: str) -> ExecutionFacts:
        """Return what is known of an execution that has not been forgotten; it must not be written to."""
        execution = self._executions.get(execution_id)
        if execution is None:
            message = f"no such execution: {execution_id!r}"
            raise ProtocolError(message)
        return execution

    def executions(self) -> tuple[ExecutionFacts, ...]:
        """Return all executions that have not been forgotten, in order of submission."""
        return tuple(self._executions.values())

    def awaits_condition(self, execution_id: str, step_id: str) -> bool:
        """Tell whether an `EvaluateCondition` of that step is still to be answered."""
        execution = self._executions.get(execution_id)
        step = execution.steps.get(step_id) if execution else None
        return step is not None and step.state is _EVALUATING

    def forget(self, execution_id: str) -> None:
        """Drop the facts of an execution that has ended."""
        if EXECUTION[self.execution(execution_id).state]:
            message = f"execution {execution_id!r} has not ended"
            raise ProtocolError(message)
        let_go_of(self._executions.pop(execution_id))

    @property
    def now_ns(self) -> int:
        """The instant of the last event; no event may come before it."""
        return self._now

    @property
    def submitted_count(self) -> int:
        """How many executions were ever submitted."""
        return self._submitted_count

    @property
    def active_count(self) -> int:
        """How many executions are admitted and have not ended."""
        return self._admission.busy_count

    @property
    def active_count_max(self) -> int:
        """The most executions that were ever active at once."""
        return self._admission.busy_count_max

    @property
    def running_attempts_count(self) -> int:
        """How many attempts run."""
        return self._slots.busy_count

    @property
    def deadlines_count(self) -> int:
        """How many deadlines are kept, those that are no longer wanted included."""
        return len(self._deadlines)

    def stations(self, now: int) -> dict[str, StationTotals]:
        """Return the totals of the limits on executions and on steps up to `now`."""
        return {
            "engine.executions": self._admission.totals_at(now),
            "engine.steps": self._slots.totals_at(now),
        }

    # -- events

    def _on_workflow_registered(self, event: WorkflowRegistered, _now: int) -> None:
        workflow = event.workflow
        known = self._plans.get(workflow.name)
        if known is not None:
            if known.workflow != workflow:
                message = f"workflow {workflow.name!r} is registered already, and differs: use another name"
                raise ProtocolError(message)
            return
        plan = plans.build(
            workflow,
            self._plan,
            reduce_needs=self.limits.reduce_needs,
            parallelise=self.limits.parallelise,
        )
        if plan.depth > self.limits.subflow_depth_max:
            message = (
                f"workflow {workflow.name!r} nests {plan.depth} subflows; "
                f"the engine's limit is {self.limits.subflow_depth_max}"
            )
            raise DefinitionError(message)
        if plan.steps_count > self.limits.max_steps_per_workflow:
            message = (
                f"workflow {workflow.name!r} has {plan.steps_count} steps; "
                f"the engine's limit is {self.limits.max_steps_per_workflow}"
            )
            raise DefinitionError(message)
        self._plans[workflow.name] = plan

    def _on_execution_submitted(self, event: ExecutionSubmitted, now: int) -> None:
        plan = self._plan(event.workflow)
        known = self._executions.get(event.execution_id)
        if event.execution_id in self._ended_ids or (
            known is not None and known.state not in ENDED_EXECUTIONS
        ):
            message = f"execution id {event.execution_id!r} is taken"
            raise ProtocolError(message)
        index = self._submitted_count
        execution = ExecutionFacts(
            event.execution_id,
            index,
            event.workflow,
            event.variables,
            event.priority,
            now,
            plan=plan,
        )
        execution.progress_ns = now
        self._executions[event.execution_id] = execution
        self._submitted_count = index + 1
        if not self._admission.is_free and self.queued_count >= self.limits.max_queue:
            self._ended_ids.add(event.execution_id)
            execution.state = EXECUTION[execution.state][ExecutionInput.REFUSE]
            execution.ended_ns = now
            message = f"{self.limits.max_queue} executions are waiting already"
            execution.failure = Failure("QueueFull", message, retryable=True)
            self._commands.append(ReportExecution(execution.execution_id))
            return
        self._queue_for_admission(execution)

    def _on_attempt_succeeded(self, event: AttemptSucceeded, now: int) -> None:
        execution, step = self._running(event)
        self._deadlines.disarm(step)
        self._close_attempt(execution, step, _SUCCEED, now, event.outputs)
        self._after_success(execution, step, event.outputs, now)

    def _on_attempt_failed(self, event: AttemptFailed, now: int) -> None:
        execution, step = self._running(event)
        self._deadlines.disarm(step)
        self._attempt_failed(execution, step, event.failure, now)

    def _on_condition_evaluated(self, event: ConditionEvaluated, now: int) -> None:
        execution, step = self._step(event.execution_id, event.step_id)
        if step.state is not _EVALUATING:
            message = (
                f"step {event.step_id!r} of {event.execution_id!r} is {step.state} and awaits no condition"
            )
            raise ProtocolError(message)
        if event.error:
            self._fail(execution, step, Failure("ConditionError", event.error, retryable=False), now)
        else:
            self._answer(execution, step, now, outcome=event.outcome)

    def _on_remembered(self, event: Remembered, _now: int) -> None:
        _, step = self._running(event, is_cleaning_up=True)
        step.memory = {**step.memory, event.key: event.value}

    def _on_deadline_reached(self, _event: DeadlineReached, now: int) -> None:
        due = self._deadlines.pop_due(now)
        if due is None and not self._rates_due(now):
            message = f"no deadline is due at {now} ns; the next is {self.next_deadline()}"
            raise ProtocolError(message)
        while due is not None:
            self._expire(due[2], due[3], due[4], now)
            self._settle(now)  # each is followed through before the next is looked at
            due = self._deadlines.pop_due(now)
        self._rates_due(now)

    def _expire(
        self, kind: DeadlineKind, execution: ExecutionFacts, step: StepFacts | None, now: int
    ) -> None:
        if step is None:
            execution.due_ns = -1
            live = (step.id for step in execution.steps.values() if step.state in _LIVE)
            execution.last_step = next(live, "")
            message = f"not ended after {_seconds(now - execution.admitted_ns)}"
            failure = Failure("ExecutionTimeout", message, retryable=False)
            self._stop_execution(execution, ExecutionInput.FAIL, failure, now)
            return
        step.due_ns = -1
        if kind is DeadlineKind.WAIT_END:
            self._on_wait_end(execution, step, now)
        elif kind is DeadlineKind.BACKOFF_END:
            self._begin_attempt(execution, step, now)
        elif kind is DeadlineKind.GRACE_END:
            number = step.attempts[-1].number
            self._commands.append(CancelAttempt(execution.execution_id, step.id, number, is_final=True))
            self._after_cancel(execution, step, now)
        elif kind is DeadlineKind.OPEN_END:
            if step.then is not None:  # it is being stopped for another reason, and that one counts
                return
            message = f"not ended after {_seconds(now - step.started_ns)}"
            self._fail_container(execution, step, Failure("SubflowTimeout", message, retryable=False), now)
        else:
            attempt = step.attempts[-1]
            message = f"attempt {attempt.number} not ended after {_seconds(now - attempt.started_ns)}"
            attempt.failure = Failure("Timeout", message, retryable=True)
            self._cancel_attempt(execution, step, StepInput.FAIL, now)

    # -- consequences

    def _settle(self, now: int) -> None:
        """Follow everything that became possible until nothing does."""
        ready = self._ready
        admissions, held, slots = self._admission.queue, self._held_executions, self._slots.queue
        while True:
            if ready:
                execution, step, ready_by = ready.popleft()
                self._make_ready(execution, step, ready_by, now)
            elif (self._granted or self._landed) and self._hand_over(now):
                pass
            elif self._rolling:
                self._undo_next(self._rolling.popleft(), now)
            elif (
                (admissions.length or held.length)
                and self.intake is _OPEN
                and (admitted := self._next_admission(now)) is not None
            ):
                self._admit(admitted, now)
            elif not (slots.length or self._held_steps.length) or not self._dispatch(now):
                return

    def _admit(self, execution: ExecutionFacts, now: int) -> None:
        plan = execution.plan
        execution.state = EXECUTION[execution.state][ExecutionInput.ADMIT]
        execution.admitted_ns = now
        self._admission.take(now - execution.submitted_ns, now)
        steps = new_scope(execution, plan, execution.variables).steps
        timeout_ns = plan.workflow.timeout_ns
        if timeout_ns is None:
            timeout_ns = self.limits.execution_timeout_ns
        if timeout_ns is not None:
            self._deadlines.arm(now + timeout_ns, DeadlineKind.EXECUTION_TIMEOUT, execution, None, 0)
        self._ready.extend((execution, steps[root], "") for root in plan.roots)
        if execution.pause_wanted:
            self._pause(execution, now)

    # -- look-ups

    def _plan(self, name: str) -> plans.Plan:
        plan = self._plans.get(name)
        if plan is None:
            message = f"no such workflow: {name!r}; registered are {', '.join(self._plans) or 'none'}"
            raise ProtocolError(message)
        return plan

    def _step(self, execution_id: str, step_id: str) -> tuple[ExecutionFacts, StepFacts]:
        execution = self.execution(execution_id)
        step = execution.steps.get(step_id)
        if step is None:
            message = f"execution {execution_id!r} has no step {step_id!r}"
            raise ProtocolError(message)
        return execution, step

    def _running(
        self, event: AttemptSucceeded | AttemptFailed | Remembered, *, is_cleaning_up: bool = False
    ) -> tuple[ExecutionFacts, StepFacts]:
        """Return whom an event of an attempt is about; the attempt must be the one that runs."""
        execution = self._executions.get(event.execution_id)
        step = execution.steps.get(event.step_id) if execution is not None else None
        if execution is None or step is None:
            execution, step = self._step(event.execution_id, event.step_id)  # raises, saying which is unknown
        state = step.state
        runs = state is _RUNNING or state is _ROLLING_BACK or (is_cleaning_up and state is _CANCELLING)
        if not runs or len(step.attempts) != event.attempt:
            message = (
                f"attempt {event.attempt} of step {event.step_id!r} of {event.execution_id!r} does not run; "
                f"the step is {step.state} after {len(step.attempts)} attempts"
            )
            raise ProtocolError(message)
        return execution, step


def _seconds(duration_ns: int) -> str:
    return f"{duration_ns / 1e9:g} s"
