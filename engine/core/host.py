"""What both worlds share: the host carries the engine's commands out, steps actions, and keeps the history.

A world gives it a clock, a `Performer` (effects in, results out) and a sink for rows, and calls `feed`,
`resume` and `throw`. Nothing here waits and nothing recurses: whatever happens while the host is busy
queues up and is worked off in order, all in the same instant.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from engine.core.action import ActionContext, ActionCoroutine, ActionSpec
from engine.core.causes import Cause
from engine.core.commands import CancelAttempt, Command, EvaluateCondition, ReportExecution, StartAttempt
from engine.core.conditions import Conditions, Program
from engine.core.effects import Effect, Log, Remember
from engine.core.errors import ActionError, ConditionError, ProtocolError
from engine.core.events import (
    AttemptFailed,
    AttemptSucceeded,
    ConditionEvaluated,
    DeadlineReached,
    Event,
    Failure,
    Remembered,
)
from engine.core.facts import ExecutionFacts
from engine.core.history import History
from engine.core.machine import WorkflowEngine
from engine.core.recorder import Recorder, outcome_of
from engine.core.records import Row

MANAGER_PREFIX: Final = "headroom"


class Attempt:
    """An attempt under way. `mark` and `pending` belong to the performer, who also appends to `spans`."""

    __slots__ = (
        "answer",
        "command",
        "coroutine",
        "effect",
        "effect_started_ns",
        "is_over",
        "is_stepping",
        "key",
        "mark",
        "memory",
        "pending",
        "spans",
        "started_ns",
    )

    def __init__(self, command: StartAttempt, started_ns: int) -> None:
        """Start the books of an attempt whose coroutine has not been made yet."""
        self.command = command
        self.key = (command.execution_id, command.step_id, command.attempt)  # what identifies it
        self.started_ns = started_ns
        self.coroutine: ActionCoroutine | None = None
        self.spans: list[
            tuple[Cause, int, int]
        ] = []  # contiguous (cause, start, end) from started_ns to its end
        self.mark: Any = None
        self.pending: Any = None
        self.memory: dict[str, Any] = dict(command.memory)
        # The host's own:
        self.effect: Effect[Any] | None = None  # the one being performed
        self.effect_started_ns = started_ns
        self.is_stepping = False
        self.is_over = False
        self.answer: tuple[Any, ActionError | None] | None = None


class Performer(Protocol):
    """A world, as an attempt sees it."""

    def begin(self, attempt: Attempt) -> None:
        """An attempt starts now; its first effect follows."""
        ...

    def perform(self, attempt: Attempt, effect: Effect[Any]) -> None:
        """Begin `effect`; later, or before returning, call `Host.resume` or `Host.throw` exactly once."""
        ...

    def cancel(self, attempt: Attempt) -> None:
        """Stop what is being performed, answer no more, and close the attempt's spans at this instant."""
        ...

    def finish(self, attempt: Attempt) -> None:
        """An attempt has ended by itself; close its spans at the present instant."""
        ...


class Host:
    """Drives one engine in one world. Set `performer` before feeding it."""

    performer: Performer

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
        self.engine = engine
        self.history = History()
        self.on_deadline: Callable[[int | None], None] = lambda _at_ns: None  # the next deadline has changed
        self.on_execution_end: list[Callable[[ExecutionFacts], None]] = []
        self.on_log: Callable[[Attempt, Log], None] = lambda _attempt, _log: None
        self.attempts: dict[tuple[str, str, int], Attempt] = {}  # under way, in order of start
        self._actions = actions
        self._conditions = conditions
        self._programs: dict[str, Program] = {}
        self._clock = clock
        self._recorder = Recorder(sink, detail=detail)
        self._events: deque[Event] = deque()
        self._answers: deque[ConditionEvaluated] = deque()
        self._resumed: deque[tuple[Attempt, Any, ActionError | None]] = deque()
        self._is_busy = False
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

    def resume(self, attempt: Attempt, value: Any = None) -> None:
        """Give an attempt the result of its effect."""
        self._take_answer(attempt, value, None)

    def throw(self, attempt: Attempt, error: ActionError) -> None:
        """Give an attempt the failure of its effect."""
        self._take_answer(attempt, None, error)

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
        try:
            while True:
                if answers:
                    answer = answers.popleft()
                    if self.engine.awaits_condition(answer.execution_id, answer.step_id):
                        self._handle(answer)
                elif events:
                    event = events.popleft()
                    if not isinstance(event, (AttemptSucceeded, AttemptFailed)) or self._ends(event):
                        self._handle(event)
                elif resumed:
                    attempt, value, error = resumed.popleft()
                    if not attempt.is_over:  # else it was cancelled in this very instant
                        self._step(attempt, value, error)
                else:
                    break
        finally:
            self._is_busy = False
        at_ns = self.engine.next_deadline()
        if at_ns != self._deadline_ns:
            self._deadline_ns = at_ns
            self.on_deadline(at_ns)

    def _handle(self, event: Event) -> None:
        now = self._clock()
        commands: tuple[Command, ...] = self.engine.handle(event, now)
        self.history.append(now, event)
        for command in commands:
            self._carry_out_by_type[type(command)](command)

    def _ends(self, event: AttemptSucceeded | AttemptFailed) -> bool:
        """Tell whether an outcome still counts; one that a cancellation has overtaken does not."""
        return self.attempts.pop((event.execution_id, event.step_id, event.attempt), None) is not None

    # -- commands

    def _start(self, command: StartAttempt) -> None:
        attempt = Attempt(command, self._clock())
        self.attempts[attempt.key] = attempt
        self.performer.begin(attempt)
        spec = self._actions.get(command.action)
        if spec is None:
            known = ", ".join(self._actions)
            message = f"no action {command.action!r}; there are {known}"
            self._fail(attempt, Failure("UnknownAction", message, retryable=False))
            return
        manager = f"{MANAGER_PREFIX}/{command.execution_id}/{command.step_id}"
        context = ActionContext(
            command.execution_id, command.step_id, command.attempt, attempt.memory, manager
        )
        try:
            parameters = spec.bind(command.parameters)
        except ActionError as error:
            self._fail(attempt, Failure(error.reason, str(error), error.retryable))
            return
        attempt.coroutine = spec.run(context, parameters)
        self._step(attempt, None, None)

    def _cancel(self, command: CancelAttempt) -> None:
        attempt = self.attempts.pop((command.execution_id, command.step_id, command.attempt))
        self._end_attempt(attempt, cancelled=True)

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

    # -- attempts

    def _take_answer(self, attempt: Attempt, value: Any, error: ActionError | None) -> None:
        effect = attempt.effect
        if effect is None:
            message = f"attempt {attempt.key} waits for nothing"
            raise ProtocolError(message)
        if self._recorder.detail:
            self._recorder.note_effect(attempt, effect, self._clock(), outcome_of(error))
        attempt.effect = None
        if attempt.is_stepping:  # answered before `perform` returned: the loop in `_step` goes on with it
            attempt.answer = (value, error)
            return
        self._resumed.append((attempt, value, error))
        if not self._is_busy:
            self._work()

    def _step(self, attempt: Attempt, value: Any, error: ActionError | None) -> None:
        """Run an attempt's coroutine until an effect takes time, or it ends."""
        coroutine = attempt.coroutine
        if coroutine is None:
            message = f"attempt {attempt.key} has no coroutine"
            raise ProtocolError(message)
        attempt.is_stepping = True
        try:
            while True:
                effect = coroutine.send(value) if error is None else coroutine.throw(error)
                value = error = None
                if isinstance(effect, Remember):
                    self._remember(attempt, effect)
                elif isinstance(effect, Log):
                    self.on_log(attempt, effect)
                else:
                    attempt.effect = effect
                    attempt.effect_started_ns = self._clock()
                    self.performer.perform(attempt, effect)
                    if attempt.answer is None:
                        return
                    value, error = attempt.answer
                    attempt.answer = None
        except StopIteration as stop:
            self._succeed(attempt, stop.value)
        except ActionError as failure:
            self._fail(attempt, Failure(failure.reason, str(failure), failure.retryable))
        finally:
            attempt.is_stepping = False

    def _remember(self, attempt: Attempt, effect: Remember) -> None:
        execution_id, step_id, number = attempt.key
        attempt.memory[effect.key] = effect.value
        self._handle(Remembered(execution_id, step_id, number, effect.key, effect.value))  # has no commands

    def _succeed(self, attempt: Attempt, outputs: Mapping[str, Any] | None) -> None:
        self._end_attempt(attempt, cancelled=False)
        execution_id, step_id, number = attempt.key
        self._events.append(AttemptSucceeded(execution_id, step_id, number, outputs or {}))

    def _fail(self, attempt: Attempt, failure: Failure) -> None:
        self._end_attempt(attempt, cancelled=False)
        execution_id, step_id, number = attempt.key
        self._events.append(AttemptFailed(execution_id, step_id, number, failure))

    def _end_attempt(self, attempt: Attempt, *, cancelled: bool) -> None:
        if attempt.is_over:  # it has ended by itself in the instant in which it is cancelled
            return
        attempt.is_over = True
        attempt.effect = None
        if cancelled:
            self.performer.cancel(attempt)
            if attempt.coroutine is not None:
                attempt.coroutine.close()
        else:
            self.performer.finish(attempt)
        self._recorder.note_attempt(attempt)
