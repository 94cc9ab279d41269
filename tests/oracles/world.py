"""A whole small world over either agenda: engine, host, driver and stub cluster."""

from dataclasses import dataclass, field
from typing import Any

from engine.cel import CelConditions
from engine.core.events import ExecutionSubmitted, WorkflowRegistered
from engine.core.facts import ExecutionFacts
from engine.core.host import Host
from engine.core.machine import WorkflowEngine
from engine.core.records import Row
from simulator.agenda import Agenda
from simulator.driver import Driver
from tests.oracles.heap_agenda import HeapAgenda
from tests.oracles.random_workflows import ACTIONS, Workflows
from tests.oracles.stub_cluster import StubCluster

CONDITIONS = CelConditions()


@dataclass
class World:
    """One finished run."""

    host: Host
    rows: list[Row]
    ended: list[ExecutionFacts] = field(default_factory=list)

    @property
    def history(self) -> str:
        return "\n".join(self.host.history.to_lines())


def run(agenda: Agenda | HeapAgenda, seed: int, *, tying: bool, until: int | None = None) -> World:
    """Run the workflow, limits and submissions of `seed` to the end, or to `until`."""
    drawn = Workflows(seed)
    workflow = drawn.workflow()
    rows: list[Row] = []
    stub = StubCluster(agenda, seed=seed, tying=tying, failing=0.05)
    engine = WorkflowEngine(drawn.limits())
    host = Host(engine, ACTIONS, CONDITIONS, lambda: agenda.now, rows.append, detail=True)
    host.performer = stub
    stub.host = host
    world = World(host, rows)
    host.on_execution_end.append(world.ended.append)
    Driver(host, agenda)
    host.feed(WorkflowRegistered(workflow))
    for number, (at_ns, variables, priority) in enumerate(drawn.submissions(tying=tying)):
        event = ExecutionSubmitted(f"x-{number}", workflow.name, variables, priority)

        def submit(_entry: Any, event: ExecutionSubmitted = event) -> None:
            host.feed(event)

        agenda.after(at_ns, submit)
    agenda.run(until=until)
    host.close()
    return world
