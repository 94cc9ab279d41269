"""One life of the engine's process: the production parts bound together, until it dies."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from engine.actions import CATALOGUE
from engine.actions.conditions import CONDITIONS
from engine.cel import CelConditions
from engine.core.attempt_runner import Attempt
from engine.core.commands import Command
from engine.core.driver import Driver
from engine.core.durable_host import DurableHost
from engine.core.effects import Effect
from engine.core.errors import ProtocolError, StoreError
from engine.core.events import EngineRecovered, Event
from engine.core.facts import ExecutionFacts
from engine.core.host import Host
from engine.core.machine import WorkflowEngine
from engine.core.recovery import recover
from simulator.agenda import Agenda
from simulator.engine_stations import EngineStations, StationedHost, bind, host_type
from tests.fuzz.draws import Stop
from tests.fuzz.faults import Died, FaultyPerformer, Mortality, WatchedStore
from tests.fuzz.notes import Note
from tests.fuzz.scene import Scene

SECOND_NS: Final = 1_000_000_000
EVENTS_MAX: Final = 20_000
ENGINE: Final = "fuzz"
_ACTIONS: Final = {**CATALOGUE, **CONDITIONS}
_CEL: Final = CelConditions()


class Restless(Exception):
    """The engine does not come to rest."""


class Watcher(Protocol):
    """Who wants to know what becomes of a process."""

    def died(self, stop: Stop | None) -> None:
        """The process is gone."""
        ...

    def ended(self, facts: ExecutionFacts) -> None:
        """An execution was reported."""
        ...

    def refused(self, event: Event, reason: str) -> None:
        """The engine did not take an event."""
        ...


class MortalHost(DurableHost):
    """A durable host whose process can die in the middle of whatever it does."""

    die: Callable[[], None]

    def _work(self) -> None:
        try:
            super()._work()
        except (Died, StoreError):
            self.die()


class MortalAgenda:
    """An agenda that forgets the entries of a process that is gone."""

    def __init__(self, agenda: Agenda, process: "Process") -> None:
        self._agenda = agenda
        self._process = process

    @property
    def now(self) -> int:
        return self._agenda.now

    def after(self, delay_ns: int, callback: Callable[[Any], None]) -> None:
        def unless_dead(entry: Any) -> None:
            if self._process.is_alive:
                callback(entry)

        self._agenda.after(max(0, delay_ns), unless_dead)  # a deadline may have passed while nobody ran


class Process:
    """One life of the engine: from its start, or recovery, to its death."""

    def __init__(self, scene: Scene, store: WatchedStore, watcher: Watcher, stop: Stop | None) -> None:
        self.is_alive = True
        self.host: Host
        self._performer: FaultyPerformer | None = None
        self._scene = scene
        self._store = store
        self._watcher = watcher
        self._stop = stop
        self._mortality = store.mortality = Mortality(stop)
        self._is_overdue = True  # what was due while nobody ran has not been looked at
        self._events_count = 0

    def start(self) -> None:
        """Bind the parts, and take up what there is."""
        if self._scene.case.is_durable:
            self._start_durable()
        else:
            self._start_plain()

    def _start_plain(self) -> None:
        scene, spec = self._scene, self._scene.case.engine
        engine, rows = WorkflowEngine(scene.case.limits), scene.notes.rows.append
        host = host_type(spec)(
            engine, _ACTIONS, _CEL, lambda: scene.agenda.now, rows, detail=True
        )  # fmt: skip
        host.on_handled.append(lambda now, event, _commands: scene.notes.durable(now, event))
        performer = self._bind(host, bind(host, spec, scene.streams))
        if isinstance(host, StationedHost):
            host.later = performer.conclude

    def _start_durable(self) -> None:
        scene, case = self._scene, self._scene.case
        try:
            lease = self._store.acquire(ENGINE, "fuzz", 1_000 * SECOND_NS)
            recovered = recover(self._store, lease, case.limits, snapshot_every=case.snapshot_every)
        except (Died, StoreError):
            self.die()
            return
        host = MortalHost(
            recovered.engine, _ACTIONS, _CEL, lambda: scene.agenda.now, scene.notes.rows.append,
            journal=recovered.journal, detail=True,
        )  # fmt: skip
        host.die = self.die
        self._bind(host, None)
        host.take_up()

    def _bind(self, host: Host, stations: EngineStations | None) -> FaultyPerformer:
        agenda, stop = self._scene.agenda, self._stop
        performer = FaultyPerformer(host, stations, self._scene, self._mortality, self._acknowledged)
        self.host, self._performer = host, performer
        host.performer = performer
        host.on_handled.append(self._handled)
        host.on_execution_end.append(self._watcher.ended)
        Driver(host, MortalAgenda(agenda, self))
        if stop is not None and stop.where == "instant":
            agenda.after(max(0, stop.at - agenda.now), lambda _entry: self.die())
        return performer

    def die(self) -> None:
        """Be gone from this instant on."""
        if not self.is_alive:
            return
        self.is_alive = False
        self._scene.notes.notes.append(Note(self._scene.agenda.now, "crash"))
        if self._performer is not None:
            self._performer.abandon()
        self._watcher.died(self._stop)

    def feed(self, event: Event) -> bool:
        """Tell the engine; return whether that was acknowledged. What it refuses, it has answered."""
        try:
            if self.is_alive:
                self.host.feed(event)
        except ProtocolError as error:
            self._watcher.refused(event, str(error))
        except StoreError:
            self.die()
        return self.is_alive

    # -- what is seen on the spot

    def _handled(self, now: int, event: Event, commands: tuple[Command, ...]) -> None:
        self._events_count += 1
        if not isinstance(event, EngineRecovered):
            self._scene.notes.asked(now, commands)
        if self._events_count > EVENTS_MAX:
            message = f"{EVENTS_MAX} events, the last {event!r}"
            raise Restless(message)
        at_ns = self.host.engine.next_deadline()
        if at_ns is None or at_ns >= now:
            self._is_overdue = False
        elif not self._is_overdue:
            found = f"after {type(event).__name__} the next deadline is {at_ns}, {now - at_ns} ns ago"
            self._scene.notes.violations.append(("deadline", now, found))

    def _acknowledged(self, attempt: Attempt, effect: Effect[Any]) -> None:
        manager = getattr(effect, "manager", "")
        own = f"headroom/{attempt.command.execution_id}/{attempt.command.step_id}"
        if manager and manager != own:
            found = f"{own} wrote as {manager}"
            self._scene.notes.violations.append(("leak", self._scene.agenda.now, found))
