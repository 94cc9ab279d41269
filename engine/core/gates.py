"""What an attempt passes before it starts: locks, a twin under way, a step slot, a rate, capacity.

In this order: an attempt takes its locks one after the other; joins a flight that does the same, or leads
one; waits for a step slot in order of rank; and, when it is its turn, stands aside (`RATED`) while its action
has started as often as it may or the cluster cannot hold it, so that others may use the slot. Who is let go
again has its token reserved and its capacity promised, and queues for a slot under the rank it had.

`AttemptMachine` (`engine.core.attempts`) says what an attempt does once it is through.
"""

from abc import abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from engine.core import optimizer
from engine.core.admission import Queue, Rank, Slots
from engine.core.admitting import AdmissionMachine
from engine.core.causes import Cause
from engine.core.coalescing import Flights, key_of
from engine.core.commands import Command
from engine.core.deadlines import Deadlines
from engine.core.events import CapacityReported, Failure
from engine.core.facts import AttemptFacts, ExecutionFacts, StepFacts
from engine.core.limits import Limits
from engine.core.locking import LockMachine, Owner
from engine.core.moves import mark_started, move
from engine.core.parameters import UnknownVariable
from engine.core.rates import Rates
from engine.core.states import ExecutionState, StepInput, StepState

# Bound once: looking a member up on an enum class costs more than a table look-up.
_LOCKING: Final = StepState.LOCKING
_JOINED: Final = StepState.JOINED
_RATED: Final = StepState.RATED
_QUEUED: Final = StepState.QUEUED
_RUNNING: Final = StepState.RUNNING
_QUEUE: Final = StepInput.QUEUE
_PAUSED: Final = ExecutionState.PAUSED


def _is_queued(owner: Owner) -> bool:
    return owner[1].state is _QUEUED


def _is_rated(owner: Owner) -> bool:
    return owner[1].state is _RATED


class GateMachine(LockMachine, AdmissionMachine):
    """Attempts under the engine's limits."""

    def __init__(self, limits: Limits) -> None:
        """Start empty."""
        LockMachine.__init__(self, limits)
        AdmissionMachine.__init__(self, limits)
        self._commands: list[Command] = []
        self._deadlines = Deadlines()
        self._slots: Slots[Owner] = Slots(limits.step_slots, _is_queued)
        self._rates: Rates[Owner] = Rates(limits.rates, _is_rated)
        self._flights: Flights[ExecutionFacts, StepFacts] = Flights(limits.coalesce)
        self._landed: deque[tuple[Owner, Mapping[str, Any] | None]] = deque()  # and what their flight gave
        self._held_steps: Queue[Owner] = Queue(_is_rated)  # for want of capacity
        self._tokens: dict[tuple[str, str], str] = {}  # who has a token reserved, and of which action
        self._queues_for_slots = limits.step_slots is not None
        self._is_sharing = bool(limits.coalesce)
        self._is_gated = bool(limits.rates) or limits.capacity_aware
        self._is_open = not (self._queues_for_slots or self._is_sharing or self._is_gated)

    # -- what the other layers say

    @abstractmethod
    def _start_attempt(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        """Start the attempt of a step that has passed everything."""

    @abstractmethod
    def _land(self, execution: ExecutionFacts, step: StepFacts, outputs: Mapping[str, Any], now: int) -> None:
        """End the attempt of a twin whose leader has ended well."""

    @abstractmethod
    def _on_locked(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        """Open a group, loop or subflow that has its locks."""

    @abstractmethod
    def _action_of(self, step: StepFacts) -> str:
        """Return the name of the action that a step's attempt runs."""

    @abstractmethod
    def _resolve(self, execution: ExecutionFacts, step: StepFacts) -> Mapping[str, Any]:
        """Return the parameters of a step's attempt; raises `UnknownVariable`."""

    # -- what was waited for

    def _hand_over(self, now: int) -> bool:
        """Let one go on who has been given a lock, or whose twin has ended; False where there is nobody."""
        if self._granted:
            execution, step = self._granted.popleft()
            if step.state is _LOCKING and self._acquire(execution, step, now):  # else it was stopped
                if step.attempts:
                    self._request_slot(execution, step, step.attempts[-1], now)
                else:
                    self._on_locked(execution, step, now)
            return True
        if self._landed:
            (execution, step), outputs = self._landed.popleft()
            if step.state is _JOINED:
                attempt = step.attempts[-1]
                _let_go(attempt, now)
                if outputs is None:
                    self._seek(execution, step, attempt, now)
                else:
                    mark_started(execution, step, now)
                    self._land(execution, step, outputs, now)
            return True
        return False

    # -- twins

    def _seek(self, execution: ExecutionFacts, step: StepFacts, attempt: AttemptFacts, now: int) -> None:
        """Look for what a step's new attempt needs, from the beginning."""
        if self._is_sharing and self._shares(execution, step, attempt, now, lead=False):
            return
        if step.plan.locks and not self._take_locks(execution, step, now):
            return
        if self._is_open and execution.state is not _PAUSED:  # as below, without the calls
            attempt.locked_ns = now
            self._start_attempt(execution, step, now)
        else:
            self._request_slot(execution, step, attempt, now)

    def _shares(
        self, execution: ExecutionFacts, step: StepFacts, attempt: AttemptFacts, now: int, *, lead: bool
    ) -> bool:
        """Join the flight that does the same; with `lead`, begin one where there is none.

        True where the attempt goes no further by itself.
        """
        action = self._action_of(step)
        if execution.state is _PAUSED or step.undoing or not self._flights.covers(action):
            return False
        try:
            parameters = self._resolve(execution, step)
        except UnknownVariable as error:
            self._refuse(execution, step, Failure("UnknownVariable", str(error), retryable=False), now)
            return True
        key = key_of(action, parameters)
        flight = self._flights.find(key)
        if flight is None:
            if lead:
                self._flights.lead(_ids(execution, step), key, (execution, step), parameters)
            return False
        if step.state is not _JOINED:
            step.state = move(step, StepInput.JOIN)
        attempt.held = (*attempt.held, (Cause.COALESCED, now, -1))
        flight.twins.append((execution, step))
        if flight.leader[1].state is _RUNNING:
            mark_started(execution, step, now)
        return True

    def _end_flight(
        self, execution: ExecutionFacts, step: StepFacts, outputs: Mapping[str, Any] | None = None
    ) -> None:
        """Tell the twins of a step, if it has any, that it has ended: well, with `outputs`, or not."""
        for twin in self._flights.end(_ids(execution, step)):
            self._landed.append((twin, outputs))

    # -- slots

    def _request_slot(
        self, execution: ExecutionFacts, step: StepFacts, attempt: AttemptFacts, now: int
    ) -> None:
        if attempt.locked_ns < 0:
            attempt.locked_ns = now
        if self._is_sharing and self._shares(execution, step, attempt, now, lead=True):
            return
        if self._queues_for_slots or execution.state is _PAUSED:
            self._queue(execution, step, attempt)
        elif not self._is_gated or self._passes(execution, step, attempt, now):
            self._start_attempt(execution, step, now)

    def _queue(self, execution: ExecutionFacts, step: StepFacts, attempt: AttemptFacts) -> None:
        if step.state is not _QUEUED:
            step.state = move(step, _QUEUE)
        self._slots.queue.push(self._rank(execution, step, attempt), (execution, step))

    def _rank(self, execution: ExecutionFacts, step: StepFacts, attempt: AttemptFacts) -> Rank:
        priority = execution.priority if self.version > 1 else 0
        head = optimizer.dispatch_rank(step.plan, self.limits, attempt.runnable_ns, priority)
        return (*head, execution.index, step.plan.index)

    def _dispatch(self, now: int) -> bool:
        """Let one who waits for capacity, or for a slot, go on; False where nobody can."""
        if self._held_steps.length and self._release_held(now):
            return True
        slots = self._slots
        if not slots.queue.length or not slots.is_free:
            return False
        owner = slots.queue.pop()
        if owner is not None:
            execution, step = owner
            if execution.state is _PAUSED:
                self._give_back(execution, step, now)
                execution.parked = (*execution.parked, step)
            elif not self._is_gated or self._passes(execution, step, step.attempts[-1], now):
                self._start_attempt(execution, step, now)
        return True

    # -- rates and capacity

    def _passes(self, execution: ExecutionFacts, step: StepFacts, attempt: AttemptFacts, now: int) -> bool:
        """Tell whether an attempt may start at all now; if not, it stands aside."""
        ids = _ids(execution, step)
        action = self._action_of(step)
        bucket = self._rates.bucket(action)
        if bucket is not None and ids not in self._tokens and not bucket.is_free(now):
            self._stand_aside(execution, step, attempt, Cause.RATE_LIMIT, bucket.queue, now)
            return False
        demand = step.plan.demand if not step.undoing else None
        if self.limits.capacity_aware and demand and not self._capacity.has_promised(ids):
            if self._held_steps.length or not self._capacity.fits(demand):
                if bucket is not None and ids not in self._tokens:  # a token comes before capacity, always:
                    self._tokens[ids] = action  # else two could each hold what the other waits for
                    bucket.reserved_count += 1
                self._stand_aside(execution, step, attempt, Cause.CAPACITY, self._held_steps, now)
                return False
            self._capacity.promise(ids, demand)
        return True

    def _take_token(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        """Note in the bucket of its action that an attempt starts."""
        reserved = self._tokens.pop(_ids(execution, step), None)
        bucket = self._rates.bucket(self._action_of(step))
        if bucket is not None:
            bucket.take(now, is_reserved=reserved is not None)

    def _stand_aside(
        self,
        execution: ExecutionFacts,
        step: StepFacts,
        attempt: AttemptFacts,
        cause: Cause,
        queue: Queue[Owner],
        now: int,
    ) -> None:
        step.state = move(step, StepInput.RATE)
        attempt.held = (*attempt.held, (cause, now, -1))
        queue.push(self._rank(execution, step, attempt), (execution, step))

    def _release_held(self, now: int) -> bool:
        """Promise capacity to the first who waits for some, if there is enough, and let it queue again."""
        owner = self._held_steps.peek()
        if owner is None:
            return False
        execution, step = owner
        if execution.state is not _PAUSED:
            if not self._capacity.fits(step.plan.demand):
                return False
            self._capacity.promise(_ids(execution, step), step.plan.demand)
        self._held_steps.pop()
        attempt = step.attempts[-1]
        _let_go(attempt, now)
        self._queue(execution, step, attempt)
        return True

    def _rates_due(self, now: int) -> bool:
        """Let those queue again for whom a token has come; tell whether there was anybody."""
        owner = self._rates.pop_due(now)
        if owner is None:
            return False
        while owner is not None:
            execution, step = owner
            attempt = step.attempts[-1]
            self._tokens[_ids(execution, step)] = self._action_of(step)
            _let_go(attempt, now)
            self._queue(execution, step, attempt)
            owner = self._rates.pop_due(now)
        return True

    def _next_wake_ns(self) -> int | None:
        """Return the next instant at which a deadline comes or a token is there for who waits."""
        deadline_ns = self._deadlines.first_ns()
        if not self.limits.rates:
            return deadline_ns
        token_ns = self._rates.next_ns()
        if token_ns is None or deadline_ns is None:
            return deadline_ns if token_ns is None else token_ns
        return min(deadline_ns, token_ns)

    def _on_capacity_reported(self, event: CapacityReported, _now: int) -> None:
        self._capacity.report(event.free)

    # -- leaving

    def _leave(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        """Take a step that waits out of what it waits in, before its state changes; its locks stay."""
        state = step.state
        if state is _QUEUED:
            if any(parked is step for parked in execution.parked):
                execution.parked = tuple(parked for parked in execution.parked if parked is not step)
            else:
                self._slots.queue.leave()
        elif state is _RATED:
            bucket = self._rates.bucket(self._action_of(step))
            is_rate = step.attempts[-1].held[-1][0] is Cause.RATE_LIMIT
            (bucket.queue if is_rate and bucket is not None else self._held_steps).leave()
        elif state is _JOINED:
            self._flights.abandon(step)
        else:
            return
        _let_go(step.attempts[-1], now)
        self._give_back(execution, step, now)
        self._end_flight(execution, step)

    def _give_back(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        """Give back the token and the capacity that an attempt will not use now."""
        if self._is_gated:
            ids = _ids(execution, step)
            self._capacity.drop(ids)
            action = self._tokens.pop(ids, None)
            bucket = self._rates.bucket(action) if action is not None else None
            if bucket is not None:
                bucket.give_back(now)

    def _paused(self, execution: ExecutionFacts) -> None:
        """An execution has been paused: nobody else shall wait for attempts of it that have not started."""
        for step in self._flights.leaders(execution):
            if step.state is not _RUNNING:
                self._end_flight(execution, step)

    def _unpark(self, execution: ExecutionFacts) -> None:
        """An execution goes on: its steps that would have started queue again."""
        parked, execution.parked = execution.parked, ()
        for step in parked:
            self._queue(execution, step, step.attempts[-1])


def _ids(execution: ExecutionFacts, step: StepFacts) -> tuple[str, str]:
    return execution.execution_id, step.id


def _let_go(attempt: AttemptFacts, now: int) -> None:
    """Note that what an attempt was held for is over."""
    if attempt.held and attempt.held[-1][2] < 0:
        cause, since_ns, _ = attempt.held[-1]
        attempt.held = (*attempt.held[:-1], (cause, since_ns, now))
