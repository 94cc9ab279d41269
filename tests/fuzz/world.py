"""One run of the fuzz: a cluster, one process of the engine after another, and all that happens to them."""

from functools import partial
from typing import Any, Final

from engine.core.effects import Ref
from engine.core.errors import ApiError
from engine.core.events import (
    Event,
    ExecutionSubmitted,
    ReopenRequested,
    ResumeRequested,
    SignalReceived,
    WorkflowRegistered,
)
from engine.core.facts import ExecutionFacts
from simulator.attribution import root
from tests.fuzz.draws import Case, Intrusion, Stop
from tests.fuzz.faults import WatchedStore
from tests.fuzz.notes import Note
from tests.fuzz.process import Process, Restless
from tests.fuzz.scene import scene_of
from tests.fuzz.workflows import SIGNALS

SECOND_NS: Final = 1_000_000_000
HORIZON_NS: Final = 24 * 3_600 * SECOND_NS  # after the calm
LOOK_NS: Final = 5 * SECOND_NS
CALLS_EVERY: Final = 12  # looks
PROCESSES_MAX: Final = 50


class World:
    """The scene, and one process of the engine after another."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.scene = scene_of(case)
        self.agenda, self.notes = self.scene.agenda, self.scene.notes
        self.store = WatchedStore(self.agenda, self.notes)
        self.refusals: list[tuple[int, Event, str]] = []
        self._ended: dict[str, None] = {}
        self._accepted: dict[str, None] = {}
        self._waiting: list[Event] = []  # for a process to take them
        self._stops = list(case.stops)
        self._looks = 0
        self._processes_count = 0
        self._drained = self.agenda.event()
        self._process: Process

    def run(self) -> None:
        """Run to the end of every execution, or to the horizon."""
        case, agenda = self.case, self.agenda
        self._waiting += [WorkflowRegistered(workflow) for workflow in case.workflows]
        for arrival in case.arrivals:
            agenda.after(arrival.at_ns, partial(self._tell, arrival.event))
        for control in case.controls:
            agenda.after(control.at_ns, partial(self._tell, control.event))
        for intrusion in case.intrusions:
            agenda.after(intrusion.at_ns, partial(self._intrude, intrusion))
        agenda.after(case.calm_ns, self._calm)
        agenda.after(case.calm_ns + HORIZON_NS, self._stop)
        self._start_process(None)
        agenda.run(until=self._drained)

    # -- processes

    def _start_process(self, _entry: Any) -> None:
        self._processes_count += 1
        if self._processes_count > PROCESSES_MAX:
            message = f"the {PROCESSES_MAX}th process died as those before it"
            raise Restless(message)
        self._process = Process(self.scene, self.store, self, self._stops.pop(0) if self._stops else None)
        self._process.start()
        self._tell_all()

    def died(self, stop: Stop | None) -> None:
        """Start the next process after a while."""
        self.agenda.after(stop.down_ns if stop else 0, self._start_process)

    def ended(self, facts: ExecutionFacts) -> None:
        """Take in that an execution was reported."""
        self.notes.reported(self.agenda.now, facts)
        self._ended[facts.execution_id] = None

    def refused(self, event: Event, reason: str) -> None:
        """Take in that the engine did not take an event."""
        self.refusals.append((self.agenda.now, event, reason))

    # -- what is told to the engine

    def _tell(self, event: Event, _entry: Any = None) -> None:
        self._waiting.append(event)
        self._tell_all()

    def _tell_all(self) -> None:
        """Tell what is waiting, each until it is acknowledged."""
        while self._waiting and self._process.is_alive:
            event = self._waiting[0]
            if self._process.feed(event):
                self._waiting.pop(0)
                if isinstance(event, ExecutionSubmitted):
                    self._accepted[event.execution_id] = None
                    self.notes.notes.append(Note(self.agenda.now, "accepted", event.execution_id))

    # -- the end

    def _calm(self, _entry: Any) -> None:
        """From here on nothing goes wrong any more."""
        for _, name in list(self.scene.cluster.store.objects.get("Node", {})):
            self._cordon(name, unschedulable=False)
        self._tell(ReopenRequested())
        self._look(None)

    def _look(self, _entry: Any) -> None:
        """Stop if everything accepted has ended; else give what may be waited for, and look again."""
        if self._drained.triggered:
            return
        if not self._left() and self._process.is_alive and not self._waiting:
            self._stop(None)
            return
        if self._looks % CALLS_EVERY == 0:
            for execution_id in self._left():
                self._tell(ResumeRequested(execution_id))
                for name in SIGNALS:
                    self._tell(SignalReceived(execution_id, name, {"approved": True}))
        self._looks += 1
        self.agenda.after(LOOK_NS, self._look)

    def _left(self) -> list[str]:
        return [execution_id for execution_id in self._accepted if execution_id not in self._ended]

    def _stop(self, _entry: Any) -> None:
        if not self._drained.triggered:
            self._drained.succeed()

    # -- others

    def _intrude(self, intrusion: Intrusion, _entry: Any) -> None:
        kind = {"delete-pod": "Pod", "scale": "Deployment", "delete-job": "Job"}.get(intrusion.kind, "Node")
        store, link = self.scene.cluster.store, root(self.agenda.now)
        keys = sorted(store.objects.get(kind, {}))
        if not keys:
            return
        namespace, name = keys[intrusion.which % len(keys)]
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
        self.scene.cluster.store.patch(Ref("Node", name), changes, root(self.agenda.now))
