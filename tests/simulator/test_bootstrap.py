import copy
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.cluster.bootstrap import SETTLED_AT, settle, settled_at
from simulator.cluster.naming import ALPHABET, pod_suffix, template_hash
from simulator.cluster.offspring import new_pod, new_replicaset
from simulator.cluster.placement import Demand, NodeFree, fits

Object = dict[str, Any]


def node(name: str, cpu: str = "4", memory: str = "8Gi", pods: str = "50") -> Object:
    amounts = {"cpu": cpu, "memory": memory, "pods": pods}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "status": {"allocatable": amounts},
    }


def deployment(name: str, replicas: int, cpu: str = "200m", memory: str = "256Mi", **spec: Any) -> Object:
    container = {
        "name": "c",
        "image": f"{name}:1",
        "resources": {"requests": {"cpu": cpu, "memory": memory}},
        "readinessProbe": {"periodSeconds": 5},
    }
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    selector = {"matchLabels": {"app": name}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": "default",
            "labels": {"app": name},
            "annotations": {"team": "x"},
        },
        "spec": {"replicas": replicas, "selector": selector, "template": template, **spec},
    }


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    return [one for one in objects if one["kind"] == kind]


HIGH_LOAD = [
    *(node(f"node-{i}") for i in range(3)),
    deployment("api-gateway", 5),
    deployment("user-service", 8, "300m", "512Mi"),
    deployment("order-processing-service", 6, "500m", "1Gi"),
    deployment("redis-cache", 3, "100m", "512Mi"),
    deployment("message-queue", 3, "200m", "512Mi"),
]


def test_a_profile_settles_as_kubernetes_would_leave_it() -> None:
    objects = settle(HIGH_LOAD)
    pods = of_kind(objects, "Pod")
    assert len(pods) == 25
    assert Counter(pod["spec"]["nodeName"] for pod in pods) == {"node-0": 8, "node-1": 9, "node-2": 8}
    for one in of_kind(objects, "Deployment"):
        replicas = one["spec"]["replicas"]
        (replicaset,) = [
            rs
            for rs in of_kind(objects, "ReplicaSet")
            if rs["metadata"]["ownerReferences"][0]["uid"] == one["metadata"]["uid"]
        ]
        mine = [
            p for p in pods if p["metadata"]["ownerReferences"][0]["uid"] == replicaset["metadata"]["uid"]
        ]
        assert len(mine) == replicas
        assert one["status"]["readyReplicas"] == one["status"]["updatedReplicas"] == replicas
        assert one["status"]["observedGeneration"] == one["metadata"]["generation"]
        assert one["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
        assert replicaset["metadata"]["annotations"] == {
            "team": "x",
            "deployment.kubernetes.io/revision": "1",
            "deployment.kubernetes.io/desired-replicas": str(replicas),
        }
        assert replicaset["status"]["availableReplicas"] == replicaset["spec"]["replicas"] == replicas
        digest = replicaset["metadata"]["labels"]["pod-template-hash"]
        assert replicaset["metadata"]["name"] == f"{one['metadata']['name']}-{digest}"
        assert all(
            pod["metadata"]["labels"] == {**one["metadata"]["labels"], "pod-template-hash": digest}
            for pod in mine
        )
        assert [pod["metadata"]["annotations"]["headroom.dev/slot"] for pod in mine] == [
            str(i) for i in range(replicas)
        ]
    for pod in pods:
        conditions = {entry["type"]: entry["status"] for entry in pod["status"]["conditions"]}
        assert conditions == dict.fromkeys(
            ("PodScheduled", "Initialized", "ContainersReady", "Ready"), "True"
        )
        assert pod["status"]["phase"] == "Running"
        assert pod["status"]["startTime"] == pod["metadata"]["creationTimestamp"] == SETTLED_AT


def test_names_and_uids_are_unique_stable_and_not_versions() -> None:
    before = copy.deepcopy(HIGH_LOAD)
    objects = settle(HIGH_LOAD)
    assert before == HIGH_LOAD, "the input is not changed"
    assert json.dumps(objects) == json.dumps(settle(HIGH_LOAD))
    uids = [one["metadata"]["uid"] for one in objects]
    assert len(set(uids)) == len(uids)
    assert not any("resourceVersion" in one["metadata"] for one in objects)
    assert objects[: len(HIGH_LOAD)] != HIGH_LOAD
    assert [one["metadata"]["name"] for one in objects[: len(HIGH_LOAD)]] == [
        o["metadata"]["name"] for o in HIGH_LOAD
    ]


def test_a_workloads_pods_are_the_same_whatever_stands_beside_it() -> None:
    alone = settle([node("node-0"), deployment("redis-cache", 3, "100m", "512Mi")])
    names = [pod["metadata"]["name"] for pod in of_kind(alone, "Pod")]
    among = [pod["metadata"]["name"] for pod in of_kind(settle(HIGH_LOAD), "Pod")]
    assert set(names) < set(among)


def test_v14_static_packing_through_deployments() -> None:
    objects = settle(
        [*(node(f"n{i}", "2", "4Gi", "110") for i in range(4)), deployment("web", 60, "150m", "100Mi")]
    )
    placed = Counter(pod["spec"].get("nodeName") for pod in of_kind(objects, "Pod"))
    assert placed == {"n0": 13, "n1": 13, "n2": 13, "n3": 13, None: 8}


def test_pods_that_fit_nowhere_stay_pending_and_say_why() -> None:
    objects = settle([node("n0", cpu="1"), deployment("big", 3, "600m")])
    bound, *pending = of_kind(objects, "Pod")
    assert bound["spec"]["nodeName"] == "n0"
    for pod in pending:
        assert pod["status"]["phase"] == "Pending"
        (scheduled,) = pod["status"]["conditions"]
        assert (scheduled["status"], scheduled["reason"]) == ("False", "Unschedulable")
        assert scheduled["message"] == (
            "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: "
            "1 No preemption victims found for incoming pod."
        )
    (one,) = of_kind(objects, "Deployment")
    assert (
        one["status"]["replicas"],
        one["status"]["readyReplicas"],
        one["status"]["unavailableReplicas"],
    ) == (3, 1, 2)
    assert [entry["reason"] for entry in one["status"]["conditions"]] == [
        "MinimumReplicasUnavailable",
        "ReplicaSetUpdated",
    ]


def test_a_quota_refuses_pods_beyond_it() -> None:
    quota = {
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "default"},
        "spec": {"hard": {"requests.cpu": "700m", "pods": "50"}},
    }
    objects = settle([node("n0"), quota, deployment("web", 5, "300m")])
    assert len(of_kind(objects, "Pod")) == 2
    (replicaset,) = of_kind(objects, "ReplicaSet")
    (failure,) = replicaset["status"]["conditions"]
    assert (failure["type"], failure["reason"]) == ("ReplicaFailure", "FailedCreate")
    assert (
        "exceeded quota: q, requested: requests.cpu=300, used: requests.cpu=600, limited"
        in failure["message"]
    )


def test_budgets_know_what_may_be_disrupted() -> None:
    def budget(name: str, **spec: Any) -> Object:
        selector = {"matchLabels": {"app": "web"}}
        metadata = {"name": name, "namespace": "default"}
        return {"kind": "PodDisruptionBudget", "metadata": metadata, "spec": {"selector": selector, **spec}}

    objects = settle(
        [node("n0"), deployment("web", 5), budget("a", maxUnavailable=1), budget("b", minAvailable="50%")]
    )
    first, second = (one["status"] for one in of_kind(objects, "PodDisruptionBudget"))
    assert first["disruptionsAllowed"] == 1
    assert (second["expectedPods"], second["desiredHealthy"], second["disruptionsAllowed"]) == (5, 3, 2)


def test_what_a_snapshot_brings_is_left_alone_and_takes_its_room() -> None:
    settled = settle([node("n0", cpu="1"), deployment("web", 2, "300m")])
    again = settle([*settled, deployment("more", 2, "300m")])
    assert again[: len(settled) - 0][:2] == settled[:2]
    assert all(one in again for one in settled)
    pods = [pod for pod in of_kind(again, "Pod") if pod["metadata"]["labels"]["app"] == "more"]
    assert [pod["spec"].get("nodeName") for pod in pods] == ["n0", None]


def test_time_0_is_no_earlier_than_what_a_snapshot_holds() -> None:
    later = "2026-11-24T00:23:59Z"
    assert settled_at([node("n0")]) == SETTLED_AT
    assert settled_at([node("n0"), {"metadata": {"creationTimestamp": later}}]) == later


def test_a_new_replicaset_and_pod_fit_their_owner() -> None:
    (one,) = of_kind(settle([node("n0"), deployment("web", 0)]), "Deployment")
    first, second = (
        new_replicaset(one, 3, 1),
        new_replicaset({**one, "spec": {**one["spec"], "replicas": 4}}, 3, 2),
    )
    assert first["metadata"]["name"] == second["metadata"]["name"], "replicas are no part of the template"
    replicaset = {**first, "metadata": {**first["metadata"], "uid": "u"}}
    pod, successor = new_pod(replicaset, 0, 0), new_pod(replicaset, 0, 1)
    assert pod["metadata"]["name"] != successor["metadata"]["name"]
    assert pod["metadata"]["ownerReferences"][0]["uid"] == "u"
    assert pod["spec"]["tolerations"][0]["tolerationSeconds"] == 300
    assert pod["spec"]["containers"][0]["readinessProbe"]["failureThreshold"] == 3, "defaults are in place"


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("r:5000/a/nginx:1.23", "IfNotPresent"),
        ("n@sha256:0", "IfNotPresent"),
    ],
)
def test_image_pull_policy_defaults_by_tag(image: str, policy: str) -> None:
    web = deployment("web", 1)
    web["spec"]["template"]["spec"]["containers"][0]["image"] = image
    (pod,) = of_kind(settle([node("n0"), web]), "Pod")
    assert pod["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_suffixes_do_not_collide_within_an_owner() -> None:
    suffixes = [
        pod_suffix("default/web-1", slot, generation) for slot in range(3000) for generation in range(30)
    ]
    assert len(set(suffixes)) == len(suffixes)
    assert all(len(suffix) == 5 and set(suffix) <= set(ALPHABET) for suffix in suffixes)
    assert pod_suffix("default/web-1", 0, 0) != pod_suffix("default/web-2", 0, 0)


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=5))
def test_template_hash_is_a_name_and_forgets_key_order(template: dict[str, Any]) -> None:
    digest = template_hash(template)
    assert 8 <= len(digest) <= 10
    assert set(digest) <= set(ALPHABET)
    assert template_hash(dict(reversed(template.items()))) == digest


sizes = st.tuples(st.integers(0, 8), st.integers(0, 1500), st.integers(0, 3000))


@given(st.lists(sizes, max_size=6), st.integers(1, 3))
def test_no_node_is_overcommitted_and_no_pod_waits_without_cause(
    wanted: list[tuple[int, int, int]], count: int
) -> None:
    deployments = [deployment(f"d{i}", r, f"{c}m", f"{m}Mi") for i, (r, c, m) in enumerate(wanted)]
    objects = settle([*(node(f"n{i}", pods="9") for i in range(count)), *deployments])
    nodes = {one["metadata"]["name"]: NodeFree.of(one) for one in of_kind(objects, "Node")}
    pods = of_kind(objects, "Pod")
    assert len(pods) == sum(replicas for replicas, _, _ in wanted)
    for pod in pods:
        if "nodeName" in pod["spec"]:
            free = nodes[pod["spec"]["nodeName"]]
            assert fits(free, Demand.of(pod["spec"]))
            free.take(Demand.of(pod["spec"]))
    for pod in pods:
        if "nodeName" not in pod["spec"]:
            assert not any(fits(free, Demand.of(pod["spec"])) for free in nodes.values())
