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
from simulator.engine_stations import EngineStations
from simulator.perform import ModelPerformer
from simulator.streams import entity
from tests.fuzz.draws import Stop
from tests.fuzz.notes import Note, Notes
from tests.fuzz.scene import Scene

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


def _never(_call: Call) -> None:
    """Leave it to a timeout to end the attempt."""


class FaultyPerformer(ModelPerformer):
    """The model's performer, with trouble on the way to the API until the calm."""

    def __init__(
        self,
        host: Host,
        engine: EngineStations | None,
        scene: Scene,
        mortality: Mortality,
        on_acknowledged: Callable[[Attempt, Effect[Any]], None],
    ) -> None:
        super().__init__(scene.agenda, scene.cluster, host, engine, on_acknowledged, scene.outside)
        self._case = scene.case
        self._stream = scene.streams.stream("faults")
        self._notes = scene.notes
        self._mortality = mortality
        self._requests: dict[tuple[str, str, int], int] = {}
        self._running: dict[int, Attempt] = {}
        self._asking: dict[int, Attempt] = {}  # those that clean up included

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
        self._asking[id(attempt)] = attempt
        self._mortality.effect()
        if self._agenda.now >= self._case.calm_ns or not isinstance(effect, _API):
            super().perform(attempt, effect)
            return
        number = self._requests[attempt.key] = self._requests.get(attempt.key, 0) + 1
        key = entity(f"{'/'.join(map(str, attempt.key))}/{self._agenda.now}/{number}")
        if self._stream.uniform(key) < self._case.trouble.refused:
            kind = _REFUSALS[int(self._stream.uniform(key, 1) * len(_REFUSALS))]
            self._host.throw(attempt, kind("refused by the fuzz"))
            return
        super().perform(attempt, effect)
        if isinstance(attempt.pending, Call):
            self._answer_badly(attempt.pending, key)

    # -- trouble

    def _answer_badly(self, call: Call, key: int) -> None:
        """Let the server carry a request out, and the answer be lost, late, or never come."""
        drawn, trouble = self._stream.uniform(key, 2), self._case.trouble
        answered = call.done

        def lost(call: Call) -> None:
            call.value, call.error = None, ServerError("carried out, and the answer was lost")
            answered(call)

        def late(call: Call) -> None:
            delay_ns = round(self._stream.uniform(key, 3) * 4 * SECOND_NS)
            self._agenda.after(delay_ns, partial(arrived, call))

        def arrived(call: Call, _entry: Any) -> None:
            call.link = extend(call.link, Cause.API_QUEUE, self._agenda.now)
            answered(call)

        if drawn < trouble.lost:
            call.done = lost
        elif drawn < trouble.lost + trouble.slow:
            call.done = late
        elif drawn < trouble.lost + trouble.slow + trouble.silent:
            call.done = _never

    # -- the end of its process

    def abandon(self) -> None:
        """Let nothing come back to anybody; what is under way at the server is still carried out."""
        running, self._running = {**self._running, **self._asking}, {}
        for attempt in running.values():
            if attempt.pending is not None:
                self.cancel(attempt)
            if attempt.coroutine is not None:
                attempt.coroutine.close()
