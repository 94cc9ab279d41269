"""What both worlds share: the host carries the engine's commands out, steps actions, and keeps the history.

A world gives it a clock, a `Performer` (effects in, results out) and a sink for rows, and calls `feed`,
`resume` and `throw`. Nothing here waits and nothing recurses: whatever happens while the host is busy
queues up and is worked off in order, all in the same instant.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.core.action import ActionSpec
from engine.core.attempt_runner import Attempt, AttemptRunner
from engine.core.commands import CancelAttempt, Command, EvaluateCondition, ReportExecution, StartAttempt
from engine.core.conditions import Conditions, Program
from engine.core.errors import ConditionError
from engine.core.events import (
    AttemptCancelled,
    AttemptFailed,
    AttemptSucceeded,
    ConditionEvaluated,
    DeadlineReached,
    Event,
    Failure,
)
from engine.core.facts import ExecutionFacts
from engine.core.history import History
from engine.core.machine import WorkflowEngine
from engine.core.recorder import Recorder
from engine.core.records import Row
from engine.core.sizes import exceeds

OUTCOMES: Final = (AttemptSucceeded, AttemptFailed, AttemptCancelled)


class Host(AttemptRunner):
    """Drives one engine in one world. Set `performer` before feeding it."""

    def __init__(
        self,
        engine: WorkflowEngine,
        actions: Mapping[str, ActionSpec],
        conditions: Conditions,
        clock: Callable[[], int],
        sink: Callable[[Row], None],
        *,
        detail: bool = False,
    ) -> None:
        """Bind the parts. `clock` gives ns; `sink` gets rows, executions in order of submission."""
        super().__init__(actions, clock, Recorder(sink, detail=detail))
        self.engine = engine
        self.history = History(engine.version)
        self.on_deadline: Callable[[int | None], None] = lambda _at_ns: None  # the next deadline has changed
        self.on_execution_end: list[Callable[[ExecutionFacts], None]] = []
        self.on_handled: list[Callable[[int, Event, tuple[Command, ...]], None]] = []
        self._conditions = conditions
        self._programs: dict[str, Program] = {}
        self._answers: deque[ConditionEvaluated] = deque()
        self._deadline_ns: int | None = None
        self._carry_out_by_type: Mapping[type, Callable[[Any], None]] = {
            StartAttempt: self._start,
            CancelAttempt: self._cancel,
            EvaluateCondition: self._evaluate,
            ReportExecution: self._report,
        }

    # -- what a world calls

    def feed(self, event: Event) -> None:
        """Tell the engine of `event`, and carry out what follows."""
        self._events.append(event)
        if not self._is_busy:
            self._work()

    def wake(self) -> None:
        """Tell the engine that its deadline has come, if it has."""
        at_ns = self.engine.next_deadline()
        if at_ns is not None and at_ns <= self._clock():
            self.feed(DeadlineReached())

    def close(self) -> None:
        """Cancel what runs and write what has not finished. Nothing may be fed afterwards."""
        self._is_busy = True
        now = self._clock()
        for attempt in list(self.attempts.values()):
            self._end_attempt(attempt, cancelled=True)
        for execution in self.engine.executions():
            self._recorder.record(execution, until_ns=now)

    # -- the loop

    def _work(self) -> None:
        """Work off answers of conditions, then events, then attempts that can go on, until none is left."""
        self._is_busy = True
        answers, events, resumed = self._answers, self._events, self._resumed
        has_told = False
        try:
            while True:
                if answers:
                    answer = answers.popleft()
                    if self.engine.awaits_condition(answer.execution_id, answer.step_id):
                        self._handle(answer)
                        has_told = True
                elif events:
                    event = events.popleft()
                    if not isinstance(event, OUTCOMES) or self._ends(event):
                        self._handle(event)
                        has_told = True
                elif resumed:
                    attempt, value, error = resumed.popleft()
                    if not attempt.is_over:  # else it was cancelled in this very instant
                        self._step(attempt, value, error)
                else:
                    break
        finally:
            self._is_busy = False
        if has_told:  # else no deadline can have changed
            self._announce_deadline()

    def _announce_deadline(self) -> None:
        at_ns = self.engine.next_deadline()
        if at_ns != self._deadline_ns:
            self._deadline_ns = at_ns
            self.on_deadline(at_ns)

    def _handle(self, event: Event) -> None:
        now = self._clock()
        commands: tuple[Command, ...] = self.engine.handle(event, now)
        self.history.append(now, event)
        for watch in self.on_handled:
            watch(now, event, commands)
        for command in commands:
            self._carry_out_by_type[type(command)](command)

    def _succeed(self, attempt: Attempt, outputs: Mapping[str, Any] | None) -> None:
        """Let an attempt end well, unless what it returns is too large to be kept."""
        bytes_max = self.engine.limits.output_bytes_max
        if outputs and exceeds(outputs, bytes_max):
            message = f"the outputs take more than {bytes_max} bytes as JSON: return where they are kept"
            self._fail(attempt, Failure("OutputTooLarge", message, retryable=False))
            return
        super()._succeed(attempt, outputs)

    # -- commands

    def _evaluate(self, command: EvaluateCondition) -> None:
        outcome, failure = False, ""
        try:
            program = self._programs.get(command.expression)
            if program is None:
                program = self._programs[command.expression] = self._conditions.compile(command.expression)
            outcome = program.evaluate(command.values)
        except ConditionError as error:
            failure = str(error) or "the expression gives no value"
        self._answers.append(ConditionEvaluated(command.execution_id, command.step_id, outcome, failure))

    def _report(self, command: ReportExecution) -> None:
        execution = self.engine.execution(command.execution_id)
        self._recorder.record(execution, until_ns=execution.ended_ns)
        for callback in self.on_execution_end:
            callback(execution)
        self.engine.forget(command.execution_id)
