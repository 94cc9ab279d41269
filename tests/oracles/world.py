"""A whole small world over any agenda: engine, host, what wakes it, and stub cluster."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from engine.cel import CelConditions
from engine.core.definition import Workflow
from engine.core.driver import Driver
from engine.core.event_codec import HISTORY_VERSION
from engine.core.events import ExecutionSubmitted, WorkflowRegistered
from engine.core.facts import ExecutionFacts
from engine.core.host import Host
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from engine.core.records import Row
from simulator.agenda import Agenda
from tests.oracles.heap_agenda import HeapAgenda
from tests.oracles.plain_simpy import PlainSimPy
from tests.oracles.random_workflows import ACTIONS, Workflows
from tests.oracles.stub_cluster import StubCluster

CONDITIONS = CelConditions()

AnyAgenda = Agenda | HeapAgenda | PlainSimPy


@dataclass
class World:
    """One finished run."""

    host: Host
    rows: list[Row]
    ended: list[ExecutionFacts] = field(default_factory=list)

    @property
    def history(self) -> str:
        return "\n".join(self.host.history.to_lines())


@dataclass
class Case:
    """What a run is asked to do; `seed` is the stub cluster's."""

    workflow: Workflow
    limits: Limits
    submissions: list[tuple[int, ExecutionSubmitted]]
    seed: int
    tying: bool
    version: int = HISTORY_VERSION


def drawn(seed: int, *, tying: bool) -> Case:
    """Draw a case."""
    workflows = Workflows(seed)
    workflow = workflows.workflow()
    limits = workflows.limits()
    submissions = [
        (at_ns, ExecutionSubmitted(f"x-{number}", workflow.name, variables, priority))
        for number, (at_ns, variables, priority) in enumerate(workflows.submissions(tying=tying))
    ]
    return Case(workflow, limits, submissions, seed, tying)


def run(agenda: AnyAgenda, seed: int, *, tying: bool, until: Any = None) -> World:
    """Run the case drawn from `seed` to the end, or to `until`: an instant, or an event of SimPy's."""
    return run_case(agenda, drawn(seed, tying=tying), until=until)


def run_case(agenda: AnyAgenda, case: Case, *, until: Any = None) -> World:
    """Run a case to the end, or to `until`: an instant, or an event of SimPy's."""
    rows: list[Row] = []
    stub = StubCluster(agenda, seed=case.seed, tying=case.tying, failing=0.05)
    engine = WorkflowEngine(case.limits, case.version)
    host = Host(engine, ACTIONS, CONDITIONS, lambda: agenda.now, rows.append, detail=True)
    host.performer = stub
    stub.host = host
    world = World(host, rows)
    host.on_execution_end.append(world.ended.append)
    if isinstance(agenda, HeapAgenda):  # it looks at the deadlines itself
        agenda.host = host
    else:
        Driver(host, agenda)
    host.feed(WorkflowRegistered(case.workflow))
    for at_ns, event in case.submissions:
        agenda.after(at_ns, partial(_submit, host, event))
    agenda.run(until=until)
    host.close()
    return world


def _submit(host: Host, event: ExecutionSubmitted, _entry: object) -> None:
    host.feed(event)
