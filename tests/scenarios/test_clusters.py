import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import scenarios
from scenarios import ClusterSpec, ScenarioError
from scenarios.units import parse_bytes, parse_cpu

Write = Callable[[str, str], str]
OLD = "cluster: basic-development"


@pytest.fixture
def cluster(write: Write, sound_text: str) -> Callable[[str], ClusterSpec]:
    def build(text: str) -> ClusterSpec:
        scenario = scenarios.load(write("scenario.yaml", sound_text.replace(OLD, text)))
        return scenarios.compile(scenario, scenario.points()[0], 0).cluster

    return build


def kinds(spec: ClusterSpec, kind: str) -> list[dict[str, Any]]:
    return [dict(item) for item in spec.objects if item["kind"] == kind]


def test_the_high_load_cluster_is_the_requirement_s(cluster: Callable[[str], ClusterSpec]) -> None:
    spec = cluster("cluster: high-load-production")
    nodes = kinds(spec, "Node")
    assert [node["status"]["allocatable"] for node in nodes] == [
        {"cpu": "4000m", "memory": "8Gi", "pods": "50"}
    ] * 3
    deployments = {item["metadata"]["name"]: item["spec"] for item in kinds(spec, "Deployment")}
    assert {name: it["replicas"] for name, it in deployments.items()} == {
        "api-gateway": 5,
        "user-service": 8,
        "order-processing-service": 6,
        "redis-cache": 3,
        "message-queue": 3,
    }
    containers = {name: it["template"]["spec"]["containers"][0] for name, it in deployments.items()}
    requests = {name: it["resources"]["requests"] for name, it in containers.items()}
    total = sum(deployments[name]["replicas"] * parse_cpu(it["cpu"]) for name, it in requests.items())
    assert total == 7300
    memory = sum(deployments[name]["replicas"] * parse_bytes(it["memory"]) for name, it in requests.items())
    assert memory / 2**30 == pytest.approx(14.25, abs=0.5)
    periods = {name: it["readinessProbe"]["periodSeconds"] for name, it in containers.items()}
    assert periods == dict.fromkeys(deployments, 5) | {"message-queue": 10}
    scaled = [item["spec"] for item in kinds(spec, "HorizontalPodAutoscaler")]
    assert {it["scaleTargetRef"]["name"]: (it["minReplicas"], it["maxReplicas"]) for it in scaled} == {
        "api-gateway": (5, 15),
        "user-service": (8, 24),
        "order-processing-service": (6, 18),
    }
    assert len(kinds(spec, "Service")) == 5
    assert {item["metadata"]["name"] for item in kinds(spec, "Namespace")} == {
        "default",
        "kubernaut",
        "workflows",
    }
    quota = next(it for it in kinds(spec, "ResourceQuota") if it["metadata"]["namespace"] == "default")
    assert parse_cpu(quota["spec"]["hard"]["cpu"]) >= 2 * 7300  # every pod and its replacement


def test_behaviours_are_complete_and_name_their_source(cluster: Callable[[str], ClusterSpec]) -> None:
    spec = cluster("cluster: high-load-production")
    assert set(spec.behaviours) == {"*"} | {
        f"default/{it['metadata']['name']}" for it in kinds(spec, "Deployment")
    }
    for behaviour in spec.behaviours.values():
        assert set(behaviour) == {
            "startup",
            "exit",
            "image_mb",
            "ignores_sigterm",
            "crash_probability",
            "source",
        }
        assert behaviour["source"].startswith("assumption")
    assert spec.behaviours["default/message-queue"]["exit"] == {
        "dist": "lognormal",
        "median_s": 6.0,
        "sigma": 0.4,
    }


def test_what_is_said_of_a_workload_beats_what_is_said_of_all(cluster: Callable[[str], ClusterSpec]) -> None:
    text = (
        "cluster: {profile: basic-development, behaviours: {'*': {exit: 9s}, default/cache: {startup: 3s}}}"
    )
    behaviours = cluster(text).behaviours
    assert behaviours["*"]["exit"] == {"dist": "constant", "value_s": 9.0}
    assert behaviours["default/cache"]["startup"] == {"dist": "constant", "value_s": 3.0}
    assert behaviours["default/cache"]["exit"]["median_s"] == 0.5  # of the profile


def test_quotas_are_replaced_added_and_removed(cluster: Callable[[str], ClusterSpec]) -> None:
    text = "cluster: {profile: basic-development, quotas: {default: null, workflows: {pods: 3, cpu: 1}}}"
    quotas = kinds(cluster(text), "ResourceQuota")
    assert [(it["metadata"]["namespace"], it["spec"]["hard"]) for it in quotas] == [
        ("workflows", {"cpu": "1", "pods": "3"})
    ]


def test_a_cluster_for_a_kind_of_test(cluster: Callable[[str], ClusterSpec]) -> None:
    spec = cluster("cluster: {for: workflow}")
    assert (spec.name, len(kinds(spec, "Node"))) == ("high-load-production", 3)
    with pytest.raises(ScenarioError, match=r"no cluster for 'workflows' tests.*did you mean 'workflow'"):
        cluster("cluster: {for: workflows}")


def test_who_overrode_a_parameter_is_named(cluster: Callable[[str], ClusterSpec]) -> None:
    parameters = (
        "parameters: {scheduler.qps: 99, kubelet.qps: 50, watch.delay: {dist: exponential, mean: 3ms}}"
    )
    spec = cluster(f"cluster: {{profile: basic-development, {parameters}}}")
    assert spec.overrides == {"scheduler.qps": "scenario", "watch.delay": "scenario"}
    assert spec.parameters["watch.delay"] == {"dist": "exponential", "mean_s": 0.003}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{profile: basic-development, parameters: {scheduler.qsp: 3}}", "did you mean 'scheduler.qps'"),
        (
            "{profile: basic-development, parameters: {kubelet.pleg_period: 1}}",
            "bare number 1 for a duration",
        ),
        (
            "{profile: basic-development, behaviours: {default/cash: {exit: 1s}}}",
            "did you mean 'default/cache'",
        ),
        (
            "{profile: basic-development, add: {deployments: [{name: cache, replicas: 1, image: x}]}}",
            "a second Dep",
        ),
        ("{profile: basic-development, add: {objects: [{kind: ConfigMap}]}}", "a ConfigMap without a name"),
        ("{profile: basic-development, nodes: 0}", "expected at least 1"),
        ("{profile: basic-development, for: unit}", "several clusters; expected exactly one of profile, for"),
        ("{}", "no cluster"),
    ],
)
def test_mistakes_are_said(cluster: Callable[[str], ClusterSpec], text: str, expected: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        cluster(f"cluster: {text}")
    assert expected in str(caught.value)


SNAPSHOT = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "n"},
            "spec": {"odd": ["é\u2028"]},
            "status": {
                "nodeInfo": {"kubeletVersion": "v1.31.2"},
                "allocatable": {"cpu": "4", "memory": "8Gi"},
            },
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]}},
            },
        },
    ],
}


def test_a_snapshot_is_a_cluster_and_keeps_every_field(
    cluster: Callable[[str], ClusterSpec], write: Write
) -> None:
    write("snap.json", json.dumps(SNAPSHOT))
    spec = cluster("cluster: snap.json")
    assert (spec.name, spec.kubernetes_version) == ("snap", "1.31")
    assert list(spec.objects) == [SNAPSHOT["items"][1], SNAPSHOT["items"][0]]  # in order of kind and name
    assert set(spec.behaviours) == {"*", "default/web"}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"kind": "List"}, "items: None is not a list"),
        ({"kind": "List", "items": [3]}, "not a Kubernetes object"),
        ({"kind": "List", "items": SNAPSHOT["items"][1:]}, "no Node in the snapshot"),
        (
            {
                "kind": "List",
                "items": [{"kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": "3"}}],
            },
            r"items\.0\.spec\.replicas: found '3' \(text\); expected a whole number, 0 or more",
        ),
        (
            {"kind": "List", "items": [{"kind": "Node", "metadata": {"name": 3}}]},
            r"items\.0\.metadata\.name: missing",
        ),
        ([1], "not a cluster"),
    ],
)
def test_what_is_no_snapshot_is_said(
    cluster: Callable[[str], ClusterSpec], write: Write, data: Any, expected: str
) -> None:
    write("snap.json", json.dumps(data))
    with pytest.raises(ScenarioError, match=expected):
        cluster("cluster: snap.json")


@pytest.mark.oracle
def test_the_recorded_snapshot_loads(cluster: Callable[[str], ClusterSpec], reference_data: Path) -> None:
    file = reference_data / "control-plane" / "snapshot.json"
    spec = cluster(f"cluster: {file}")
    assert len(spec.objects) == len(json.loads(file.read_text(encoding="utf-8"))["items"])


def test_the_behaviour_of_any_workload_may_be_said(cluster: Callable[[str], ClusterSpec]) -> None:
    metadata = "metadata: {name: hog, namespace: default}"
    pod = f"{{kind: Pod, apiVersion: v1, {metadata}, spec: {{containers: [{{name: c}}]}}}}"
    said = "{memory: {use: [{at: 0s, memory: 1Gi}, {at: 1m, memory: 2Gi}]}, cpu: 150m, run: 5s}"
    more = f"add: {{objects: [{pod}]}}, behaviours: {{default/hog: {said}}}"
    spec = cluster(f"cluster: {{profile: basic-development, {more}}}")
    hog = spec.behaviours["default/hog"]
    assert hog["memory"] == {"points": [[0.0, 1 << 30], [60.0, 2 << 30]]}
    assert hog["cpu"] == {"points": [[0.0, 150]], "of": "pod"}
    assert hog["run"] == {"dist": "constant", "value_s": 5.0}
    assert "cpu" not in spec.behaviours["*"]
