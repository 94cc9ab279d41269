"""`Scenario` -> `RunSpec`: one point and one replication, with everything explicit."""

import copy
import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

from scenarios.cluster_choice import ClusterChoice
from scenarios.clusters import build_cluster, key_of
from scenarios.document import Document
from scenarios.errors import Problem, ScenarioError, did_you_mean, one_of
from scenarios.faults import build_faults
from scenarios.paths import assign
from scenarios.problems import validated
from scenarios.runspec import ClusterSpec, LoadSpec, RunSpec, SignalSpec, TargetsSpec, WorkloadSpec
from scenarios.scenario import Scenario, Sources
from scenarios.schema import ScenarioFile, Signal, Targeting
from scenarios.sweep import Point, marks_of

_PARAMETERS = "cluster.parameters."
TARGETS = "targets"  # the variable that holds what the steps act on


def compile(scenario: Scenario, point: Point, replication: int) -> RunSpec:  # noqa: A001 - the verb of the door
    """Return the spec of one run; `ScenarioError` if the point's values do not go together."""
    specs = scenario.sources.specs
    if point.index not in specs:
        document = at_point(scenario.document, point.coordinates, scenario.sweep.paths)
        specs[point.index] = build_spec(document, scenario.sources, point)
    base = specs[point.index]
    return dataclasses.replace(base, replication=replication) if replication else base


def with_parameter(spec: RunSpec, name: str, value: Any, who: str) -> RunSpec:
    """Return `spec` with another value (JSON: seconds) of one parameter of the model, set by `who`."""
    cluster = dataclasses.replace(
        spec.cluster,
        parameters={**spec.cluster.parameters, name: value},
        overrides={**spec.cluster.overrides, name: who},
    )
    return dataclasses.replace(spec, cluster=cluster)


def at_point(document: Document, coordinates: Mapping[str, Any], swept: tuple[str, ...]) -> Document:
    """Return the scenario's document with the swept values put in their places."""
    changed = dataclasses.replace(document, data=copy.deepcopy(document.data), marks=dict(document.marks))
    for path in swept:
        value = coordinates[path]
        assign(changed, path, value, Document(document.source, value, {(): marks_of(document, path, value)}))
    return changed


def build_spec(document: Document, sources: Sources, point: Point) -> RunSpec:
    """Return the spec of replication 0 of a point, from a document that has the point's values."""
    file = validated(ScenarioFile, document)
    cluster = _cluster(document, sources, file.cluster, point)
    workload, semaphores = _workload(document, sources, file, cluster)
    return RunSpec(
        scenario=file.name,
        requirement=file.requirement,
        point=point.index,
        coordinates=dict(point.coordinates),
        replication=0,
        seed=file.experiment.seed,
        horizon_ns=file.experiment.horizon,
        detail=file.experiment.detail,
        engine=file.engine.build(semaphores),
        workload=workload,
        cluster=cluster,
        faults=build_faults(document, file.faults, cluster, workload),
    )


def _cluster(document: Document, sources: Sources, choice: ClusterChoice, point: Point) -> ClusterSpec:
    key = json.dumps(document.data["cluster"], sort_keys=True, default=str)
    if key not in sources.built:
        sources.built[key] = build_cluster(sources.cluster(document, choice), choice, document)
    built = sources.built[key]
    swept = {path.removeprefix(_PARAMETERS) for path in point.coordinates if path.startswith(_PARAMETERS)}
    overrides = {name: "sweep" if name in swept else who for name, who in built.overrides.items()}
    return dataclasses.replace(built, overrides=overrides)


def _workload(
    document: Document, sources: Sources, file: ScenarioFile, cluster: ClusterSpec
) -> tuple[WorkloadSpec, dict[str, int]]:
    """Return the workload, and the semaphores that its workflows declare."""
    workload = file.workload
    targets = _targets(document, workload.targets, cluster) if workload.targets else None
    names = [*workload.variables]
    if targets:
        if TARGETS in names:
            place = ("workload", "variables", TARGETS)
            raise document.error(
                place, f"a variable '{TARGETS}' beside workload.targets", "another name", key=True
            )
        names.append(TARGETS)
    source = sources.workflow(document, workload.workflow)
    values = source.values(workload.parameters, document)
    assembly = source.assemble(values, names, sources.subflow)
    *subflows, workflow = assembly.built.values()
    _check_signals(document, workload.signals, assembly.signals)
    spec = WorkloadSpec(
        workflow=workflow.to_json(),
        variables=workload.variables,
        targets=targets,
        load=_load(document, sources, file),
        subflows=tuple(subflow.to_json() for subflow in subflows),
        signals=tuple(
            SignalSpec(signal.name, signal.after, signal.payload, signal.since == "waiting")
            for signal in workload.signals
        ),
    )
    return spec, assembly.semaphores


def _check_signals(document: Document, signals: tuple[Signal, ...], known: Iterable[str]) -> None:
    awaited = list(known)
    problems = [
        document.problem(
            ("workload", "signals", index, "name"),
            f"no step waits for a signal '{signal.name}'",
            one_of(awaited) if awaited else "a workflow with a step that waits for a signal",
            did_you_mean(signal.name, awaited),
        )
        for index, signal in enumerate(signals)
        if signal.name not in awaited
    ]
    if problems:
        raise ScenarioError(problems)


def _load(document: Document, sources: Sources, file: ScenarioFile) -> LoadSpec:
    load = file.workload.load
    if load.trace:
        from scenarios.trace import load_of

        return load_of(document, load.trace, sources.trace(document, load.trace), file.experiment.horizon)
    if load.closed:
        return LoadSpec(
            "closed", users=load.closed.users, think_ns=load.closed.think, for_ns=load.closed.lasts
        )
    if load.open:
        return LoadSpec("open", rate_per_s=load.open.rate, for_ns=load.open.lasts)
    return LoadSpec("burst", count=load.burst or 0)


def _targets(document: Document, targeting: Targeting, cluster: ClusterSpec) -> TargetsSpec:
    replicas = {
        key_of(item): int(item.get("spec", {}).get("replicas", 1))
        for item in cluster.objects
        if item["kind"] == "Deployment"
    }
    place = ("workload", "targets", "deployments")
    chosen = list(replicas) if targeting.deployments == "all" else list(targeting.deployments)
    problems: list[Problem] = []
    for index, name in enumerate(chosen):
        if name not in replicas:
            hint = did_you_mean(name, replicas)
            problems.append(
                document.problem((*place, index), f"unknown Deployment '{name}'", one_of(replicas), hint)
            )
        elif replicas[name] < 1:
            problems.append(
                document.problem((*place, index), f"'{name}' has no replicas", "a Deployment with pods")
            )
    if not chosen:
        problems.append(document.problem(place, "no Deployments", "at least one"))
    if problems:
        raise ScenarioError(problems)
    return TargetsSpec(tuple(chosen), tuple(replicas[name] for name in chosen), targeting.assign)
