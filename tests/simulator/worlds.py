"""Small RunSpecs for tests: a cluster, workloads and a load, with every duration in the test's hand."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.core.definition import RetryPolicy, Step, Workflow
from scenarios import CATALOGUE
from scenarios.runspec import ClusterSpec, EngineSpec, LoadSpec, RunSpec, TargetsSpec, WorkloadSpec
from simulator import RunResult

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS


def constant(value_s: float) -> dict[str, Any]:
    return {"dist": "constant", "value_s": value_s}


def parameters(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The whole catalogue at its defaults, with `changes`."""
    values = {name: parameter.value for name, parameter in CATALOGUE.items()}
    unknown = [name for name in changes or {} if name not in values]
    assert not unknown, unknown
    return {**values, **(changes or {})}


STILL = {
    "apiserver.service.read": constant(0.002),
    "apiserver.service.write": constant(0.005),
    "kubelet.container_start": constant(0.5),
}
"""No randomness left in the control plane; the kubelets' PLEG phases remain."""


def node(name: str, cpu: str = "4", memory: str = "8Gi", pods: str = "50") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods}},
    }


def deployment(
    name: str, replicas: int, cpu: str = "200m", memory: str = "256Mi", probe: int = 5, **spec: Any
) -> dict[str, Any]:
    """A Deployment in namespace `default`; `probe` is its readiness period in seconds, 0 for none."""
    container: dict[str, Any] = {
        "name": "c",
        "image": f"{name}:1",
        "resources": {"requests": {"cpu": cpu, "memory": memory}},
    }
    if probe:
        container["readinessProbe"] = {"periodSeconds": probe}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
            **spec,
        },
    }


def budget(name: str, allowed_max: int) -> dict[str, Any]:
    """A PodDisruptionBudget for the Deployment `name`."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"maxUnavailable": allowed_max, "selector": {"matchLabels": {"app": name}}},
    }


def quota(pods: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "quota", "namespace": "default"},
        "spec": {"hard": {"pods": str(pods)}},
    }


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
        "data": data,
    }


def nodes(count: int = 3, **sizes: str) -> list[dict[str, Any]]:
    return [node(f"node-{number}", **sizes) for number in range(count)]


def behaviours(startup_s: float = 1.0, exit_s: float = 0.5, **more: Any) -> dict[str, dict[str, Any]]:
    return {"*": {"startup": constant(startup_s), "exit": constant(exit_s), **more}}


def restarts(steps: int = 1, attempts: int = 1, **parameters: Any) -> Workflow:
    """A chain of steps that each restart the target of their number."""
    return Workflow(
        "restarts",
        tuple(
            Step(
                id=f"s{number}",
                action="restart_pod",
                needs=(f"s{number - 1}",) if number else (),
                retry=RetryPolicy(attempts),
                parameters={
                    "namespace": f"${{targets.{number}.namespace}}",
                    "deployment": f"${{targets.{number}.deployment}}",
                    "ordinal": f"${{targets.{number}.ordinal}}",
                    **parameters,
                },
            )
            for number in range(steps)
        ),
    )


def acting(action: str, steps: int = 1, **parameters: Any) -> Workflow:
    """A chain of steps that do the same thing."""
    return Workflow(
        "acting",
        tuple(
            Step(f"s{n}", action=action, needs=(f"s{n - 1}",) if n else (), parameters=parameters)
            for n in range(steps)
        ),
    )


def engine(**changes: Any) -> EngineSpec:
    settings: dict[str, Any] = {
        "max_concurrency": 10,
        "step_slots": None,
        "step_timeout_ns": 600 * SECOND_NS,
        "execution_timeout_ns": None,
        "dispatch": "fifo",
        "client_qps": 20.0,
        "client_burst": 30,
        "decision_ns": 0,
    }
    return EngineSpec(**{**settings, **changes})


def cluster(
    objects: Sequence[Mapping[str, Any]],
    changes: Mapping[str, Any] | None = None,
    behaves: Mapping[str, Mapping[str, Any]] | None = None,
) -> ClusterSpec:
    return ClusterSpec("small", "1.34", tuple(objects), behaves or behaviours(), parameters(changes), {})


def small_objects() -> list[dict[str, Any]]:
    return [*nodes(), deployment("web", 5), deployment("db", 3, probe=10)]


def run_spec(
    workflow: Workflow | None = None,
    load: LoadSpec | int = 5,
    on: ClusterSpec | None = None,
    limits: EngineSpec | None = None,
    **changes: Any,
) -> RunSpec:
    """A spec on the small cluster: five restarts at once unless said otherwise."""
    on = on or cluster(small_objects())
    deployments = {
        f"{one['metadata']['namespace']}/{one['metadata']['name']}": one["spec"]["replicas"]
        for one in on.objects
        if one["kind"] == "Deployment"
    }
    targets = TargetsSpec(tuple(deployments), tuple(deployments.values()), "random") if deployments else None
    fields: dict[str, Any] = {
        "scenario": "test",
        "requirement": "",
        "point": 0,
        "coordinates": {},
        "replication": 0,
        "seed": 7,
        "horizon_ns": HOUR_NS,
        "detail": False,
    }
    variables = changes.pop("variables", {})
    return RunSpec(
        engine=limits or engine(),
        workload=WorkloadSpec(
            (workflow or restarts()).to_json(),
            variables,
            targets,
            LoadSpec("burst", count=load) if isinstance(load, int) else load,
        ),
        cluster=on,
        **{**fields, **changes},
    )


def of_type(result: RunResult, kind: str) -> list[Any]:
    """The rows of one type, in order."""
    return [row for row in result.rows if row["type"] == kind]


def run_row(result: RunResult) -> Any:
    return result.rows[0]
