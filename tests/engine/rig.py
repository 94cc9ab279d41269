"""An engine under manual control: what it asks for is kept until the test answers."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.core.commands import CancelAttempt, Command, EvaluateCondition, ReportExecution, StartAttempt
from engine.core.definition import RetryPolicy, Step, StepKind, Workflow
from engine.core.events import (
    AttemptCancelled,
    AttemptFailed,
    AttemptSucceeded,
    ConditionEvaluated,
    DeadlineReached,
    Event,
    ExecutionSubmitted,
    Failure,
    WorkflowRegistered,
)
from engine.core.facts import ExecutionFacts, StepFacts
from engine.core.history import History
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine

SECOND_NS = 1_000_000_000
BROKEN = Failure("Broken", "it broke")
HOPELESS = Failure("Hopeless", "it never works", retryable=False)


def act(step_id: str, *needs: str, **fields: Any) -> Step:
    """An action step."""
    return Step(step_id, needs=needs, action="act", **fields)


def group(step_id: str, kind: StepKind, *steps: Step, needs: tuple[str, ...] = (), when: str = "") -> Step:
    return Step(step_id, kind, needs=needs, steps=steps, when=when)


def retrying(attempts: int, delay_ns: int = SECOND_NS, backoff: float = 2.0) -> RetryPolicy:
    return RetryPolicy(attempts, delay_ns, backoff)


def word_of(expression: str, _values: Mapping[str, Any]) -> bool:
    """The tests' language of conditions: ``true``, ``false``, and anything else is an error."""
    if expression not in ("true", "false"):
        raise ValueError(expression)
    return expression == "true"


class Rig:
    """One engine, one workflow named ``w``."""

    def __init__(
        self,
        *steps: Step,
        timeout_ns: int | None = None,
        evaluate: Callable[[str, Mapping[str, Any]], bool] = word_of,
        workflow: Mapping[str, Any] | None = None,
        **limits: Any,
    ) -> None:
        self.engine = WorkflowEngine(Limits(**limits))
        self.history = History()
        self.now = 0
        self.running: list[tuple[str, str, int]] = []  # attempts, in order of start
        self.started: list[StartAttempt] = []
        self.cancelled: list[CancelAttempt] = []
        self.all_clean_up = False
        self.cleans_up: list[str] = []  # steps whose attempts do not stop at once
        self.stopping: list[tuple[str, str, int]] = []
        self.reported: list[str] = []
        self.asked: list[EvaluateCondition] = []
        self._evaluate = evaluate
        self._commands: list[Command] = []
        self.tell(WorkflowRegistered(Workflow("w", steps, timeout_ns, **(workflow or {}))))

    def tell(self, event: Event) -> None:
        commands = self.engine.handle(event, self.now)
        self.history.append(self.now, event)
        for command in commands:
            self._take(command)
        for command in commands:
            if isinstance(command, EvaluateCondition):
                self._answer(command)
            elif isinstance(command, CancelAttempt) and not command.is_final:
                key = (command.execution_id, command.step_id, command.attempt)
                is_quick = command.step_id not in self.cleans_up and not self.all_clean_up
                if is_quick and key in self.stopping:
                    self.stop(command.step_id, command.execution_id)

    def submit(self, execution_id: str = "x", priority: int = 0, **variables: Any) -> None:
        self.tell(ExecutionSubmitted(execution_id, "w", variables, priority))

    def succeed(self, step_id: str, execution_id: str = "x", *, after_ns: int = 0, **outputs: Any) -> None:
        self.now += after_ns
        self.tell(AttemptSucceeded(*self._pop(execution_id, step_id), outputs))

    def fail(
        self, step_id: str, execution_id: str = "x", *, after_ns: int = 0, failure: Failure = BROKEN
    ) -> None:
        self.now += after_ns
        self.tell(AttemptFailed(*self._pop(execution_id, step_id), failure))

    def sleep(self) -> None:
        """Let time pass to the next deadline."""
        deadline = self.engine.next_deadline()
        assert deadline is not None
        self.now = deadline
        self.tell(DeadlineReached())

    def tell_deadline(self) -> None:
        self.tell(DeadlineReached())

    def execution(self, execution_id: str = "x") -> ExecutionFacts:
        return self.engine.execution(execution_id)

    def step(self, step_id: str, execution_id: str = "x") -> StepFacts:
        return self.engine.execution(execution_id).steps[step_id]

    def states(self, execution_id: str = "x") -> dict[str, str]:
        return {name: step.state.value for name, step in self.execution(execution_id).steps.items()}

    @property
    def running_steps(self) -> list[str]:
        return [step_id for _, step_id, _ in self.running]

    def stop(self, step_id: str, execution_id: str = "x", *, after_ns: int = 0) -> None:
        """Let an attempt that was told to stop have stopped."""
        self.now += after_ns
        key = next(key for key in self.stopping if key[:2] == (execution_id, step_id))
        self.stopping.remove(key)
        self.tell(AttemptCancelled(*key))

    def _pop(self, execution_id: str, step_id: str) -> tuple[str, str, int]:
        key = next(key for key in self.running if key[:2] == (execution_id, step_id))
        self.running.remove(key)
        return key

    def _take(self, command: Command) -> None:
        if isinstance(command, StartAttempt):
            self.started.append(command)
            self.running.append((command.execution_id, command.step_id, command.attempt))
        elif isinstance(command, CancelAttempt):
            self.cancelled.append(command)
            if command.is_final and self.engine.version > 1:
                self.stopping.remove((command.execution_id, command.step_id, command.attempt))
                return
            self.running.remove((command.execution_id, command.step_id, command.attempt))
            if not command.is_final:
                self.stopping.append((command.execution_id, command.step_id, command.attempt))
        elif isinstance(command, ReportExecution):
            self.reported.append(command.execution_id)
        else:
            self.asked.append(command)

    def _answer(self, command: EvaluateCondition) -> None:
        if not self.engine.awaits_condition(command.execution_id, command.step_id):
            return
        outcome, error = False, ""
        try:
            outcome = self._evaluate(command.expression, command.values)
        except (ValueError, KeyError) as problem:
            error = str(problem)
        self.tell(ConditionEvaluated(command.execution_id, command.step_id, outcome, error))
