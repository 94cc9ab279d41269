"""A modelled cluster on an agenda of its own, for experiments that no scenario file would describe.

Clients are called by hand, or one action is run by a real engine with one step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
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
from engine.core.records import Row as Record
from scenarios import CATALOGUE
from scenarios.runspec import ClusterSpec, EngineSpec
from simulator.agenda import Agenda
from simulator.cluster.cluster import Cluster
from simulator.perform import ModelPerformer
from simulator.streams import Streams

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
VERSION = "1.34"


def constant(value_s: float) -> dict[str, Any]:
    """Return a distribution of one value."""
    return {"dist": "constant", "value_s": value_s}


def node(name: str, cpu: str = "4", memory: str = "8Gi", pods: str = "110") -> dict[str, Any]:
    """Return a Node."""
    allocatable = {"cpu": cpu, "memory": memory, "pods": pods}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "status": {"allocatable": allocatable},
    }


def bare_pod(name: str, on: str = "", grace_s: int = 30, cpu: str = "10m", memory: str = "16Mi") -> Any:
    """Return a Pod without an owner in namespace `default`; it runs already if it is on a node."""
    container = {
        "name": "c",
        "image": "i:1",
        "resources": {"requests": {"cpu": cpu, "memory": memory}},
    }
    spec: dict[str, Any] = {"containers": [container], "terminationGracePeriodSeconds": grace_s}
    status: dict[str, Any] = {"phase": "Pending"}
    if on:
        spec["nodeName"] = on
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    metadata = {"name": name, "namespace": "default", "labels": {"app": "bare"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def deployment(name: str, replicas: int, cpu: str = "5m", memory: str = "8Mi") -> dict[str, Any]:
    """Return a Deployment in namespace `default` whose pods are ready once they run."""
    container = {
        "name": "c",
        "image": f"{name}:1",
        "resources": {"requests": {"cpu": cpu, "memory": memory}},
    }
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template,
        },
    }


def behaviours(startup_s: float = 0.0, exit_s: float = 0.5) -> dict[str, dict[str, Any]]:
    """Return what every workload does: it is up after so long, and ends so long after SIGTERM."""
    return {"*": {"startup": constant(startup_s), "exit": constant(exit_s)}}


def engine(qps: float | None = None, burst: int = 1) -> EngineSpec:
    """Return an engine that costs nothing, with a client of these limits."""
    return EngineSpec(
        max_concurrency=1_000_000,
        step_slots=None,
        step_timeout_ns=DAY_NS,
        execution_timeout_ns=None,
        dispatch="fifo",
        client_qps=qps,
        client_burst=burst,
        decision_ns=0,
    )


@dataclass(frozen=True, slots=True)
class Submission:
    """An execution that is asked for at an instant."""

    workflow: Workflow
    at_ns: int = 0
    variables: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 0


class Laboratory:
    """A cluster with nothing but a client before it."""

    def __init__(
        self,
        objects: Sequence[Mapping[str, Any]],
        seed: int,
        replication: int = 0,
        *,
        parameters: Mapping[str, Any] | None = None,
        declared: Mapping[str, Mapping[str, Any]] | None = None,
        client: EngineSpec | None = None,
        version: str = VERSION,
    ) -> None:
        """Build the cluster; `parameters` are JSON values by name, as a RunSpec holds them."""
        self.agenda = Agenda()
        values = {name: parameter.value for name, parameter in CATALOGUE.items()} | dict(parameters or {})
        spec = ClusterSpec("laboratory", version, tuple(objects), declared or behaviours(), values, {})
        self.streams = Streams(seed, replication)
        self.cluster = Cluster(self.agenda, spec, client or engine(), self.streams)
        self.store = self.cluster.store
        self.client = self.cluster.engine_client

    def run(self, until_ns: int) -> None:
        """Go on until an instant."""
        self.agenda.run(until=until_ns)

    def perform(self, action: ActionSpec, parameters: Mapping[str, Any]) -> list[Record]:
        """Run one execution of one step to its end; return its records, effects included."""
        workflow = Workflow("w", (Step("s", action=action.name, parameters=parameters),))
        limits = Limits(step_timeout_ns=DAY_NS)
        return self.execute([Submission(workflow)], {action.name: action}, limits)

    def execute(
        self, submissions: Sequence[Submission], actions: Mapping[str, ActionSpec], limits: Limits
    ) -> list[Record]:
        """Submit each at its instant, and go on until every execution has ended; return the records.

        Executions are named ``x0``, ``x1``, ... in the order of `submissions`, not of time.
        """
        records: list[Record] = []
        host = Host(
            WorkflowEngine(limits),
            actions,
            CelConditions(),
            lambda: self.agenda.now,
            records.append,
            detail=True,
        )
        host.performer = ModelPerformer(self.agenda, self.cluster, host, None, lambda _attempt, _effect: None)
        Driver(host, self.agenda)
        over = self.agenda.event()
        left = len(submissions)

        def ended(_facts: ExecutionFacts) -> None:
            nonlocal left
            left -= 1
            if not left:
                over.succeed()

        host.on_execution_end.append(ended)
        for workflow in {one.workflow.name: one.workflow for one in submissions}.values():
            host.feed(WorkflowRegistered(workflow))
        for number, one in enumerate(submissions):
            event = ExecutionSubmitted(f"x{number}", one.workflow.name, one.variables, one.priority)
            self.agenda.after(one.at_ns - self.agenda.now, partial(_feed, host, event))
        self.agenda.run(until=over)
        return records


def _feed(host: Host, event: ExecutionSubmitted, _entry: Any) -> None:
    host.feed(event)


def effects(records: Sequence[Record], name: str) -> list[Any]:
    """Return the records of one kind of effect, in order."""
    return [one for one in records if one["type"] == "effect" and one["effect"] == name]
