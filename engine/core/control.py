"""What people ask of a running engine: pause, resume, cancel, signal, override; stop, drain, reopen.

A request for an execution that is unknown, or has ended, is refused with `ProtocolError`; one that changes
nothing (a second pause, a cancellation of what is being stopped already) does nothing.
"""

from abc import abstractmethod
from enum import StrEnum

from engine.core.commands import ReportExecution
from engine.core.deadlines import DeadlineKind
from engine.core.errors import ProtocolError
from engine.core.events import (
    AttemptCancelled,
    CancelRequested,
    DrainRequested,
    EmergencyStopRequested,
    EngineRecovered,
    Failure,
    PauseRequested,
    ReopenRequested,
    ResumeRequested,
    SignalReceived,
    StepOverridden,
)
from engine.core.facts import ExecutionFacts, StepFacts
from engine.core.limits import Limits
from engine.core.overrides import OverrideMachine
from engine.core.states import ENDED_EXECUTIONS, EXECUTION, ExecutionInput, ExecutionState, StepState


class Intake(StrEnum):
    """Whether the engine admits executions."""

    OPEN = "open"
    DRAINING = "draining"
    STOPPED = "stopped"


class ControlMachine(OverrideMachine):
    """An engine that people have a hand in."""

    def __init__(self, limits: Limits) -> None:
        """Start open."""
        super().__init__(limits)
        self.intake = Intake.OPEN

    @abstractmethod
    def execution(self, execution_id: str) -> ExecutionFacts:
        """Return what is known of an execution; raises `ProtocolError`."""

    @abstractmethod
    def executions(self) -> tuple[ExecutionFacts, ...]:
        """Return all executions that have not been forgotten."""

    @abstractmethod
    def _step(self, execution_id: str, step_id: str) -> tuple[ExecutionFacts, StepFacts]:
        """Return a step and its execution; raises `ProtocolError`."""

    # -- one execution

    def _on_pause_requested(self, event: PauseRequested, now: int) -> None:
        execution = self._live(event.execution_id)
        if execution.state is ExecutionState.PENDING:
            execution.pause_wanted = True
        elif execution.state is ExecutionState.RUNNING and execution.then is None:
            self._pause(execution, now)

    def _on_resume_requested(self, event: ResumeRequested, now: int) -> None:
        execution = self._live(event.execution_id)
        execution.pause_wanted = False
        if execution.state is ExecutionState.PAUSED:
            self._resume(execution, now)
            self._deliver_signals(execution, now)

    def _on_cancel_requested(self, event: CancelRequested, now: int) -> None:
        execution = self._live(event.execution_id)
        failure = Failure("Cancelled", event.reason, retryable=False)
        if execution.state is ExecutionState.PENDING:
            self._leave_admission(execution)
            execution.state = EXECUTION[execution.state][ExecutionInput.CANCEL]
            execution.failure = failure
            execution.ended_ns = now
            self._ended_ids.add(execution.execution_id)
            self._commands.append(ReportExecution(execution.execution_id))
        elif execution.state is not ExecutionState.ROLLING_BACK and execution.then is None:
            execution.compensates = event.compensate
            self._stop_execution(execution, ExecutionInput.CANCEL, failure, now)

    def _on_signal_received(self, event: SignalReceived, now: int) -> None:
        self._take_signal(self._live(event.execution_id), event, now)

    def _on_step_overridden(self, event: StepOverridden, now: int) -> None:
        execution, step = self._step(event.execution_id, event.step_id)
        self._override(execution, step, event, now)

    def _on_attempt_cancelled(self, event: AttemptCancelled, now: int) -> None:
        execution, step = self._step(event.execution_id, event.step_id)
        if step.state is not StepState.CANCELLING or len(step.attempts) != event.attempt:
            message = (
                f"attempt {event.attempt} of step {event.step_id!r} of {event.execution_id!r} was not told "
                f"to stop; the step is {step.state} after {len(step.attempts)} attempts"
            )
            raise ProtocolError(message)
        self._deadlines.disarm(step)
        self._after_cancel(execution, step, now)

    def _live(self, execution_id: str) -> ExecutionFacts:
        execution = self.execution(execution_id)
        if execution.state in ENDED_EXECUTIONS:
            message = f"execution {execution_id!r} has ended: it is {execution.state}"
            raise ProtocolError(message)
        return execution

    def _pause(self, execution: ExecutionFacts, now: int) -> None:
        execution.state = EXECUTION[execution.state][ExecutionInput.PAUSE]
        execution.pauses.append((now, -1))
        self._halt_clocks(execution, now)
        self._paused(execution)

    def _resume(self, execution: ExecutionFacts, now: int) -> None:
        execution.state = EXECUTION[execution.state][ExecutionInput.RESUME]
        since_ns, _ = execution.pauses[-1]
        execution.pauses[-1] = (since_ns, now)
        self._start_clocks(execution, now - since_ns, now)
        held, execution.held = execution.held, []
        self._ready.extend((execution, step, ready_by) for step, ready_by in held)
        self._unpark(execution)

    # -- the whole engine

    def _on_emergency_stop(self, event: EmergencyStopRequested, now: int) -> None:
        self.intake = Intake.STOPPED
        failure = Failure("EmergencyStop", event.reason, retryable=False)
        for execution in self.executions():
            if execution.state in ENDED_EXECUTIONS or execution.state is ExecutionState.PENDING:
                continue
            execution.done = []
            execution.last_step = ""
            self._stop_execution(execution, ExecutionInput.CANCEL, failure, now, is_emergency=True)
            for step in tuple(execution.steps.values()):
                if step.undoing:  # what is undone last may be inside of what has ended long ago
                    self._stop(execution, step, now, is_emergency=True)

    def _on_drain_requested(self, _event: DrainRequested, _now: int) -> None:
        if self.intake is Intake.OPEN:
            self.intake = Intake.DRAINING

    def _on_reopen_requested(self, _event: ReopenRequested, _now: int) -> None:
        self.intake = Intake.OPEN

    def _on_engine_recovered(self, _event: EngineRecovered, now: int) -> None:
        """Ask again for everything that the world was asked for and has not answered."""
        for execution in self.executions():
            for step in tuple(execution.steps.values()):
                self._recover_step(execution, step, now)

    def _recover_step(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        state = step.state
        if state is StepState.EVALUATING:
            self._ask_again(execution, step)
        elif state is StepState.CANCELLING:  # what was to clean up is gone
            self._deadlines.disarm(step)
            self._after_cancel(execution, step, now)
        elif state in (StepState.RUNNING, StepState.ROLLING_BACK):
            self._start_again(execution, step, now)

    def _start_again(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        attempt = step.attempts[-1]
        parameters = attempt.parameters
        assert parameters is not None, "an attempt that runs was started with parameters"
        self._deadlines.disarm(step)
        at_ns = now + self._timeout_ns_of(step)
        self._deadlines.arm(at_ns, DeadlineKind.ATTEMPT_TIMEOUT, execution, step, attempt.number)
        if step.until_ns >= 0:
            self._time_fetch(execution, step, now, now)
        self._commands.append(self._command_of(execution, step, attempt.number, parameters))
