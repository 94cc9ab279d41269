"""What goes wrong between the engine and its world: requests, the store, and the engine's own process."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from engine.core.attempt_runner import Attempt
from engine.core.causes import Cause
from engine.core.effects import Create, Delete, Effect, Evict, Get, List, Patch, ReadLogs
from engine.core.errors import ActionError, Conflict, ServerError, StoreFull, TooManyRequests
from engine.core.events import Event
from engine.core.host import Host
from engine.core.store import Entry, ExecutionSummary, Lease
from engine.stores.memory import MemoryStore
from simulator.agenda import Agenda
from simulator.attribution import extend
from simulator.cluster.apiserver import Call
from simulator.cluster.cluster import Cluster
from simulator.outside import Outside
from simulator.perform import ModelPerformer
from simulator.streams import Stream, entity
from tests.fuzz.draws import Case, Stop
from tests.fuzz.notes import Note, Notes

SECOND_NS: Final = 1_000_000_000
_API: Final = (Get, List, Create, Patch, Delete, Evict, ReadLogs)
_REFUSALS: Final[tuple[Callable[[str], ActionError], ...]] = (TooManyRequests, Conflict, ServerError)


class Died(BaseException):
    """The engine's process is gone; nothing of the engine may catch this."""


class Mortality:
    """When the present process dies, counted in what it does."""

    def __init__(self, stop: Stop | None) -> None:
        self._stop = stop
        self._appends = 0
        self._effects = 0

    def effect(self) -> None:
        self._effects += 1
        self._die_at("effect", self._effects)

    def before_append(self) -> None:
        self._appends += 1
        self._die_at("before-append", self._appends)
        if self._is_due("store-full", self._appends):
            raise StoreFull("no room is left")

    def after_append(self) -> None:
        self._die_at("after-append", self._appends)

    def _is_due(self, where: str, count: int) -> bool:
        return self._stop is not None and self._stop.where == where and self._stop.at == count

    def _die_at(self, where: str, count: int) -> None:
        if self._is_due(where, count):
            raise Died


class WatchedStore(MemoryStore):
    """A store that tells what became durable, and in whose calls a process may die."""

    def __init__(self, agenda: Agenda, notes: Notes) -> None:
        super().__init__(lambda: agenda.now)
        self.mortality = Mortality(None)
        self.altered: Callable[[Event], Event] = lambda event: event  # what a broken recovery reads
        self._agenda = agenda
        self._notes = notes

    def append(
        self,
        lease: Lease,
        position: int,
        entries: Sequence[Entry],
        executions: Sequence[ExecutionSummary] = (),
    ) -> None:
        self.mortality.before_append()
        super().append(lease, position, entries, executions)
        for _, event in entries:
            self._notes.durable(self._agenda.now, event)
        self.mortality.after_append()

    def events(self, engine: str, from_position: int = 0) -> Iterator[Entry]:
        for now, event in super().events(engine, from_position):
            yield now, self.altered(event)


class FaultyPerformer(ModelPerformer):
    """The model's performer, with trouble on the way to the API until the calm."""

    died: Callable[[], None]

    def __init__(
        self,
        agenda: Agenda,
        cluster: Cluster,
        host: Host,
        case: Case,
        outside: Outside,
        stream: Stream,
        notes: Notes,
        mortality: Mortality,
        on_acknowledged: Callable[[Attempt, Effect[Any]], None],
    ) -> None:
        super().__init__(agenda, cluster, host, case.engine.decision_ns, on_acknowledged, outside)
        self._case = case
        self._stream = stream
        self._notes = notes
        self._mortality = mortality
        self._requests: dict[tuple[str, str, int], int] = {}
        self._running: dict[int, Attempt] = {}

    # -- what an attempt sees

    def begin(self, attempt: Attempt) -> None:
        self._running[id(attempt)] = attempt
        self._notes.notes.append(Note(self._agenda.now, "begin", *attempt.key, command=attempt.command))
        super().begin(attempt)
        mark, now = attempt.mark, self._agenda.now
        if mark.link[2] < now:  # an earlier process started it: what came of that is not known to this one
            mark.link = extend(mark.link, Cause.UNATTRIBUTED, now)

    def finish(self, attempt: Attempt) -> None:
        if self._running.pop(id(attempt), None) is not None:
            self._notes.notes.append(Note(self._agenda.now, "end", *attempt.key))
        super().finish(attempt)

    def perform(self, attempt: Attempt, effect: Effect[Any]) -> None:
        now = self._agenda.now
        if attempt.mark.link[2] > now:  # the engine is still deciding
            super().perform(attempt, effect)
            return
        self._mortality.effect()
        if now >= self._case.calm_ns or not isinstance(effect, _API):
            super().perform(attempt, effect)
            return
        number = self._requests[attempt.key] = self._requests.get(attempt.key, 0) + 1
        key = entity(f"{'/'.join(map(str, attempt.key))}/{now}/{number}")
        drawn, trouble = self._stream.uniform(key), self._case.trouble
        if drawn < trouble.refused:
            kind = _REFUSALS[int(self._stream.uniform(key, 1) * len(_REFUSALS))]
            self._host.throw(attempt, kind("refused by the fuzz"))
            return
        drawn -= trouble.refused
        if drawn < 0 or drawn >= trouble.lost + trouble.slow + trouble.silent:
            super().perform(attempt, effect)
        elif drawn < trouble.lost:
            super().perform(attempt, effect)
            self._lose(attempt.pending)
        elif drawn < trouble.lost + trouble.slow:
            self._slow(attempt, effect, round(self._stream.uniform(key, 2) * 4 * SECOND_NS))
        else:
            super().perform(attempt, effect)
            self._silence(attempt.pending)

    def _decided(self, attempt: Attempt, timer: Any, effect: Effect[Any], entry: Any) -> None:
        try:
            super()._decided(attempt, timer, effect, entry)
        except Died:  # nobody of the host stands in between here
            self.died()

    # -- trouble

    def _lose(self, call: Any) -> None:
        assert isinstance(call, Call)
        answered = call.done

        def lost(call: Call) -> None:
            call.value, call.error = None, ServerError("carried out, and the answer was lost")
            answered(call)

        call.done = lost

    def _silence(self, call: Any) -> None:
        """Carry the request out, and never answer: only a timeout ends the attempt."""
        assert isinstance(call, Call)
        call.done = lambda _call: None

    def _slow(self, attempt: Attempt, effect: Effect[Any], delay_ns: int) -> None:
        attempt.mark.since_ns = self._agenda.now
        attempt.pending = delay = object()
        self._agenda.after(delay_ns, partial(self._send, attempt, delay, effect))

    def _send(self, attempt: Attempt, delay: object, effect: Effect[Any], _entry: Any) -> None:
        if attempt.pending is delay:  # else cancelled
            attempt.pending = None
            self._charge(attempt, Cause.API_QUEUE)
            super().perform(attempt, effect)

    # -- the end of its process

    def abandon(self) -> None:
        """Let nothing come back to anybody; what is under way at the server is still carried out."""
        running, self._running = list(self._running.values()), {}
        for attempt in running:
            self.cancel(attempt)
            if attempt.coroutine is not None:
                attempt.coroutine.close()
