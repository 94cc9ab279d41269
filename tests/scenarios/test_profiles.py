"""The shipped profiles of nodes, workloads and clusters, and how a scenario puts them together."""

from collections.abc import Callable
from typing import Any

import pytest

import scenarios
from scenarios import ClusterSpec, ScenarioError
from scenarios.cluster_schema import WorkloadsFile
from scenarios.composition import FOR_TESTS
from scenarios.document import read_file
from scenarios.node_schema import NODE_PROFILES
from scenarios.problems import validated
from scenarios.quantities import resource_amount
from scenarios.shipped import LIBRARY

Write = Callable[[str, str], str]
GI = 2**30


@pytest.fixture
def cluster(write: Write, sound_text: str) -> Callable[[str], ClusterSpec]:
    def build(text: str) -> ClusterSpec:
        file = write("scenario.yaml", sound_text.replace("cluster: basic-development", f"cluster: {text}"))
        scenario = scenarios.load(file)
        return scenarios.compile(scenario, scenario.points()[0], 0).cluster

    return build


Cluster = Callable[[str], ClusterSpec]


def kinds(spec: ClusterSpec, kind: str) -> list[dict[str, Any]]:
    return [dict(item) for item in spec.objects if item["kind"] == kind]


def sizes(spec: ClusterSpec) -> list[dict[str, str]]:
    return [node["status"]["allocatable"] for node in kinds(spec, "Node")]


@pytest.mark.parametrize(
    ("profile", "size"),
    [
        ("standard", {"cpu": "2000m", "memory": "4Gi", "pods": "30"}),
        ("production", {"cpu": "4000m", "memory": "8Gi", "pods": "50"}),
        ("development", {"cpu": "1000m", "memory": "2Gi", "pods": "20"}),
        ("gpu", {"cpu": "8000m", "memory": "32Gi", "pods": "40", "nvidia.com/gpu": "2"}),
        ("high-memory", {"cpu": "16000m", "memory": "64Gi", "pods": "50"}),
    ],
)
def test_a_node_profile_is_a_size_of_which_a_pool_may_change_a_part(
    cluster: Cluster, profile: str, size: dict[str, str]
) -> None:
    pools = f"[{{profile: {profile}, count: 1}}, {{name: odd, profile: {profile}, count: 1, memory: 3Gi}}]"
    spec = cluster(f"{{profile: basic-development, nodes: {pools}}}")
    assert sizes(spec) == [size, size | {"memory": "3Gi"}]
    assert [node["metadata"]["name"] for node in kinds(spec, "Node")] == ["node-0", "odd-0"]
    assert profile in NODE_PROFILES


TOTALS = {  # pods, CPU, GiB, GPUs, of the requirement's table
    "high-throughput-services": (25, 7300, 14.25, 0),
    "web-application-stack": (10, 1500, 2.875, 0),
    "monitoring-workload": (8, 2550, 5.1875, 0),
    "aiml-workload": (7, 11500, 40, 4),
    "kubernaut-operator": (8, 3000, 8, 0),
}


@pytest.mark.parametrize("name", scenarios.shipped("workload profile"))
def test_a_workload_profile_requests_what_the_requirement_says(name: str) -> None:
    file = validated(WorkloadsFile, read_file(LIBRARY / "workloads" / f"{name}.yaml"))
    pods = sum(entry.replicas for entry in file.deployments)
    cpu_m = sum(
        entry.replicas * resource_amount("cpu", entry.requests.cpu or "0") for entry in file.deployments
    )
    memory_b = sum(
        entry.replicas * resource_amount("memory", entry.requests.memory or "0") for entry in file.deployments
    )
    gpus = sum(entry.replicas * sum(entry.requests.devices.values()) for entry in file.deployments)
    assert (pods, cpu_m, memory_b / GI, gpus) == TOTALS[name]


@pytest.mark.parametrize("kind", FOR_TESTS)
def test_a_kind_of_test_has_its_cluster(cluster: Cluster, kind: str) -> None:
    expected = {
        "unit": ("basic-development", 1, "2000m"),
        "safety": ("resource-constrained", 2, "1000m"),
        "platform": ("monitoring-heavy", 3, "4000m"),
        "workflow": ("high-load-production", 3, "4000m"),
        "ai": ("high-load-production", 2, "8000m"),
        "integration": ("high-load-production", 3, "4000m"),
        "e2e": ("multi-tenant-dev", 5, "2000m"),
    }
    spec = cluster(f"{{for: {kind}}}")
    assert (spec.name, len(sizes(spec)), sizes(spec)[0]["cpu"]) == expected[kind]
    assert ("nvidia.com/gpu" in sizes(spec)[0]) == (kind == "ai")
    more = cluster(f"{{for: {kind}, nodes: 7}}")
    assert sizes(more) == sizes(spec)[:1] * 7


def test_a_device_is_requested_and_limited_alike(cluster: Cluster) -> None:
    spec = cluster(
        "{profile: high-load-production, workloads: [aiml-workload], nodes: [{profile: gpu, count: 3}]}"
    )
    [training] = [it for it in kinds(spec, "Deployment") if it["metadata"]["name"] == "model-training-job"]
    resources = training["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert resources["requests"]["nvidia.com/gpu"] == resources["limits"]["nvidia.com/gpu"] == "2"


def test_workloads_replace_the_profile_s_and_may_stand_in_another_namespace(cluster: Cluster) -> None:
    spec = cluster(
        "{profile: high-load-production, "
        "workloads: [kubernaut-operator, {profile: web-application-stack, namespace: shop}]}"
    )
    found = [(it["metadata"]["namespace"], it["metadata"]["name"]) for it in kinds(spec, "Deployment")]
    assert found[0] == ("default", "kubernaut")
    assert found[4:] == [("shop", name) for name in ("web-frontend", "api-backend", "database", "cache")]
    assert "shop" in [it["metadata"]["name"] for it in kinds(spec, "Namespace")]
    assert spec.behaviours["shop/cache"]["source"] == "assumption: Redis with little data"


def test_a_workload_profile_of_one_s_own_is_found_beside_the_file_that_names_it(
    cluster: Cluster, write: Write, tmp_path: Any
) -> None:
    (tmp_path / "mine").mkdir()
    head = "apiVersion: headroom/v1\nname: mine\n"
    write("mine/w.yaml", f"{head}kind: Workloads\ndeployments: [{{name: own, replicas: 1, image: x}}]\n")
    nodes = "nodes: [{profile: standard, count: 1}]"
    write("mine/c.yaml", f"{head}kind: Cluster\n{nodes}\nworkloads: [./w.yaml]\n")
    assert [it["metadata"]["name"] for it in kinds(cluster("mine/c.yaml"), "Deployment")] == ["own"]
    chosen = cluster("{profile: basic-development, workloads: [mine/w.yaml]}")
    assert [it["metadata"]["name"] for it in kinds(chosen, "Deployment")] == ["own"]


def test_a_failed_node_is_silent_and_tainted(cluster: Cluster) -> None:
    *ready, failed = kinds(cluster("disaster-simulation"), "Node")
    assert [it["status"]["conditions"][0]["status"] for it in ready] == ["True", "True"]
    assert failed["status"]["conditions"][0]["status"] == "Unknown"
    taints = [(taint["key"], taint["effect"]) for taint in failed["spec"]["taints"]]
    assert taints == [("node.kubernetes.io/unreachable", effect) for effect in ("NoSchedule", "NoExecute")]


def test_a_version_is_chosen_and_its_defaults_with_it(cluster: Cluster) -> None:
    old = cluster('{profile: basic-development, kubernetes_version: "1.26"}')
    new = cluster("{profile: basic-development, kubernetes_version: 1.36}")  # as `--set` gives it
    assert (old.kubernetes_version, new.kubernetes_version) == ("1.26", "1.36")
    assert kinds(old, "Node")[0]["status"]["nodeInfo"]["kubeletVersion"] == "v1.26.0"
    assert (old.parameters["kubelet.qps"], new.parameters["kubelet.qps"]) == (5, 50)
    assert old.overrides == new.overrides == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{profile: basic-development, nodes: [{profile: gpus, count: 1}]}", "did you mean 'gpu'?"),
        (
            "{profile: basic-development, nodes: [{count: 1, cpu: 1}]}",
            "cluster.nodes.0: nodes without memory",
        ),
        (
            "{profile: basic-development, nodes: []}",
            "cluster.nodes: found an empty list; expected at least 1",
        ),
        ("{profile: basic-development, nodes: [{profile: gpu, count: 1, not_ready: 2}]}", "2 nodes of 1"),
        (
            "{profile: basic-development, workloads: [web-aplication-stack]}",
            "there is no workload profile 'web-aplication-stack'; expected a path, or one of aiml-workload, ",
        ),
        (
            "{profile: basic-development, workloads: [web-application-stack, web-application-stack]}",
            "cluster.workloads: a second Deployment 'default/web-frontend'; expected names that are unique",
        ),
        (
            '{profile: basic-development, kubernetes_version: "1.12"}',
            "Kubernetes '1.12' is not modelled; expected a Kubernetes version in quotes, one of 1.26, 1.27",
        ),
        ("{profile: basic-development, kubernetes_version: 1.3}", 'write "1.30" if that is meant'),
    ],
)
def test_mistakes_are_said_once(write: Write, sound_text: str, text: str, expected: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenarios.load(write("s.yaml", sound_text.replace("cluster: basic-development", f"cluster: {text}")))
    first, *others = {problem.message: problem for problem in caught.value.problems}.values()
    assert expected in str(first)
    assert all("a second" in problem.message for problem in others)


def test_a_swept_version_or_workload_survives_the_resolved_form(write: Write, sound_text: str) -> None:
    swept = "sweep: {cluster.kubernetes_version: ['1.26', '1.34'], cluster.nodes: [1, 2], "
    swept += "cluster.workloads: [[web-application-stack], [high-throughput-services]], "
    text = sound_text.replace("sweep: {", swept)
    scenario = scenarios.load(write("scenario.yaml", text))
    again = scenarios.load(write("again.yaml", scenario.resolved_yaml()))
    specs, later = ([scenarios.compile(it, point, 0) for point in it.points()] for it in (scenario, again))
    assert [it.digest for it in specs] == [it.digest for it in later]
    assert {(it.cluster.kubernetes_version, it.cluster.parameters["kubelet.burst"]) for it in specs} == {
        ("1.26", 10),
        ("1.34", 100),
    }
    assert {len(kinds(it.cluster, "Deployment")) for it in specs} == {4, 5}
