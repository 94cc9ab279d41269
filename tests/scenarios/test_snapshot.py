import json
from pathlib import Path
from typing import Any

import pytest

from scenarios.document import read_file, read_text
from scenarios.errors import ScenarioError
from scenarios.snapshot import Snapshot, read_snapshot, without_nulls
from simulator.cluster.bootstrap import settle

POD_SPEC = {"containers": [{"name": "c", "resources": {"requests": {"cpu": "100m"}}}]}


def node(name: str = "node-0", **status: Any) -> dict[str, Any]:
    return {"kind": "Node", "metadata": {"name": name, "uid": f"uid-{name}"}, "status": status}


def pod(name: str = "p", **spec: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": {**POD_SPEC, **spec}}


def workload(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}}, "spec": POD_SPEC}
    given = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template, **spec}
    return {
        "kind": kind,
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"},
        "spec": given,
    }


def read(*items: Any) -> Snapshot:
    return parse('{"kind": "List", "items": [\n' + ",\n".join(map(json.dumps, items)) + "]}")


def parse(text: str) -> Snapshot:
    return read_snapshot(read_text(text, "snap.json", as_json=True))


def load(file: Path) -> Snapshot:
    return read_snapshot(read_file(file))


def refusal(*items: Any) -> str:
    with pytest.raises(ScenarioError) as caught:
        read(*items)
    return str(caught.value)


def test_values_of_secrets_are_not_taken_but_their_keys_are() -> None:
    applied = {
        "kubectl.kubernetes.io/last-applied-configuration": '{"data": {"key": "aHVzaA=="}}',
        "own": "kept",
    }
    metadata = {"name": "token", "namespace": "default", "annotations": applied}
    secret = {"kind": "Secret", "metadata": metadata, "type": "Opaque", "data": {"key": "aHVzaA=="}}
    other = {"kind": "Secret", "metadata": {"name": "other"}, "stringData": {"key": "hush"}}
    snapshot = read(node(), secret, other, {"kind": "Secret", "metadata": {"name": "none"}})
    none, second, first = (item for item in snapshot.objects if item["kind"] == "Secret")
    text = json.dumps(snapshot.objects)
    assert "hush" not in text
    assert "aHVzaA" not in text
    assert first["metadata"]["annotations"] == {"own": "kept"}
    assert first["type"] == "Opaque"
    assert (list(first["data"]), list(second["data"]), none.get("data")) == (["key"], ["key"], None)
    assert first["data"] != second["data"]  # so that one can still take the place of the other


def test_every_field_is_kept_and_order_does_not_depend_on_the_file() -> None:
    strange = {**pod(), "x": {"deep": [1, None, "y"]}}
    one, two = (
        read(node(), strange, workload("Deployment", "d")),
        read(workload("Deployment", "d"), strange, node()),
    )
    assert one == two
    assert [item["kind"] for item in one.objects] == ["Deployment", "Node", "Pod"]
    assert strange in one.objects


def test_unknown_kinds_are_kept_and_counted() -> None:
    rollout = {"kind": "Rollout", "metadata": {"name": "r", "namespace": "default"}}
    snapshot = read(node(), rollout, {**rollout, "metadata": {"name": "s"}})
    [note] = snapshot.notes
    assert "kind 'Rollout' is not modelled, 2 objects" in note.message
    assert rollout in snapshot.objects


@pytest.mark.parametrize(
    ("broken", "path", "message"),
    [
        ({"metadata": {"name": "x"}}, "items.1.kind", "missing"),
        ({"kind": "Pod"}, "items.1.metadata", "missing"),
        ({"kind": "Pod", "metadata": {"namespace": "default"}}, "items.1.metadata.name", "missing"),
        (["x"], "items.1", "not a Kubernetes object"),
        (node(), "items.1", "a second Node 'node-0'; the first is at items.0 (line 2)"),
        (pod(nodeName="node-00"), "items.1.spec.nodeName", "no Node 'node-00'"),
        (pod(containers=[]), "items.1.spec.containers", "missing"),
        (
            pod(containers=[{"resources": {"requests": {"cpu": "-1"}}}]),
            "items.1.spec.containers.0.resources.requests.cpu",
            "a negative quantity, '-1'",
        ),
        (
            pod(containers=[{"resources": {"limits": {"memory": "1 Gi"}}}]),
            "items.1.spec.containers.0.resources.limits.memory",
            "'1 Gi' is not a Kubernetes quantity",
        ),
        (node("n", allocatable={"cpu": True}), "items.1.status.allocatable.cpu", "True is not a Kubernetes"),
        (workload("Deployment", "d", replicas=-1), "items.1.spec.replicas", "found -1; expected a whole"),
        (workload("ReplicaSet", "d", replicas="2"), "items.1.spec.replicas", "found '2' (text)"),
        (workload("Deployment", "d", selector=None), "items.1.spec.selector", "missing"),
        (workload("Deployment", "d", template={}), "items.1.spec.template.spec", "missing"),
        (
            workload("Deployment", "d", template={"spec": {}}),
            "items.1.spec.template.spec.containers",
            "missing",
        ),
        (
            workload("Deployment", "d", strategy={"rollingUpdate": {"maxSurge": "a bit"}}),
            "items.1.spec.strategy.rollingUpdate.maxSurge",
            "a percentage such as 25%",
        ),
        (pod(tolerations={"key": "x"}), "items.1.spec.tolerations", "found a mapping; expected a list"),
        (pod(volumes=[{}]), "items.1.spec.volumes.0.name", "missing; expected text"),
        (pod(nodeName=3), "items.1.spec.nodeName", "found 3; expected text"),
        (pod(terminationGracePeriodSeconds="30"), "items.1.spec.terminationGracePeriodSeconds", "found '30'"),
        (pod(containers=["c"]), "items.1.spec.containers.0", "found 'c' (text); expected a mapping"),
        (
            pod(containers=[{"name": "c", "readinessProbe": {"periodSeconds": 0}}]),
            "items.1.spec.containers.0.readinessProbe.periodSeconds",
            "found 0; expected a whole number, 1 or more",
        ),
        ({**pod(), "spec": [1]}, "items.1.spec", "found a list; expected a mapping"),
        (
            {**pod(), "status": {"conditions": [{"type": "Ready"}]}},
            "items.1.status.conditions.0.status",
            "missing",
        ),
        ({**node("n"), "spec": {"taints": [{"key": "a"}]}}, "items.1.spec.taints.0.effect", "missing"),
        (
            {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}, "spec": {"maxReplicas": 3}},
            "items.1.spec.scaleTargetRef",
            "missing",
        ),
        (
            {
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "c"},
                "spec": {"resources": {"requests": {"storage": "-1Gi"}}},
            },
            "items.1.spec.resources.requests.storage",
            "a negative quantity, '-1Gi'",
        ),
        (
            {
                "kind": "Job",
                "metadata": {"name": "j"},
                "spec": {"template": {"spec": POD_SPEC}, "completions": -2},
            },
            "items.1.spec.completions",
            "found -2",
        ),
        (
            {"kind": "Pod", "metadata": {"name": "p", "labels": {"app": 3}}, "spec": POD_SPEC},
            "items.1.metadata.labels.app",
            "found 3; expected text",
        ),
        (
            {"kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"pods": "many"}}},
            "items.1.spec.hard.pods",
            "'many' is not",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_path(broken: Any, path: str, message: str) -> None:
    text = refusal(node(), broken)
    assert f": {path}: " in text
    assert message in text
    assert all(line.startswith("snap.json:3:") for line in text.splitlines())  # where the broken one stands


def budget(**spec: Any) -> dict[str, Any]:
    return {"kind": "PodDisruptionBudget", "metadata": {"name": "b"}, "spec": spec}


def autoscaler(**spec: Any) -> dict[str, Any]:
    target = {"scaleTargetRef": {"kind": "Deployment", "name": "d"}}
    return {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}, "spec": target | spec}


def rolling(kind: str, field: str, **sizes: Any) -> dict[str, Any]:
    return workload(kind, "d", **{field: {"type": "RollingUpdate", "rollingUpdate": sizes}})


def template(labels: dict[str, str], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": labels}, "spec": POD_SPEC | spec}


def spread(**constraint: Any) -> dict[str, Any]:
    sound = {"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    return pod(topologySpreadConstraints=[sound | constraint])


MISMATCH = "does not match the labels of its own template: app=d; expected labels of spec.template.metadata"
ANY = {"key": "app", "operator": "In", "values": ["d", "e"]}
SKEW = "topologySpreadConstraints.0.maxSkew"


@pytest.mark.parametrize(
    ("broken", "path", "message"),
    [
        (
            pod(restartPolicy="Sometimes"),
            "restartPolicy",
            "found 'Sometimes' (text); expected one of Always, OnFailure, Never",
        ),
        (
            workload("Deployment", "d", template=template({"app": "d"}, restartPolicy="Never")),
            "template.spec.restartPolicy",
            "found 'Never'; expected Always in the pods of a Deployment",
        ),
        (
            workload("Job", "d", template=template({"app": "d"}, restartPolicy="Always")),
            "template.spec.restartPolicy",
            "found 'Always'; expected OnFailure or Never in the pods of a Job",
        ),
        (
            autoscaler(minReplicas=4, maxReplicas=3),
            "minReplicas",
            "found 4, more than the maxReplicas of 3; expected at most 3",
        ),
        (autoscaler(maxReplicas=3, scaleTargetRef=None), "scaleTargetRef", "missing"),
        (autoscaler(maxReplicas=3, scaleTargetRef={}), "scaleTargetRef.kind", "missing"),
        (
            budget(minAvailable="50%", maxUnavailable=1),
            "maxUnavailable",
            "found 1 beside a minAvailable of '50%' (text); expected one of them",
        ),
        (budget(minAvailable="101%"), "minAvailable", "found '101%' (text); expected a whole number, 0 or"),
        (budget(maxUnavailable="999%"), "maxUnavailable", "a percentage of at most 100%"),
        (
            budget(selector={"matchExpressions": [{"key": "app", "operator": "Is"}]}),
            "selector.matchExpressions.0.operator",
            "found 'Is' (text); expected one of In, NotIn, Exists, DoesNotExist",
        ),
        (
            rolling("Deployment", "strategy", maxSurge=0, maxUnavailable="0%"),
            "strategy.rollingUpdate",
            "maxSurge and maxUnavailable are both 0: no pod could ever be replaced; expected one above 0",
        ),
        (
            rolling("DaemonSet", "updateStrategy", maxUnavailable=0),
            "updateStrategy.rollingUpdate",
            "maxSurge and maxUnavailable are both 0",
        ),
        (
            rolling("Deployment", "strategy", maxUnavailable="150%"),
            "strategy.rollingUpdate.maxUnavailable",
            "a percentage of at most 100%",
        ),
        *(
            (workload(kind, "d", selector={"matchLabels": {"app": "e"}}), "selector", MISMATCH)
            for kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job")
        ),
        (
            workload("Deployment", "d", selector={"matchExpressions": [{**ANY, "operator": "NotIn"}]}),
            "selector",
            MISMATCH,
        ),
        (
            workload("Deployment", "d", selector={"matchExpressions": [{**ANY, "values": []}]}),
            "selector.matchExpressions.0.values",
            "found 0 values; expected at least one value with In",
        ),
        (workload("Deployment", "d", selector={}), "selector", "found no label; expected labels of the"),
        (spread(maxSkew=0), SKEW, "found 0; expected a whole number, 1 or more"),
        (spread(maxSkew=None), SKEW, "missing"),
        (
            spread(whenUnsatisfiable="Maybe"),
            "topologySpreadConstraints.0.whenUnsatisfiable",
            "found 'Maybe' (text); expected one of DoNotSchedule, ScheduleAnyway",
        ),
    ],
)
def test_what_an_api_server_would_not_keep_is_refused(broken: Any, path: str, message: str) -> None:
    text = refusal(node(), broken)
    assert f": items.1.spec.{path}: " in text
    assert message in text
    assert all(line.startswith("snap.json:3:") for line in text.splitlines())


def test_what_an_api_server_keeps_is_kept() -> None:
    job = workload("Job", "made", template=template({}, restartPolicy="Never"))
    del job["spec"]["selector"]  # the API server makes one
    sound = [
        job,
        autoscaler(minReplicas=3, maxReplicas=3),
        budget(minAvailable="100%"),
        rolling("Deployment", "strategy", maxSurge="200%", maxUnavailable=0),
        rolling("DaemonSet", "updateStrategy", maxSurge=1, maxUnavailable=0),
        workload("StatefulSet", "d", selector={"matchExpressions": [ANY]}),
        spread(maxSkew=2, whenUnsatisfiable="ScheduleAnyway"),
    ]
    for one in sound:
        assert one in read(node(), one).objects


ROOM = {"cpu": "1", "memory": "1Gi", "pods": "3"}


def asking(name: str, cpu: str, memory: str = "0", **status: Any) -> dict[str, Any]:
    requests = {"cpu": cpu, "memory": memory}
    bound = pod(name, nodeName="node-0", containers=[{"name": "c", "resources": {"requests": requests}}])
    return {**bound, "status": status}


def test_a_node_whose_pods_ask_for_more_than_it_has_is_refused_with_the_sums_and_the_places() -> None:
    full = [node(allocatable=ROOM), asking("a", "600m"), asking("b", "400m", "1Gi")]
    assert read(*full).objects
    text = refusal(*full, asking("c", "1m"))
    assert text.startswith("snap.json:2:")
    assert (
        "items.0.status.allocatable.cpu: Node 'node-0' has 1 cpu, and its pods that have not ended ask for "
        "1001m: Pod 'default/a' 600m at items.1 (line 3), Pod 'default/b' 400m at items.2 (line 4), "
        "Pod 'default/c' 1m at items.3 (line 5); expected at least 1001m, or fewer pods" in text
    )
    assert len(text.splitlines()) == 1
    assert "has 1Gi memory, and its pods that have not ended ask for 1025Mi: " in refusal(
        *full, asking("c", "0", "1Mi")
    )
    text = refusal(*full, asking("c", "0"), asking("d", "0"))
    assert "items.0.status.allocatable.pods: Node 'node-0' has 3 pods, and" in text
    assert "ask for 4: " in text
    assert "and 1 more; expected at least 4" in text


def test_a_pod_that_has_ended_takes_nothing_and_one_that_is_resized_what_it_was_granted() -> None:
    ended = [asking(phase, "1", phase=phase) for phase in ("Succeeded", "Failed")]
    granted = [{"name": "c", "resources": {"requests": {"cpu": "500m"}}}]
    wanting = asking("big", "4", phase="Running", containerStatuses=granted)
    fits = [node(allocatable=ROOM), *ended, wanting, asking("a", "500m")]
    assert read(*fits).objects
    assert "ask for 1001m" in refusal(*fits, asking("b", "1m"))


def test_limits_sidecars_and_the_capacity_of_a_node_count_too() -> None:
    limited = {"name": "c", "resources": {"limits": {"cpu": "500m"}}}
    sidecar = {**limited, "name": "s", "restartPolicy": "Always"}
    both = pod("x", nodeName="node-0", containers=[limited], initContainers=[sidecar])
    assert read(node(capacity=ROOM), both).objects
    assert "items.0.status.capacity.cpu" in refusal(node(capacity=ROOM), both, asking("b", "1m"))


def test_deployments_that_select_each_other_s_pods_are_told_and_kept() -> None:
    def shop(name: str, namespace: str, **selected: str) -> dict[str, Any]:
        labels = {"app": "shop", "part": name}
        made = workload("Deployment", name, selector={"matchLabels": selected}, template={**template(labels)})
        return {**made, "metadata": {"name": name, "namespace": namespace}}

    one, two = shop("a", "default", app="shop"), shop("b", "default", app="shop")
    [note] = read(node(), one, two).notes
    assert str(note).startswith("snap.json:4:")
    assert (
        "items.2.spec.selector: Deployment 'default/b' and Deployment 'default/a' at items.1 (line 3) select "
        "each other's pods" in str(note)
    )
    assert not read(node(), one, shop("b", "other", app="shop")).notes
    assert not read(node(), one, shop("b", "default", part="b")).notes  # only one of them takes the other's


def test_an_owner_that_is_missing_is_refused_unless_its_kind_was_not_asked_for() -> None:
    def owned_by(kind: str, uid: str) -> dict[str, Any]:
        owner = {"kind": kind, "name": "web", "uid": uid, "controller": True}
        return {**pod(), "metadata": {"name": "p", "namespace": "default", "ownerReferences": [owner]}}

    text = refusal(node(), owned_by("ReplicaSet", "uid-gone"))
    assert "items.1.metadata.ownerReferences.0: its owner ReplicaSet 'web' (uid-gone)" in text
    assert read(node(), owned_by("DaemonSet", "uid-elsewhere")).objects
    assert read(node(), workload("ReplicaSet", "web"), owned_by("ReplicaSet", "uid-web")).objects
    mirror = owned_by("Node", "uid-node-0")  # of a static pod
    mirror["metadata"]["ownerReferences"][0]["name"] = "node-0"
    assert read(node(), mirror).objects


def test_an_owner_is_who_it_says_it_is_and_a_uid_is_one_object_s() -> None:
    owner = {"kind": "ReplicaSet", "name": "other", "uid": "uid-web"}
    owned = {**pod(), "metadata": {"name": "p", "namespace": "default", "ownerReferences": [owner]}}
    text = refusal(node(), workload("ReplicaSet", "web"), owned)
    assert "its owner ReplicaSet 'other' (uid-web) has the uid of ReplicaSet 'default/web'" in text
    twin = {**workload("ReplicaSet", "web"), "metadata": {"name": "twin", "uid": "uid-web"}}
    text = refusal(node(), workload("ReplicaSet", "web"), twin)
    assert (
        "items.2.metadata.uid: the uid of ReplicaSet 'default/web' once more; the first is at items.1" in text
    )


def test_the_five_mistakes_of_a_snapshot_are_told_at_once_each_at_its_line() -> None:
    dangling = {"kind": "ReplicaSet", "name": "web", "uid": "uid-gone"}
    metadata = {"name": "a", "namespace": "default", "ownerReferences": [dangling]}
    items = [
        node(),
        {**pod(), "metadata": metadata},
        pod("b", containers=[{"name": "c", "resources": {"requests": {"cpu": "-100m"}}}]),
        {"kind": "Deploymnt", "metadata": {"name": "d"}},
        pod("twice"),
        pod("twice"),
        pod("lost", nodeName="node-1"),
    ]
    found = [line.split(": ")[:2] for line in refusal(*items).splitlines()]
    assert sorted((place.split(":")[1], path) for place, path in found) == [
        ("3", "items.1.metadata.ownerReferences.0"),
        ("4", "items.2.spec.containers.0.resources.requests.cpu"),
        ("7", "items.5"),
        ("8", "items.6.spec.nodeName"),
    ]
    [note] = read(node(), items[3]).notes  # an unknown kind alone is kept, and told
    assert str(note).startswith("snap.json:3:10: items.1.kind: kind 'Deploymnt' is not modelled: kept, but")
    assert note.hint == "did you mean 'Deployment'?"


def test_several_files_and_several_documents_are_one_snapshot(tmp_path: Path) -> None:
    (tmp_path / "nodes.json").write_text(json.dumps({"kind": "NodeList", "items": [node()]}))
    text = "---\nkind: Pod\nmetadata: {name: p}\nspec: {nodeName: %s, containers: [{name: c}]}\n"
    text += "---\nkind: List\nitems: [{kind: Rollout, metadata: {name: r}}]\n"
    file = tmp_path / "pods.yaml"

    def both(name: str) -> Snapshot:
        file.write_text(text % name)
        return read_snapshot(read_file(tmp_path / "nodes.json"), read_file(file, several=True))

    snapshot = both("node-0")
    assert [item["kind"] for item in snapshot.objects] == ["Node", "Pod", "Rollout"]
    [note] = snapshot.notes
    assert str(note).startswith(f"{file}:7:16: items.1.items.0.kind: kind 'Rollout'")
    with pytest.raises(ScenarioError, match=r"pods\.yaml:4:18: items\.0\.spec\.nodeName: no Node 'nod'"):
        both("nod")


def test_all_problems_are_told_at_once_with_a_hint() -> None:
    text = refusal(node("node-one"), pod("a", nodeName="node-on"), pod("b", containers=None))
    assert "did you mean 'node-one'?" in text
    assert len(text.splitlines()) == 2


def test_a_cluster_needs_nodes() -> None:
    assert "no Node in the snapshot" in refusal(pod())


def test_a_typed_list_gives_its_items_their_kind() -> None:
    snapshot = parse(
        json.dumps({"kind": "NodeList", "items": [{"metadata": {"name": "node-0"}, "status": {}}]})
    )
    assert [(item["kind"], item["metadata"]["name"]) for item in snapshot.objects] == [("Node", "node-0")]


def test_a_yaml_list_is_read_and_problems_have_their_line(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    good = "# nodes\nkind: List\nitems:\n- kind: Node\n  metadata: {name: node-0}\n"
    good += "- kind: Pod\n  metadata: {name: p}\n"
    file.write_text(good + "  spec:\n    nodeName: node-0\n    containers: [{name: c}]\n")
    assert [item["kind"] for item in load(file).objects] == ["Node", "Pod"]
    file.write_text(good + "  spec:\n    nodeName: node-9\n    containers: [{name: c}]\n")
    with pytest.raises(ScenarioError, match=r"cluster\.yaml:9:15: items\.1\.spec\.nodeName"):
        load(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"kind": "List"', "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b'"text"', "not a Kubernetes object"),
        (b'{"kind": "List", "items": 3}', "not a list"),
    ],
)
def test_files_that_are_no_snapshot(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "broken.json"
    file.write_bytes(content)
    with pytest.raises(ScenarioError, match=message):
        load(file)
    with pytest.raises(ScenarioError, match="cannot be read"):
        load(tmp_path / "absent.json")


@pytest.mark.oracle
def test_the_recorded_control_plane_loads_and_stays_as_it_is(reference_data: Path) -> None:
    file = reference_data / "control-plane" / "snapshot.json"
    snapshot = load(file)
    recorded = map(without_nulls, json.loads(file.read_text())["items"])
    assert sorted(map(_text, snapshot.objects)) == sorted(map(_text, recorded))
    assert not snapshot.notes
    assert [dict(item) for item in snapshot.objects] == settle(snapshot.objects)


def _text(item: Any) -> str:
    return json.dumps(item, sort_keys=True)
