"""Every shipped cluster and workload profile settles as it is described, and carries a run."""

from collections import Counter
from typing import Any

import pytest

import scenarios
from scenarios import RunSpec
from simulator import simulate
from simulator.cluster.bootstrap import settle
from simulator.cluster.objects import is_ready

PATIENT = ["engine.step_timeout=15m", "targets=[{id: t, metric: makespan, max: 15m}]"]


def spec_of(*overrides: str) -> RunSpec:
    scenario = scenarios.load("smoke", overrides)
    return scenarios.compile(scenario, scenario.points()[-1], 0)


def pods_of(spec: RunSpec) -> list[dict[str, Any]]:
    return [one for one in settle(spec.cluster.objects) if one["kind"] == "Pod"]


def completed(spec: RunSpec) -> bool:
    states = [row["state"] for row in simulate(spec).rows if row["type"] == "execution"]
    return states == ["completed"] * spec.workload.load.count


WAITING = {"resource-constrained": {"analytics-0": "0/2 nodes are available: 2 Insufficient cpu"}}


@pytest.mark.parametrize("name", scenarios.shipped("cluster"))
def test_a_cluster_settles_and_runs_smoke(name: str) -> None:
    spec = spec_of(f"cluster={name}")
    pods = pods_of(spec)
    waiting = {
        pod["metadata"]["name"]: pod["status"]["conditions"][0]["message"].partition(".")[0]
        for pod in pods
        if not pod["spec"].get("nodeName")
    }
    assert waiting == WAITING.get(name, {})
    assert sum(map(is_ready, pods)) == len(pods) - len(waiting)
    assert completed(spec)


def test_nothing_runs_on_a_node_that_has_failed() -> None:
    nodes = Counter(pod["spec"]["nodeName"] for pod in pods_of(spec_of("cluster=disaster-simulation")))
    assert sorted(nodes) == ["node-0", "node-1"]


def on_gpu_nodes(workloads: str, count: int) -> RunSpec:
    nodes = f"nodes: [{{profile: gpu, count: {count}}}]"
    choice = f"profile: basic-development, quotas: {{default: null}}, workloads: [{workloads}], {nodes}"
    return spec_of(f"cluster={{{choice}}}", *PATIENT)


@pytest.mark.parametrize("name", scenarios.shipped("workload profile"))
def test_a_workload_profile_settles_on_large_nodes_and_runs_smoke(name: str) -> None:
    spec = on_gpu_nodes(name, 3)
    assert all(map(is_ready, pods_of(spec)))
    assert completed(spec)


def test_a_training_job_waits_where_each_gpu_node_serves_a_model() -> None:
    [waiting] = [pod for pod in pods_of(on_gpu_nodes("aiml-workload", 2)) if not is_ready(pod)]
    assert waiting["metadata"]["labels"]["app"] == "model-training-job"
    assert "Insufficient nvidia.com/gpu" in waiting["status"]["conditions"][0]["message"]
