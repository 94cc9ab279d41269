"""One run of the fuzz: the production parts bound together, their process dying and being replaced."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from engine.actions import CATALOGUE
from engine.cel import CelConditions
from engine.core.attempt_runner import Attempt
from engine.core.commands import Command
from engine.core.durable_host import DurableHost
from engine.core.effects import Effect, Ref
from engine.core.errors import ApiError, ProtocolError, StoreError
from engine.core.events import Event, ExecutionSubmitted, WorkflowRegistered
from engine.core.facts import ExecutionFacts
from engine.core.host import Host
from engine.core.machine import WorkflowEngine
from engine.core.recovery import recover
from simulator.agenda import Agenda
from simulator.attribution import root
from simulator.checkers import ClusterChecker
from simulator.cluster.cluster import Cluster
from simulator.driver import Driver
from simulator.engine_stations import EngineStations, StationedHost, bind, host_type
from simulator.outside import Outside
from simulator.streams import Streams
from tests.fuzz.draws import Arrival, Case, Control, Intrusion, Stop
from tests.fuzz.faults import Died, FaultyPerformer, Mortality, WatchedStore
from tests.fuzz.notes import Note, Notes

SECOND_NS: Final = 1_000_000_000
HORIZON_NS: Final = 24 * 3_600 * SECOND_NS  # after the calm
LOOK_NS: Final = 5 * SECOND_NS
EVENTS_MAX: Final = 20_000
ENGINE: Final = "fuzz"
_CONDITIONS: Final = CelConditions()


class Restless(Exception):
    """The engine does not come to rest."""


class MortalHost(DurableHost):
    """A durable host whose process can die in the middle of whatever it does."""

    died: Callable[[], None]

    def _work(self) -> None:
        try:
            super()._work()
        except (Died, StoreError):
            self.died()


class _MortalAgenda:
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

    def __init__(self, world: "World", stop: Stop | None) -> None:
        self.is_alive = True
        self.host: Host
        self.performer: FaultyPerformer
        self._world = world
        self._stop = stop
        self._mortality = Mortality(stop)

    def start(self) -> None:
        """Bind the parts and take up what there is."""
        world, case = self._world, self._world.case
        world.store.mortality = self._mortality
        if not case.is_durable:
            self.host = host_type(case.engine)(
                world.new_engine(), CATALOGUE, _CONDITIONS, lambda: world.agenda.now, world.notes.rows.append, detail=True
            )
            self.host.on_handled.append(self._handled)
            self._bind(self.host, bind(self.host, case.engine, world.streams))
            if isinstance(self.host, StationedHost):
                self.host.later = self.performer.conclude
            return
        lease = world.store.acquire(ENGINE, "fuzz", 1_000 * SECOND_NS)
        try:
            recovered = recover(world.store, lease, case.limits, snapshot_every=case.snapshot_every)
        except (Died, StoreError):
            self.die()
            return
        world.fit(recovered.engine)
        host = self.host = MortalHost(
            recovered.engine, CATALOGUE, _CONDITIONS, lambda: world.agenda.now, world.notes.rows.append,
            journal=recovered.journal, detail=True,
        )  # fmt: skip
        host.died = self.die
        host.on_handled.append(self._handled)
        self._bind(host, None)
        host.take_up()

    def _bind(self, host: Host, stations: EngineStations | None) -> None:
        world = self._world
        self.performer = host.performer = FaultyPerformer(
            world.agenda, world.cluster, host, stations, world.case, world.outside, world.streams.stream("faults"),
            world.notes, self._mortality, self._acknowledged,
        )  # fmt: skip
        Driver(host, _MortalAgenda(world.agenda, self))
        host.on_execution_end.append(self._ended)
        if self._stop is not None and self._stop.where == "instant":
            world.agenda.after(max(0, self._stop.at - world.agenda.now), lambda _entry: self.die())

    def die(self) -> None:
        """Be gone from this instant on."""
        if not self.is_alive:
            return
        self.is_alive = False
        self._world.notes.notes.append(Note(self._world.agenda.now, "crash"))
        if hasattr(self, "performer"):
            self.performer.abandon()
        self._world.died(self._stop)

    def feed(self, event: Event) -> bool:
        """Tell the engine; return whether that was acknowledged. What it refuses, it has answered."""
        if not self.is_alive:
            return False
        try:
            self.host.feed(event)
        except ProtocolError as error:
            self._world.refused.append((self._world.agenda.now, event, str(error)))
        except StoreError:
            self.die()
        return self.is_alive

    def _handled(self, now: int, event: Event, _commands: tuple[Command, ...]) -> None:
        world = self._world
        world.events_count += 1
        if world.events_count > EVENTS_MAX:
            message = f"{EVENTS_MAX} events, the last {event!r}"
            raise Restless(message)
        if not world.case.is_durable:
            world.notes.durable(now, event)
        world.check_deadline(self.host.engine, event, now)

    def _acknowledged(self, attempt: Attempt, effect: Effect[Any]) -> None:
        manager = getattr(effect, "manager", "")
        own = f"headroom/{attempt.command.execution_id}/{attempt.command.step_id}"
        if manager and manager != own:
            self._world.notes.violations.append(("leak", self._world.agenda.now, f"{own} wrote as {manager}"))

    def _ended(self, facts: ExecutionFacts) -> None:
        self._world.notes.reported(self._world.agenda.now, facts)
        self._world.ended[facts.execution_id] = None


class World:
    """A cluster, and one process of the engine after another."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.notes = Notes()
        self.agenda = Agenda()
        self.streams = Streams(case.seed, 0)
        self.cluster = Cluster(self.agenda, case.cluster, case.engine, self.streams)
        self.checker = ClusterChecker(self.cluster.store)
        self.outside = Outside(self.agenda, self.cluster.store, case.cluster, self.streams)
        self.store = WatchedStore(self.agenda, self.notes)
        self.ended: dict[str, None] = {}
        self.refused: list[tuple[int, Event, str]] = []
        self.events_count = 0
        self._accepted: dict[str, None] = {}
        self._waiting: list[Event] = []  # for a process to take them
        self._stops = list(case.stops)
        self._overdue = False
        self._drained = self.agenda.event()
        self.process = Process(self, None)

    # what a broken engine of the tests replaces

    def new_engine(self) -> WorkflowEngine:
        return WorkflowEngine(self.case.limits)

    def fit(self, engine: WorkflowEngine) -> None:
        """Do nothing to an engine that was recovered."""

    # -- the run

    def run(self) -> Notes:
        """Run to the end of every execution, or to the horizon."""
        case = self.case
        for workflow in case.workflows:
            self._waiting.append(WorkflowRegistered(workflow))
        for arrival in case.arrivals:
            self.agenda.after(arrival.at_ns, partial(self._arrive, arrival))
        for control in case.controls:
            self.agenda.after(control.at_ns, partial(self._control, control))
        for intrusion in case.intrusions:
            self.agenda.after(intrusion.at_ns, partial(self._intrude, intrusion))
        self.agenda.after(case.calm_ns, self._calm)
        self.agenda.after(case.calm_ns + HORIZON_NS, self._stop)
        self._start_process(None)
        self.agenda.run(until=self._drained)
        return self.notes

    def _start_process(self, _entry: Any) -> None:
        self.process = Process(self, self._stops.pop(0) if self._stops else None)
        self._overdue = True
        self.process.start()
        self._tell()

    def died(self, stop: Stop | None) -> None:
        """Start the next process after a while."""
        self.agenda.after(stop.down_ns if stop else 0, self._start_process)

    def _arrive(self, arrival: Arrival, _entry: Any) -> None:
        self._waiting.append(arrival.event)
        self._tell()

    def _control(self, control: Control, _entry: Any) -> None:
        self._waiting.append(control.event)
        self._tell()

    def _tell(self) -> None:
        """Tell what is waiting, until it is acknowledged."""
        while self._waiting and self.process.is_alive:
            event = self._waiting[0]
            if self.process.feed(event):
                self._waiting.pop(0)
                if isinstance(event, ExecutionSubmitted):
                    self._accepted[event.execution_id] = None
                    self.notes.notes.append(Note(self.agenda.now, "accepted", event.execution_id))

    def _look(self, _entry: Any) -> None:
        """Stop if everything that was accepted has ended, or look again later."""
        if self._drained.triggered:
            return
        is_over = all(execution_id in self.ended for execution_id in self._accepted)
        if is_over and self.process.is_alive and not self._waiting:
            self._stop(None)
        else:
            self.agenda.after(LOOK_NS, self._look)

    def _calm(self, _entry: Any) -> None:
        """From here on nothing goes wrong any more."""
        for key in list(self.cluster.store.objects.get("Node", {})):
            self._cordon(key[1], unschedulable=False)
        self._look(None)

    def _stop(self, _entry: Any) -> None:
        if not self._drained.triggered:
            self._drained.succeed()

    # -- others

    def _intrude(self, intrusion: Intrusion, _entry: Any) -> None:
        kind = {"delete-pod": "Pod", "scale": "Deployment", "delete-job": "Job"}.get(intrusion.kind, "Node")
        keys = sorted(self.cluster.store.objects.get(kind, {}))
        if not keys:
            return
        namespace, name = keys[intrusion.which % len(keys)]
        store, link = self.cluster.store, root(self.agenda.now)
        try:
            if intrusion.kind in ("delete-pod", "delete-job"):
                store.delete(Ref(kind, name, namespace), link)
            elif intrusion.kind == "scale":
                store.patch(Ref(kind, name, namespace), {"spec": {"replicas": intrusion.which % 4}}, link)
            else:
                self._cordon(name, unschedulable=intrusion.kind == "cordon")
        except ApiError:
            return  # refused, as anybody may be

    def _cordon(self, name: str, *, unschedulable: bool) -> None:
        changes = {"spec": {"unschedulable": unschedulable or None}}
        self.cluster.store.patch(Ref("Node", name), changes, root(self.agenda.now))

    # -- on the spot

    def check_deadline(self, engine: WorkflowEngine, event: Event, now: int) -> None:
        """No deadline lies in the past, but one that passed while no process ran and was not looked at."""
        at_ns = engine.next_deadline()
        if at_ns is None or at_ns >= now:
            self._overdue = False
        elif not self._overdue:
            found = f"after {type(event).__name__} the next deadline is {at_ns}, {now - at_ns} ns ago"
            self.notes.violations.append(("deadline", now, found))
