"""A tiny world around a durable host: stepped, or in real time; what is outside outlives the engine.

The same few things, with the same reactions, for all crash tests: `Outside` is a log of effects from which
the state of the things follows, `World` is one life of the engine's process.
"""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from engine.cel import CelConditions
from engine.core.action import ActionSpec
from engine.core.attempt_runner import Attempt
from engine.core.causes import Cause
from engine.core.durable_host import DurableHost
from engine.core.effects import Create, Delete, Effect, Get, Patch, Sleep
from engine.core.errors import ActionError, Conflict, NotFound
from engine.core.events import AttemptSucceeded, Event, ExecutionSubmitted, WorkflowRegistered
from engine.core.facts import ExecutionFacts
from engine.core.limits import Limits
from engine.core.records import Row
from engine.core.recovery import recover
from engine.core.states import StepState
from engine.core.store import ExecutionStore
from engine.stores import MemoryStore
from tests.engine.kinds import ACTIONS, GATE, SUBMISSIONS, THINGS, WORKFLOWS, requests

CONDITIONS = CelConditions()
ENGINE = "e"
HOUR_NS = 3_600 * 10**9
_EFFECT_NS = 1_000_000
_STOPPED = (StepState.CANCELLED, StepState.OMITTED)

Key = tuple[str, str, int, bool]  # execution, step, attempt, whether it is a rollback
Deed = tuple[Key, str, str, Any]  # by whom, which effect, on what, how


def key_of(attempt: Attempt) -> Key:
    return (*attempt.key, attempt.command.is_rollback)


@dataclass
class Outside:
    """What crashes do not touch: things, what was done to them and by whom, and what was promised."""

    deeds: list[Deed] = field(default_factory=list)
    things: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {name: dict(it) for name, it in THINGS.items()}
    )
    acknowledged: list[str] = field(default_factory=list)
    requested: dict[str, int] = field(default_factory=dict)  # how many requests were acknowledged
    results: dict[str, Any] = field(default_factory=dict)
    on_deed: Callable[[Deed], None] = lambda _deed: None

    def report(self, execution_id: str, found: Any) -> None:
        assert self.results.setdefault(execution_id, found) == found, "a reported result has changed"

    def do(self, deed: Deed) -> Any:
        """Do it; the deed is on record whatever comes of it."""
        self.deeds.append(deed)
        self.on_deed(deed)
        return self.apply(deed)

    def shape(self) -> dict[str, list[str]]:
        """Return what there is, free of what depends on the order of reads."""
        return {name: sorted(it.get("marks", {})) for name, it in sorted(self.things.items())}

    def apply(self, deed: Deed) -> Any:
        _, effect, name, changes = deed
        if effect == "Create":
            if name in self.things:
                raise Conflict(name)
            self.things[name] = {"kind": "Thing", "reads": 0}
        elif effect in ("Get", "Patch", "Delete") and name not in self.things:
            raise NotFound(name)
        elif effect == "Get":
            self.things[name] = self.things[name] | {"reads": self.things[name]["reads"] + 1}
        elif effect == "Patch":
            self.things[name].setdefault("marks", {}).update(changes["marks"])
        elif effect == "Delete":
            del self.things[name]
        return self.things.get(name)


def deed_of(attempt: Attempt, effect: Effect[Any]) -> Deed:
    name, changes = "", None
    if isinstance(effect, Create):
        name = effect.resource["metadata"]["name"]
    elif isinstance(effect, (Get, Patch, Delete)):
        name = effect.ref.name
        changes = effect.changes if isinstance(effect, Patch) else None
    return (key_of(attempt), type(effect).__name__, name, changes)


def outcome(execution: ExecutionFacts) -> dict[str, Any]:
    """Return what an execution came to, free of instants.

    Whether a step was under way or still waited for a slot when its execution failed is a matter of instants.
    """
    steps = {
        name: "stopped"
        if step.state in _STOPPED
        else (step.state.value, dict(step.outputs), len(step.attempts) if step.kind == "action" else 0)
        for name, step in execution.steps.items()
    }
    failure = execution.failure.reason if execution.failure else ""
    return {"state": execution.state.value, "failure": failure, "steps": steps}


class World:
    """One life of an engine's process: recovers, submits what is not known yet, and runs to the end."""

    def __init__(
        self,
        store: ExecutionStore,
        outside: Outside,
        *,
        limits: Limits | None = None,
        actions: Mapping[str, ActionSpec] = ACTIONS,
        snapshot_every: int = 10_000,
    ) -> None:
        self.now = 0
        self.outside = outside
        self.rows: list[Row] = []
        self.store = store
        self.agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self.lease = store.acquire(ENGINE, "me", HOUR_NS)
        recovered = recover(store, self.lease, limits, snapshot_every=snapshot_every)
        self.replayed_count = recovered.replayed_count
        self.now = max(self.now, recovered.engine.now_ns)
        self.host = DurableHost(
            recovered.engine,
            actions,
            CONDITIONS,
            lambda: self.now,
            self.rows.append,
            journal=recovered.journal,
        )
        self.host.performer = self
        self.host.on_execution_end.append(self._ended)

    # -- what a host asks of its world

    def begin(self, attempt: Attempt) -> None:
        attempt.pending = None

    def perform(self, attempt: Attempt, effect: Effect[Any]) -> None:
        deed = deed_of(attempt, effect)
        attempt.pending = token = object()
        if isinstance(effect, Sleep):
            self.outside.do(deed)
            self.after(effect.duration_ns, partial(self._answer, attempt, token, None, None))
            return
        try:
            value, error = self.outside.do(deed), None
        except ActionError as refusal:
            value, error = None, refusal
        self.after(_EFFECT_NS, partial(self._answer, attempt, token, value, error))

    def cancel(self, attempt: Attempt) -> None:
        attempt.pending = None
        self.finish(attempt)

    def finish(self, attempt: Attempt) -> None:
        """Charge the whole attempt to nobody in particular."""
        attempt.spans[:] = [(Cause.DECLARED_WORK, attempt.started_ns, self.now)]

    def _answer(self, attempt: Attempt, token: object, value: Any, error: ActionError | None) -> None:
        if attempt.is_over or attempt.pending is not token:
            return
        if error is None:
            self.host.resume(attempt, value)
        else:
            self.host.throw(attempt, error)

    # -- its life

    def run(self) -> None:
        """Take up, submit, and go on until everything has ended."""
        self.take_up()
        for execution_id, workflow_name, variables in SUBMISSIONS:
            self.submit(ExecutionSubmitted(execution_id, workflow_name, variables))
        while self.ask() or self.step():
            pass

    def take_up(self) -> None:
        self.host.take_up()
        for workflow in WORKFLOWS:
            self.host.feed(WorkflowRegistered(workflow))

    def ask(self) -> bool:
        """Ask what people ask of executions that wait at their gate; tell whether there was anything."""
        asked = False
        for execution in self.host.engine.executions():
            wanted = requests(execution.execution_id)
            done = self.outside.requested.get(execution.execution_id, 0)
            gate = execution.steps.get(GATE)
            if done < len(wanted) and gate is not None and gate.state is StepState.WAITING:
                self.host.feed(wanted[done])
                self.outside.requested[execution.execution_id] = done + 1
                asked = True
        return asked

    def step(self) -> bool:
        """Do what is due next, moving the clock to it; tell whether there was anything."""
        due_ns = self.host.engine.next_deadline()
        if self.agenda and (due_ns is None or self.agenda[0][0] <= due_ns):
            at_ns, _, call = heapq.heappop(self.agenda)
            self.move_to(at_ns)
            with self.host.batch():
                call()
                while self.agenda and self.agenda[0][0] <= self.now:
                    heapq.heappop(self.agenda)[2]()
            return True
        if due_ns is not None:
            self.move_to(due_ns)
            self.host.wake()
            return True
        return False

    def move_to(self, at_ns: int) -> None:
        self.now = max(self.now, at_ns)

    def submit(self, event: ExecutionSubmitted) -> None:
        """Submit what has not been acknowledged, unless it is stored though nobody was told."""
        if event.execution_id in self.outside.acknowledged:
            return
        known = [it.execution_id for it in self.store.executions(ENGINE, count_max=10_000)]
        if event.execution_id not in known:
            self.host.feed(event)
        self.outside.acknowledged.append(event.execution_id)

    def _ended(self, execution: ExecutionFacts) -> None:
        self.outside.report(execution.execution_id, outcome(execution))

    def after(self, delay_ns: int, call: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self.agenda, (self.now + delay_ns, self._count, call))


def recorded_successes(store: ExecutionStore) -> list[tuple[str, str, int]]:
    """Return the attempts whose success is durable, as far back as the log goes."""
    start = next((it.first_position for it in store.engines() if it.engine == ENGINE), 0)
    events: list[Event] = [event for _, event in store.events(ENGINE, start)]
    return [(it.execution_id, it.step_id, it.attempt) for it in events if isinstance(it, AttemptSucceeded)]


def expected(limits: Limits | None = None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the results and the things that a run without a crash leads to."""
    world = World(MemoryStore(), Outside(), limits=limits)
    world.run()
    assert not world.host.engine.executions()
    return world.outside.results, world.outside.shape()
