"""DaemonSets: which nodes, cordons and taints, rolling updates."""

from collections.abc import Mapping
from typing import Any

from tests.simulator.cluster.objects import node
from tests.simulator.cluster.rig import Rig, S, node_of
from tests.simulator.cluster.sets import daemonset, restart, statefulset, whole

TAINT = {"key": "gpu", "effect": "NoSchedule"}


def rig_of(**spec: Any) -> Rig:
    return Rig(node("n1"), node("n2"), node("n3", taints=[TAINT]), daemonset("agent", **spec))


def nodes(rig: Rig) -> list[str]:
    return sorted(node_of(pod) for pod in rig.pods("agent"))


def test_one_pod_on_every_node_that_it_tolerates() -> None:
    rig = rig_of()
    assert nodes(rig) == ["n1", "n2"]
    assert whole(rig, "DaemonSet", "agent")
    rig.run(60 * S)
    assert rig.writes == []


def test_a_new_node_and_a_taint_taken_away_get_a_pod() -> None:
    rig = rig_of()
    rig.create(node("n4"))
    rig.patch("Node", "n3", {"spec": {"taints": None}})
    rig.run_until(lambda: nodes(rig) == ["n1", "n2", "n3", "n4"] and whole(rig, "DaemonSet", "agent"))


def test_a_cordoned_node_keeps_its_pod_and_gets_it_back() -> None:
    rig = rig_of()
    rig.patch("Node", "n1", {"spec": {"unschedulable": True}})
    rig.run(10 * S)
    assert nodes(rig) == ["n1", "n2"]
    rig.delete("Pod", rig.pods("agent")[0]["metadata"]["name"])
    rig.run_until(lambda: len(rig.pods("agent")) == 2 and whole(rig, "DaemonSet", "agent"))
    assert nodes(rig) == ["n1", "n2"]


def test_a_no_execute_taint_removes_the_pod() -> None:
    rig = rig_of()
    rig.patch("Node", "n1", {"spec": {"taints": [{"key": "broken", "effect": "NoExecute"}]}})
    rig.run_until(lambda: nodes(rig) == ["n2"])


def test_a_node_selector_is_respected_when_a_label_comes() -> None:
    spec = daemonset("agent")["spec"]["template"]["spec"] | {"nodeSelector": {"disk": "ssd"}}
    rig = rig_of(template={"metadata": {"labels": {"app": "agent"}}, "spec": spec})
    assert nodes(rig) == []
    rig.patch("Node", "n2", {"metadata": {"labels": {"disk": "ssd"}}})
    rig.run_until(lambda: nodes(rig) == ["n2"])


def most_unavailable(rig: Rig) -> int:
    """The most nodes at once without a ready pod."""
    ready: dict[str, bool] = dict.fromkeys(("n1", "n2", "n4", "n5"), True)
    most = 0
    for write in rig.writes:
        pod = write.after or write.before or {}
        if write.kind == "Pod" and node_of(pod):
            conditions: list[Mapping[str, Any]] = (pod.get("status") or {}).get("conditions") or []
            up = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
            going = write.after is None or "deletionTimestamp" in pod["metadata"]
            ready[node_of(pod)] = up and not going
            most = max(most, list(ready.values()).count(False))
    return most


def test_a_rolling_update_keeps_within_what_may_be_unavailable() -> None:
    for allowed in (1, 2):
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": allowed}}
        objects = [node(name) for name in ("n1", "n2", "n4", "n5")]
        rig = Rig(*objects, daemonset("agent", updateStrategy=strategy))
        before = {pod["metadata"]["uid"] for pod in rig.pods("agent")}
        restart(rig, "DaemonSet", "agent")
        rig.run_until(lambda rig=rig: whole(rig, "DaemonSet", "agent"))  # type: ignore[misc]
        assert before.isdisjoint(pod["metadata"]["uid"] for pod in rig.pods("agent"))
        assert most_unavailable(rig) == allowed


def test_a_pod_that_fits_nowhere_waits_for_its_own_node_only() -> None:
    rig = Rig(node("n1", cpu="50m"), node("n2"), daemonset("agent"))
    rig.run(30 * S)
    assert nodes(rig) == ["", "n2"]
    status = rig.get("DaemonSet", "agent")["status"]
    assert (status["desiredNumberScheduled"], status["numberReady"]) == (2, 1)


def test_deleting_the_set_deletes_its_pods() -> None:
    rig = rig_of()
    rig.delete("DaemonSet", "agent")
    rig.run_until(lambda: not rig.pods("agent"))


def foreign(rig: Rig, kind: str, name: str) -> Rig:
    """The same cluster as another one's snapshot shows it: revisions bear names of their own."""
    objects = []
    for of_kind in rig.store.objects.values():
        for one in of_kind.values():
            labels = one["metadata"].get("labels") or {}
            if "controller-revision-hash" in labels:
                labels = {**labels, "controller-revision-hash": f"{name}-5d8f7c9b6"}
            objects.append({**one, "metadata": {**one["metadata"], "labels": labels}})
    snapshot = Rig(*objects)
    assert whole(snapshot, kind, name)
    return snapshot


def test_a_snapshots_pods_are_of_todays_revision_if_they_are_as_its_template() -> None:
    for kind, one in (("DaemonSet", daemonset("agent")), ("StatefulSet", statefulset("agent", 2))):
        rig = foreign(Rig(node("n1"), node("n2"), one), kind, "agent")
        uids = [pod["metadata"]["uid"] for pod in rig.pods("agent")]
        rig.run(60 * S)
        assert [pod["metadata"]["uid"] for pod in rig.pods("agent")] == uids
        restart(rig, kind, "agent")
        rig.run_until(lambda rig=rig, kind=kind: whole(rig, kind, "agent"))  # type: ignore[misc]
        assert not {*uids} & {pod["metadata"]["uid"] for pod in rig.pods("agent")}


def test_with_surge_the_old_pod_goes_when_the_new_one_is_available() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    nodes = [node(f"n{number}") for number in range(3)]
    rig = Rig(*nodes, daemonset("agent", updateStrategy=strategy, minReadySeconds=5))
    fewest, most = [], []

    def note(*_: Any) -> None:
        ready = [node_of(pod) for pod in rig.ready("agent")]
        fewest.append(len(set(ready)))
        most.append(len(rig.active("agent")))

    rig.store.published.append(note)
    restart(rig, "DaemonSet", "agent")
    began = rig.now
    rig.run_until(lambda: whole(rig, "DaemonSet", "agent"))
    assert min(fewest) == 3
    assert max(most) == 4
    assert rig.now - began > 3 * 5 * S


def test_nodes_that_come_get_a_pod_and_those_that_go_lose_theirs() -> None:
    rig = Rig(node("n1"), daemonset("agent"))
    rig.create(node("n2"))
    rig.run_until(lambda: len(rig.ready("agent")) == 2)
    rig.delete("Node", "n1")
    rig.run(60 * S)
    assert [node_of(pod) for pod in rig.active("agent")] == ["n2"]
    assert rig.get("DaemonSet", "agent")["status"]["desiredNumberScheduled"] == 1


def test_a_set_that_is_deleted_while_it_is_worked_on_is_forgotten_without_harm() -> None:
    for wait_ns in range(0, 120_000_000, 3_000_000):
        rig = rig_of()
        rig.create(node("n4"))
        rig.run(wait_ns)
        rig.delete("DaemonSet", "agent")
        rig.run(60 * S)
        assert rig.pods("agent") == []
