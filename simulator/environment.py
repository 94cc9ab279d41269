"""One run in the virtual world: the engine, the SimPy agenda and the modelled cluster bound together.

`simulate` is a pure function of its RunSpec. The run ends when every execution that arrived has ended
(*drained*) and the cluster has recovered from the scenario's faults, or at the horizon; never "when nothing
is left to do", since SimPy cannot cancel a timeout that has lost its purpose.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.cel import CelConditions
from engine.core import collector
from engine.core.action_history import ActionHistory, OscillationPolicy
from engine.core.definition import Workflow
from engine.core.driver import Driver
from engine.core.events import ExecutionSubmitted, WorkflowRegistered
from engine.core.facts import ExecutionFacts
from engine.core.history import History
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from engine.core.rates import Rate
from engine.core.records import SCHEMA_VERSION, Row, RunRow
from engine.core.validation import STEPS_MAX
from engine.registry import actions, runnable
from scenarios import instantiate
from scenarios.runspec import EngineSpec, RunSpec
from simulator.agenda import Agenda
from simulator.arrivals import Arrivals
from simulator.cached_reads import CachedReads
from simulator.capacity import CapacityReports
from simulator.checkers import CHECKS, ClusterChecker, EngineChecker
from simulator.cluster.cluster import Cluster
from simulator.cluster.faults.schedule import Faults
from simulator.engine_stations import StationedHost, bind, host_type
from simulator.outside import Outside
from simulator.perform import ModelPerformer
from simulator.sampling import Sampling
from simulator.signals import Signals
from simulator.streams import Streams, entity


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run leaves: its rows in the order of `engine.core.records`, and the engine's history."""

    rows: list[Row]
    history: History
    agenda_entries_count: int


def simulate(spec: RunSpec) -> RunResult:
    """Carry out one run; the same spec always gives the same result.

    A run makes next to no garbage in cycles, while the collector would walk all that is alive again and
    again: it rests until the run is over.
    """
    with collector.at_rest():
        return _Run(spec).carry_out()


def _limits(engine: EngineSpec) -> Limits:
    return Limits(
        max_concurrency=engine.max_concurrency,
        step_slots=engine.step_slots,
        step_timeout_ns=engine.step_timeout_ns,
        execution_timeout_ns=engine.execution_timeout_ns,
        dispatch=engine.dispatch,
        max_steps_per_workflow=STEPS_MAX,  # whoever wrote the scenario has been told of more
        ageing_ns=engine.ageing_ns,
        semaphores=dict(engine.semaphores),
        rates={action: Rate(*rate) for action, rate in engine.rates.items()},
        cancel_grace_ns=engine.cancel_grace_ns,
        subflow_depth_max=engine.subflow_depth_max,
        coalesce=tuple(engine.coalesce),
        capacity_aware=engine.capacity_aware,
        reduce_needs=engine.reduce_needs,
        parallelise=engine.parallelise,
    )


class _Run:
    """The parts of one run."""

    def __init__(self, spec: RunSpec) -> None:
        self._spec = spec
        self._streams = Streams(spec.seed, spec.replication)
        self._agenda = Agenda()
        self._cluster = Cluster(self._agenda, spec.cluster, spec.engine, self._streams)
        self._cluster_checker = ClusterChecker(self._cluster.store)
        self._engine_checker = EngineChecker(
            self._cluster.store, spec.engine, spec.workload.workflow, spec.workload.subflows
        )
        self._engine = WorkflowEngine(_limits(spec.engine))
        self._rows: list[Row] = []
        self._host = host_type(spec.engine)(
            self._engine,
            runnable(),
            CelConditions(),
            lambda: self._agenda.now,
            self._rows.append,
            detail=spec.detail,
        )
        self._faults = (
            Faults(self._agenda, self._cluster, spec.faults, self._streams) if spec.faults else None
        )
        self._outside = Outside(self._agenda, self._cluster.store, spec.cluster, self._streams)
        engine_stations = bind(self._host, spec.engine, self._streams)
        performer = ModelPerformer(
            self._agenda,
            self._cluster,
            self._host,
            engine_stations,
            self._engine_checker.acknowledged,
            self._outside,
            CachedReads(self._cluster.watch) if spec.engine.reads == "cache" else None,
            spec.engine.throttle_backoff_ns,
        )
        self._host.performer = performer
        if isinstance(self._host, StationedHost):
            self._host.later = performer.conclude
        if spec.engine.oscillation is not None:
            history = ActionHistory(actions(), OscillationPolicy(**spec.engine.oscillation))
            self._host.guard = history.guard
            self._host.on_handled.append(history.note)
        self._host.on_execution_end += [self._engine_checker.ended, self._ended]
        Driver(self._host, self._agenda)
        Signals(self._agenda, self._host, spec.workload.signals, self._streams)
        self._capacity = (
            CapacityReports(self._agenda, self._cluster.watch, self._host.feed)
            if spec.engine.capacity_aware
            else None
        )
        self._arrivals = Arrivals(
            self._agenda, spec.workload.load, self._streams.stream("arrivals"), self._submit
        )
        own = engine_stations.stations if engine_stations is not None else []
        stations = [*self._cluster.stations, *own, *self._outside.stations]
        self._sampling = Sampling(self._agenda, stations, self._engine)
        self._targets = self._streams.stream("targets")
        self._drained = self._agenda.event()
        self._ended_count = 0
        self._causes: dict[str, int] = {}

    def carry_out(self) -> RunResult:
        """Run until drained or the horizon."""
        spec = self._spec
        workflow = Workflow.from_json(spec.workload.workflow)
        self._workflow = workflow.name
        for subflow in spec.workload.subflows:
            self._host.feed(WorkflowRegistered(Workflow.from_json(subflow)))
        self._host.feed(WorkflowRegistered(workflow))
        self._agenda.after(spec.horizon_ns, self._stop)
        self._cluster.start()
        if self._faults is not None:
            self._faults.on_over = self._stop_if_drained
            self._faults.start()
        self._outside.start([spec.workload.workflow, *spec.workload.subflows])
        if spec.detail:
            self._sampling.every_second()
        if self._capacity is not None:
            self._capacity.start()
        self._arrivals.start()
        self._stop_if_drained()
        self._agenda.run(until=self._drained)
        now = self._agenda.now
        for facts in self._engine.executions():
            self._engine_checker.ended(facts, now)
        self._host.close()
        self._engine_checker.finish(self._host.history)
        self._cluster_checker.finish()
        rows: list[Row] = [self._run_row(now), *self._rows, *self._sampling.rows(now)]
        if self._faults is not None:
            rows += self._faults.rows
        rows += self._cluster.pools.rows(now)
        return RunResult(rows, self._host.history, self._agenda.entries_count)

    def _submit(self, index: int) -> None:
        spec = self._spec
        variables = instantiate(spec, index, lambda key: self._targets.uniform(entity(key)))
        # Unique within the run, and the same under every setting: what is drawn by it stays common.
        execution_id = f"{spec.scenario}-{spec.replication}-{index}"
        self._engine_checker.submitted(execution_id, variables)
        self._host.feed(ExecutionSubmitted(execution_id, self._workflow, variables))

    def _ended(self, facts: ExecutionFacts) -> None:
        self._ended_count += 1
        self._arrivals.ended(facts)
        self._stop_if_drained()

    def _stop_if_drained(self) -> None:
        if self._arrivals.over and self._ended_count == self._engine.submitted_count:
            if self._faults is not None:
                self._faults.finish()
                if not self._faults.is_over:
                    return  # it says when
            self._stop(None)

    def _stop(self, _event: Any) -> None:
        if not self._drained.triggered:
            self._drained.succeed()

    def _run_row(self, now: int) -> RunRow:
        spec = self._spec
        executions = [row for row in self._rows if row["type"] == "execution"]
        states = [row["state"] for row in executions]
        first = min((row["submitted_ns"] for row in executions), default=0)
        causes: dict[str, int] = {}
        for row in executions:
            for cause, spent in row["causes"].items():
                causes[cause] = causes.get(cause, 0) + spent
        return RunRow(
            type="run",
            schema=SCHEMA_VERSION,
            world="simulated",
            scenario=spec.scenario,
            requirement=spec.requirement,
            point=spec.point,
            coordinates=dict(spec.coordinates),
            replication=spec.replication,
            seed=spec.seed,
            digest=spec.digest,
            history_digest=self._host.history.digest,
            submitted_count=len(executions),
            completed_count=states.count("completed"),
            failed_count=states.count("failed"),
            unfinished_count=states.count("unfinished"),
            first_arrival_ns=first,
            ended_ns=now,
            makespan_ns=max((row["ended_ns"] for row in executions), default=first) - first,
            executions_active_max=self._engine.active_count_max,
            api_requests_count=sum(client.requests_count for client in self._cluster.clients),
            client_requests_count=self._cluster.engine_client.requests_count,
            events_count=len(self._host.history),
            checks=self._checks(),
            causes=dict(sorted(causes.items())),
        )

    def _checks(self) -> dict[str, int]:
        judged: list[Mapping[str, int]] = [self._cluster_checker.violations, self._engine_checker.violations]
        return {name: sum(violations[name] for violations in judged) for name in sorted(CHECKS)}
