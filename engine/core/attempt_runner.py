"""Attempts under way: starting an action's coroutine, stepping it through its effects, and ending it.

`Host` (`engine.core.host`) adds the engine, its events and its history.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

from engine.core.action import ActionContext, ActionCoroutine, ActionSpec
from engine.core.causes import Cause
from engine.core.commands import CancelAttempt, StartAttempt
from engine.core.effects import Effect, Log, Remember
from engine.core.errors import ActionError, Cancelled, ProtocolError
from engine.core.events import AttemptCancelled, AttemptFailed, AttemptSucceeded, Event, Failure, Remembered
from engine.core.recorder import Recorder, outcome_of

MANAGER_PREFIX: Final = "headroom"
Guard = Callable[[StartAttempt, ActionSpec, Mapping[str, Any], int], Failure | None]
"""Asked with an attempt's bound parameters and the instant before it starts; a failure holds it back."""


class Attempt:
    """An attempt under way. `mark` and `pending` belong to the performer, who also appends to `spans`."""

    __slots__ = (
        "answer",
        "command",
        "coroutine",
        "effect",
        "effect_started_ns",
        "is_cancelling",
        "is_interrupted",
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
        self.is_cancelling = False  # it was told to stop
        self.is_interrupted = (
            False  # the performer has stopped what it asked for, and nothing was asked since
        )
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
        """Stop what is being performed, answer it no more, and close the attempt's spans at this instant.

        The attempt may go on with other effects, to clean up.
        """
        ...

    def finish(self, attempt: Attempt) -> None:
        """An attempt has ended by itself; close its spans at the present instant."""
        ...


class AttemptRunner(ABC):
    """Runs attempts in one world and says how they end. Set `performer` before it is given any."""

    performer: Performer

    def __init__(
        self,
        actions: Mapping[str, ActionSpec],
        clock: Callable[[], int],
        recorder: Recorder,
    ) -> None:
        """Bind the parts. `clock` gives ns."""
        self.on_log: Callable[[Attempt, Log], None] = lambda _attempt, _log: None
        self.guard: Guard | None = None
        self.attempts: dict[tuple[str, str, int], Attempt] = {}  # under way, in order of start
        self._actions = actions
        self._clock = clock
        self._recorder = recorder
        self._events: deque[Event] = deque()  # what the engine is to be told, in order
        self._resumed: deque[tuple[Attempt, Any, ActionError | None]] = deque()
        self._is_busy = False

    # -- what a world calls

    def resume(self, attempt: Attempt, value: Any = None) -> None:
        """Give an attempt the result of its effect."""
        self._take_answer(attempt, value, None)

    def throw(self, attempt: Attempt, error: ActionError) -> None:
        """Give an attempt the failure of its effect."""
        self._take_answer(attempt, None, error)

    # -- what a host does

    @abstractmethod
    def _work(self) -> None:
        """Work off what has queued up."""

    @abstractmethod
    def _handle(self, event: Event) -> None:
        """Tell the engine of `event` at once."""

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
            command.execution_id, command.step_id, command.attempt, attempt.memory, manager, command.outputs
        )
        run = spec.rollback if command.is_rollback else spec.run
        if run is None:
            message = f"{command.action} cannot be undone: {spec.irreversible or 'it has no rollback'}"
            self._fail(attempt, Failure("NoRollback", message, retryable=False))
            return
        try:
            parameters = spec.bind(command.parameters)
        except ActionError as error:
            self._fail(attempt, Failure(error.reason, str(error), error.retryable))
            return
        refusal = self.guard(command, spec, parameters, attempt.started_ns) if self.guard else None
        if refusal is not None:
            self._fail(attempt, refusal)
            return
        attempt.coroutine = run(context, parameters)
        self._step(attempt, None, None)

    def _cancel(self, command: CancelAttempt) -> None:
        """Let an attempt clean up; with `is_final`, end it here and now."""
        key = (command.execution_id, command.step_id, command.attempt)
        attempt = self.attempts[key]
        if command.is_final:
            del self.attempts[key]
            self._end_attempt(attempt, cancelled=True)
            return
        attempt.is_cancelling = True
        if attempt.is_over:  # it has ended by itself in this very instant: its outcome does not count
            self._events.append(AttemptCancelled(*key))
            return
        attempt.effect = None
        attempt.is_interrupted = True
        for answered in [answered for answered in self._resumed if answered[0] is attempt]:
            self._resumed.remove(answered)  # it would be taken for the answer to what cleans up
        self.performer.cancel(attempt)
        if attempt.coroutine is None:
            self._confirm(attempt)
        else:
            self._step(attempt, None, Cancelled("the attempt was told to stop"))

    def _confirm(self, attempt: Attempt) -> None:
        """Tell the engine that an attempt has stopped."""
        self._end_attempt(attempt, cancelled=False)
        self._events.append(AttemptCancelled(*attempt.key))

    def _ends(self, event: AttemptSucceeded | AttemptFailed | AttemptCancelled) -> bool:
        """Tell whether an outcome still counts; one that a cancellation has overtaken does not."""
        key = (event.execution_id, event.step_id, event.attempt)
        attempt = self.attempts.get(key)
        if attempt is None or attempt.is_cancelling != isinstance(event, AttemptCancelled):
            return False
        del self.attempts[key]
        return True

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
                effect = self._advance(coroutine, value, error)
                value = error = None
                if isinstance(effect, Remember):
                    if not self._remember(attempt, effect):
                        return
                elif isinstance(effect, Log):
                    self.on_log(attempt, effect)
                else:
                    attempt.effect = effect
                    attempt.is_interrupted = False
                    attempt.effect_started_ns = self._clock()
                    self.performer.perform(attempt, effect)
                    if attempt.answer is None:
                        return
                    value, error = attempt.answer
                    attempt.answer = None
        except StopIteration as stop:
            self._conclude(attempt, stop.value, None)
        except ActionError as failure:
            self._conclude(attempt, None, Failure(failure.reason, str(failure), failure.retryable))
        finally:
            attempt.is_stepping = False

    def _advance(self, coroutine: ActionCoroutine, value: Any, error: ActionError | None) -> Effect[Any]:
        """Run a coroutine to its next effect."""
        return coroutine.send(value) if error is None else coroutine.throw(error)

    def _remember(self, attempt: Attempt, effect: Remember) -> bool:
        """Record what an attempt remembers, and tell whether it may go on at once."""
        execution_id, step_id, number = attempt.key
        attempt.memory[effect.key] = effect.value
        self._handle(Remembered(execution_id, step_id, number, effect.key, effect.value))  # has no commands
        return True

    def _conclude(self, attempt: Attempt, outputs: Mapping[str, Any] | None, failure: Failure | None) -> None:
        """Go on from the end of a coroutine; that of one which was to stop is no outcome."""
        if attempt.is_cancelling:
            self._confirm(attempt)
        elif failure is not None:
            self._fail(attempt, failure)
        else:
            self._succeed(attempt, outputs)

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
                with suppress(RuntimeError):  # it would clean up some more, and may not
                    attempt.coroutine.close()
        elif not attempt.is_interrupted:
            self.performer.finish(attempt)
        self._recorder.note_attempt(attempt)
