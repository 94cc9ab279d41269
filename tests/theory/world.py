"""A modelled cluster with nothing but a client before it, and an engine that runs one action of a test."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.cel import CelConditions
from engine.core.action import ActionSpec
from engine.core.definition import Step, Workflow
from engine.core.driver import Driver
from engine.core.events import ExecutionSubmitted, WorkflowRegistered
from engine.core.facts import ExecutionFacts
from engine.core.host import Host
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from engine.core.records import Row
from scenarios.runspec import EngineSpec
from simulator.agenda import Agenda
from simulator.cluster.cluster import Cluster
from simulator.perform import ModelPerformer
from simulator.streams import Streams
from tests.simulator import worlds

HOUR_NS = worlds.HOUR_NS


class Control:
    """A cluster on an agenda of its own."""

    def __init__(
        self,
        objects: Sequence[Mapping[str, Any]],
        changes: Mapping[str, Any] | None = None,
        behaves: Mapping[str, Mapping[str, Any]] | None = None,
        client: EngineSpec | None = None,
        replication: int = 0,
    ) -> None:
        self.agenda = Agenda()
        self.spec = client or worlds.engine(client_qps=None)
        streams = Streams(20260101, replication)
        self.cluster = Cluster(self.agenda, worlds.cluster(objects, changes, behaves), self.spec, streams)
        self.store = self.cluster.store

    def run(self, until_ns: int) -> None:
        self.agenda.run(until=until_ns)

    def perform(self, action: ActionSpec, parameters: Mapping[str, Any]) -> list[Row]:
        """Run one execution of one step to its end; return its rows, effects included."""
        rows: list[Row] = []
        engine = WorkflowEngine(Limits(step_timeout_ns=24 * HOUR_NS))
        host = Host(
            engine,
            {action.name: action},
            CelConditions(),
            lambda: self.agenda.now,
            rows.append,
            detail=True,
        )
        host.performer = ModelPerformer(self.agenda, self.cluster, host, None, lambda _attempt, _effect: None)
        Driver(host, self.agenda)
        over = self.agenda.event()

        def ended(_facts: ExecutionFacts) -> None:
            over.succeed()

        host.on_execution_end.append(ended)
        host.feed(WorkflowRegistered(Workflow("w", (Step("s", action=action.name, parameters=parameters),))))
        host.feed(ExecutionSubmitted("x", "w", {}))
        self.agenda.run(until=over)
        return rows
