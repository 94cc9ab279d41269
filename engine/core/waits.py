"""Waits: for time to pass, for an instant, for a signal, and for a condition that is asked again and again.

A signal is taken by one wait: the one that has waited longest for its name. One that nobody waits for is
kept, so that it does not matter which came first. A paused execution's clocks stand still: what was left of a
wait, a back-off or a timeout when the pause began is left when it ends; only an instant stays where it is.
"""

from typing import Any, Final

from engine.core.containers import ContainerMachine
from engine.core.deadlines import DeadlineKind
from engine.core.definition import RetryPolicy, StepKind
from engine.core.errors import ProtocolError
from engine.core.events import Failure, SignalReceived
from engine.core.facts import NOTHING, Clock, ExecutionFacts, StepFacts
from engine.core.instants import InvalidInstant, parse_instant
from engine.core.moves import mark_started, move
from engine.core.parameters import UnknownVariable, compile_value
from engine.core.routing import names_of
from engine.core.states import ENDED_STEPS, ExecutionState, StepInput, StepState

SIGNALS_KEPT_MAX: Final = 1_000  # of an execution; what comes after them is refused, as its sender must know
POLLS_MAX: Final = 10_000

_WAIT_END: Final = DeadlineKind.WAIT_END
_PAUSED: Final = ExecutionState.PAUSED
_WAIT: Final = StepKind.WAIT


class WaitMachine(ContainerMachine):
    """Steps that wait, and clocks that may stand still."""

    _now: int  # of the present event; the engine sets it

    def _begin_wait(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        definition = step.plan.definition
        if definition.timeout_ns is not None:
            step.until_ns = now + definition.timeout_ns
        if definition.fetch:
            self._begin_attempt(execution, step, now)
            return
        mark_started(execution, step, now)
        try:
            if definition.signal:
                self._await_signal(execution, step, now)
                return
            at_ns = now + step.plan.wait_ns
            if definition.until:
                at_ns = max(now, parse_instant(_resolved(step, definition.until)))
        except (UnknownVariable, InvalidInstant) as error:
            self._fail(execution, step, Failure(type(error).__name__, str(error), retryable=False), now)
            return
        step.state = move(step, StepInput.WAIT)
        self._arm(execution, step, _WAIT_END, at_ns, now)

    def _on_wait_end(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        definition = step.plan.definition
        if definition.signal:
            self._stop_clock(execution, step)
            self._give_up(execution, step, "SignalTimeout", f"no signal {definition.signal!r}", now)
        elif not definition.fetch:
            self._finish(execution, step, NOTHING, now)
        elif 0 <= step.until_ns <= now or len(step.attempts) >= POLLS_MAX:
            self._give_up(execution, step, "ConditionTimeout", f"{definition.condition!r} did not hold", now)
        else:
            self._begin_attempt(execution, step, now)

    def _give_up(self, execution: ExecutionFacts, step: StepFacts, reason: str, what: str, now: int) -> None:
        message = f"{what} within {(now - step.started_ns) / 1e9:g} s"
        self._fail(execution, step, Failure(reason, message, retryable=False), now)

    # -- signals

    def _await_signal(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        name = _resolved(step, step.plan.definition.signal)
        kept = execution.signals.get(name)
        if kept:
            execution.signals_count -= 1
            self._finish(execution, step, kept.pop(0), now)
            return
        step.state = move(step, StepInput.WAIT)
        execution.waiting.setdefault(name, []).append(step)
        step.awaits = name
        if step.until_ns >= 0:
            self._arm(execution, step, _WAIT_END, step.until_ns, now)

    def _take_signal(self, execution: ExecutionFacts, event: SignalReceived, now: int) -> None:
        waiters = execution.waiting.get(event.name)
        if waiters and execution.state is not _PAUSED:
            step = waiters[0]
            self._stop_clock(execution, step)
            self._finish(execution, step, event.payload, now)
            return
        if execution.signals_count >= SIGNALS_KEPT_MAX:
            message = (
                f"execution {execution.execution_id!r} keeps {SIGNALS_KEPT_MAX} signals that nothing has "
                f"waited for yet: {event.name!r} is not taken; send it again when some have been"
            )
            raise ProtocolError(message)
        execution.signals.setdefault(event.name, []).append(event.payload)
        execution.signals_count += 1

    def _deliver_signals(self, execution: ExecutionFacts, now: int) -> None:
        """Give what came in a pause to those who waited."""
        for name, waiters in list(execution.waiting.items()):
            kept = execution.signals.get(name)
            while waiters and kept and execution.then is None:
                execution.signals_count -= 1
                step = waiters[0]
                self._stop_clock(execution, step)
                self._finish(execution, step, kept.pop(0), now)

    # -- fetched conditions

    def _answer_fetched(self, execution: ExecutionFacts, step: StepFacts, now: int, *, outcome: bool) -> None:
        """Go on from the outcome of the condition that was fetched for."""
        value = step.outputs
        if step.plan.kind is not _WAIT:
            self._conclude(execution, step, {"outcome": outcome, "value": value}, now)
            return
        if outcome:
            self._finish(execution, step, value, now)
            return
        step.outputs = NOTHING
        step.state = move(step, StepInput.WAIT)
        at_ns = now + step.plan.definition.poll_ns
        self._arm(execution, step, _WAIT_END, min(at_ns, step.until_ns) if step.until_ns >= 0 else at_ns, now)

    def _timeout_ns_of(self, step: StepFacts) -> int:
        """Return the time that an attempt has: a fetching wait's is cut at the end of the wait."""
        timeout_ns = super()._timeout_ns_of(step)
        if step.until_ns < 0:
            return timeout_ns
        return max(0, min(timeout_ns, step.until_ns - self._now))

    def _retry_or_fail(self, execution: ExecutionFacts, step: StepFacts, failure: Failure, now: int) -> None:
        if 0 <= step.until_ns <= now and not step.undoing and execution.state is not _PAUSED:
            condition = step.plan.definition.condition
            self._give_up(execution, step, "ConditionTimeout", f"{condition!r} did not hold", now)
            return
        step.tries_count += 1
        retry: RetryPolicy = self._retry_of(step)
        if not failure.retryable or step.tries_count >= retry.max_attempts:
            self._fail(execution, step, failure, now)
            return
        step.state = move(step, StepInput.BACK_OFF)
        at_ns = now + retry.delay_after_ns(step.tries_count)
        self._arm(execution, step, DeadlineKind.BACKOFF_END, at_ns, now)

    # -- clocks

    def _arm(
        self, execution: ExecutionFacts, step: StepFacts, kind: DeadlineKind, at_ns: int, now: int
    ) -> None:
        """Arm a deadline; in a pause it stands still."""
        if execution.state is _PAUSED:
            execution.clocks.append(_clock(step, kind, at_ns, now))
        else:
            self._deadlines.arm(at_ns, kind, execution, step, len(step.attempts))

    def _halt_clocks(self, execution: ExecutionFacts, now: int) -> None:
        """Let what waits, backs off or is limited in an execution stand still."""
        kinds = {
            StepState.WAITING: _WAIT_END,
            StepState.BACKING_OFF: DeadlineKind.BACKOFF_END,
            StepState.OPEN: DeadlineKind.OPEN_END,
        }
        if execution.due_ns >= 0:
            left_ns = max(0, execution.due_ns - now)  # it may have passed while nobody ran
            execution.clocks.append(Clock(DeadlineKind.EXECUTION_TIMEOUT, None, 0, left_ns=left_ns))
            self._deadlines.disarm(execution)
        for step in execution.steps.values():
            kind = kinds.get(step.state)
            if kind is not None and step.due_ns >= 0:
                execution.clocks.append(_clock(step, kind, step.due_ns, now))
                self._deadlines.disarm(step)
            elif step.until_ns >= 0 and step.state is StepState.RUNNING:
                self._time_fetch(execution, step, step.attempts[-1].started_ns, now)

    def _time_fetch(self, execution: ExecutionFacts, step: StepFacts, since_ns: int, now: int) -> None:
        """Arm the timeout of a wait's attempt anew: the end of the wait does not cut it in a pause."""
        at_ns = since_ns + super()._timeout_ns_of(step)
        if execution.state is not _PAUSED:
            at_ns = min(at_ns, step.until_ns)
        self._deadlines.disarm(step)
        kind = DeadlineKind.ATTEMPT_TIMEOUT
        self._deadlines.arm(max(now, at_ns), kind, execution, step, len(step.attempts))

    def _start_clocks(self, execution: ExecutionFacts, paused_ns: int, now: int) -> None:
        """Let them go on after a pause."""
        clocks, execution.clocks = execution.clocks, []
        for step in execution.steps.values():
            if step.until_ns >= 0 and step.state not in ENDED_STEPS:
                step.until_ns += paused_ns
                if step.state is StepState.RUNNING:
                    self._time_fetch(execution, step, step.attempts[-1].started_ns, now)
        for clock in clocks:
            at_ns = max(now, clock.at_ns) if clock.at_ns >= 0 else now + clock.left_ns
            self._deadlines.arm(at_ns, DeadlineKind(clock.kind), execution, clock.step, clock.attempts_count)


def _clock(step: StepFacts, kind: DeadlineKind, at_ns: int, now: int) -> Clock:
    if kind is _WAIT_END and step.plan.definition.until:
        return Clock(kind, step, len(step.attempts), at_ns=at_ns)
    return Clock(kind, step, len(step.attempts), left_ns=max(0, at_ns - now))


def _resolved(step: StepFacts, text: str) -> str:
    """Return a text with its references filled in; raises `UnknownVariable`."""
    resolve = compile_value(text)
    if resolve is None:
        return text
    found: Any = resolve(names_of(step, refers=True))
    return str(found)
