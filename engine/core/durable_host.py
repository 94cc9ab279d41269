"""A host whose engine outlives its process: every event is durable before any of its commands acts.

It takes in all events that have queued up, commits them together, and only then starts and cancels attempts,
reports executions, and lets go on who asked to remember something. Conditions are answered at once, as they
depend on recorded values alone. What `feed` returns from is acknowledged: it is on the disk.

A world that has several things to tell does so inside one `batch()`, and pays for one commit; what was fed
inside is acknowledged when the batch is left without an error. When the store
fails, nothing of what was not committed has acted; the host stops for good (`stopped` says why), and whoever
recovers from the store goes on from the last commit.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from engine.core import collector
from engine.core.action import ActionCoroutine, ActionSpec
from engine.core.attempt_runner import Attempt
from engine.core.commands import CancelAttempt, Command, EvaluateCondition, ReportExecution
from engine.core.conditions import Conditions
from engine.core.effects import Effect, Remember
from engine.core.errors import ActionError, EngineError, ForbiddenTransition, HistoryError, StoreError
from engine.core.events import (
    AttemptSucceeded,
    DeadlineReached,
    EngineRecovered,
    Event,
    ExecutionSubmitted,
    Failure,
    Remembered,
    SignalReceived,
)
from engine.core.facts import ExecutionFacts
from engine.core.host import OUTCOMES, Host
from engine.core.journal import Journal
from engine.core.machine import WorkflowEngine
from engine.core.records import Row
from engine.core.sizes import exceeds
from engine.core.states import ENDED_EXECUTIONS

_AttemptKey = tuple[str, str, int]


class NotStorable(ActionError):
    """An action returned, or wants to remember, what no history can hold: it is no JSON, or too large."""

    reason = "NotStorable"
    retryable = False


class ActionBroken(ActionError):
    """An action raised what is no `ActionError`: a mistake in its code, which shall stop no other execution.

    Were the process to end, whoever recovers would start the same attempt again, and end likewise.
    """

    reason = "ActionBroken"


class DurableHost(Host):
    """Drives one engine in one world, through a journal. Call `take_up` before anything is fed."""

    def __init__(
        self,
        engine: WorkflowEngine,
        actions: Mapping[str, ActionSpec],
        conditions: Conditions,
        clock: Callable[[], int],
        sink: Callable[[Row], None],
        *,
        journal: Journal,
        detail: bool = False,
    ) -> None:
        """Bind the parts. A clock that lags behind the engine's last event stands still until it has come."""
        super().__init__(
            engine, actions, conditions, lambda: max(clock(), engine.now_ns), sink, detail=detail
        )
        self.stopped: StoreError | ForbiddenTransition | None = None
        self._journal = journal
        self._held: list[Command] = []  # follow from events that are not durable yet
        self._cancelling: dict[_AttemptKey, None] = {}  # whom a held command cancels
        self._moved: dict[str, ExecutionFacts] = {}
        self._remembering: dict[_AttemptKey, Attempt] = {}  # wait until what they remember is durable
        self._is_dirty = False
        self._collector_before: collector.Thresholds | None = None  # how it was set before `take_up`
        self._refusal: EngineError | None = None  # the first error of an event that the engine did not take

    # -- what a world calls

    def take_up(self) -> None:
        """Go on where the store ends: start again what ran, and report what had ended unreported.

        From here to `close` the process's collector of cycles looks seldom (`engine.core.collector`).
        """
        if self._collector_before is None:
            self._collector_before = collector.look_seldom()
        self._recorder.take_up(self.engine.executions(), self.engine.submitted_count)
        with self.batch():
            self.feed(EngineRecovered())
            for execution in self.engine.executions():
                if execution.state in ENDED_EXECUTIONS:
                    self._report(ReportExecution(execution.execution_id))

    def feed(self, event: Event) -> None:
        """Tell the engine of `event`, durably; raises `StoreError` if that failed, or had before."""
        if self.stopped is not None:
            raise self.stopped
        self._check_size(event)
        self._journal.check(self._clock(), event)
        super().feed(event)

    def renew(self) -> None:
        """Keep the lease, which lapses while nothing is written; a world calls this every third of its life.

        Raises `StoreError`, and stops the host: another process may run the same attempts by then.
        """
        if self.stopped is not None:
            raise self.stopped
        try:
            self._journal.renew()
        except StoreError as error:
            self.stopped = error
            self._abandon()
            raise

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Let whatever is fed, resumed and thrown inside be worked off, and committed, together."""
        if self._is_busy:
            yield
            return
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False
            if self.stopped is None:
                self._work()

    def close(self) -> None:
        """Stop without waiting for what runs: it is started again by whoever recovers."""
        self._abandon()
        if self._collector_before is not None:
            collector.put_back(self._collector_before)
            self._collector_before = None

    # -- the loop

    def _work(self) -> None:
        if self.stopped is not None:
            return
        self._is_busy = True
        try:
            while self._go_on():
                pass
            self._journal.settle(self.engine)
        except (StoreError, ForbiddenTransition) as error:
            self.stopped = error
            self._abandon()
            raise
        finally:
            self._is_busy = False
        self._announce_deadline()
        if self._refusal is not None:
            refusal, self._refusal = self._refusal, None
            raise refusal

    def _go_on(self) -> bool:
        """Do the next thing, and tell whether there was one."""
        if self._resumed:
            attempt, value, error = self._resumed.popleft()
            if not attempt.is_over:
                self._step(attempt, value, error)
        elif self._answers:
            answer = self._answers.popleft()
            if self.engine.awaits_condition(answer.execution_id, answer.step_id):
                self._handle(answer)
        elif self._events:
            event = self._events.popleft()
            if self._still_counts(event):
                self._handle(event)
        elif self._is_dirty:
            self._commit()
        else:
            return False
        return True

    def _still_counts(self, event: Event) -> bool:
        """Tell whether nothing has overtaken an event, be it carried out or still held."""
        if isinstance(event, DeadlineReached):
            at_ns = self.engine.next_deadline()
            return at_ns is not None and at_ns <= self._clock()
        if not isinstance(event, (*OUTCOMES, Remembered)):
            return True
        key = (event.execution_id, event.step_id, event.attempt)
        if key in self._cancelling:
            return False
        return key in self._remembering if isinstance(event, Remembered) else self._ends(event)

    def _handle(self, event: Event) -> None:
        now = self._clock()
        try:
            commands = self.engine.handle(event, now)
        except ForbiddenTransition:
            raise
        except EngineError as error:
            self._refusal = self._refusal or error
            return
        self._is_dirty = True
        self._journal.append(now, event)
        for watch in self.on_handled:
            watch(now, event, commands)
        self._note_moved(getattr(event, "execution_id", ""))
        for command in commands:
            if isinstance(command, EvaluateCondition):
                self._evaluate(command)
                continue
            self._note_moved(command.execution_id)
            self._held.append(command)
            if isinstance(command, CancelAttempt):
                self._cancelling[command.execution_id, command.step_id, command.attempt] = None

    def _note_moved(self, execution_id: str) -> None:
        if execution_id and execution_id not in self._moved:
            self._moved[execution_id] = self.engine.execution(execution_id)

    def _commit(self) -> None:
        """Make durable what was taken in, then let it act."""
        self._journal.commit(self._moved.values())
        self._is_dirty = False
        self._moved = {}
        self._cancelling = {}
        held, self._held = self._held, []
        durable, self._remembering = self._remembering, {}
        for command in held:
            if isinstance(command, CancelAttempt):
                durable.pop((command.execution_id, command.step_id, command.attempt), None)
            self._carry_out_by_type[type(command)](command)
        self._resumed.extend((attempt, None, None) for attempt in durable.values())

    def _abandon(self) -> None:
        """Let go of everything under way; nothing of it is told to anybody."""
        self._is_busy = True
        for attempt in list(self.attempts.values()):
            self._end_attempt(attempt, cancelled=True)
        self.attempts.clear()
        for queue in (self._answers, self._events, self._resumed, self._held, self._remembering):
            queue.clear()

    def _check_size(self, event: Event) -> None:
        """Refuse what is sent along with an event where it is too large to be kept."""
        given: Mapping[str, Any] = {}
        if isinstance(event, SignalReceived):
            given = event.payload
        elif isinstance(event, ExecutionSubmitted):
            given = event.variables
        bytes_max = self.engine.limits.output_bytes_max
        if given and exceeds(given, bytes_max):
            message = f"what comes with {type(event).__name__} takes more than {bytes_max} bytes as JSON"
            raise HistoryError(message)

    # -- attempts

    def _take_answer(self, attempt: Attempt, value: Any, error: ActionError | None) -> None:
        if self.stopped is None:
            super()._take_answer(attempt, value, error)

    def _advance(self, coroutine: ActionCoroutine, value: Any, error: ActionError | None) -> Effect[Any]:
        try:
            return super()._advance(coroutine, value, error)
        except (StopIteration, ActionError):
            raise
        except Exception as broken:
            message = f"{type(broken).__name__}: {broken}"
            raise ActionBroken(message) from broken

    def _remember(self, attempt: Attempt, effect: Remember) -> bool:
        event = Remembered(*attempt.key, effect.key, effect.value)
        refusal = self._refused(event, effect)
        if refusal:
            self._resumed.append((attempt, None, NotStorable(refusal)))
            return False
        attempt.memory[effect.key] = effect.value
        self._remembering[attempt.key] = attempt
        self._events.append(event)
        return False

    def _refused(self, event: Remembered, effect: Remember) -> str:
        """Return why something cannot be remembered, or nothing."""
        if exceeds(effect.value, self.engine.limits.output_bytes_max):
            return f"the value of {effect.key!r} is no JSON, or too large to be remembered"
        try:
            self._journal.check(self._clock(), event)
        except HistoryError as error:
            return str(error)
        return ""

    def _succeed(self, attempt: Attempt, outputs: Mapping[str, Any] | None) -> None:
        try:
            _check_outputs(outputs)
            self._journal.check(self._clock(), AttemptSucceeded(*attempt.key, outputs or {}))
        except HistoryError as error:
            self._fail(attempt, Failure(NotStorable.reason, str(error), retryable=False))
            return
        super()._succeed(attempt, outputs)


def _check_outputs(outputs: object) -> None:
    """Raise `HistoryError` for outputs that are none: actions of others keep to no types."""
    if outputs is not None and not isinstance(outputs, Mapping):
        message = f"an action returns a mapping of outputs, not {type(outputs).__name__}"
        raise HistoryError(message)
