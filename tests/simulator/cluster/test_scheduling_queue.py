"""What lets a pod that fits nowhere try again, and what does not."""

from typing import Any

import pytest

from tests.simulator.cluster.objects import Object, bare_pod, node
from tests.simulator.cluster.rig import CYCLE, WATCH, WRITE, Rig, S, node_of

TAINT = {"key": "k", "value": "v", "effect": "NoSchedule"}
HOST = "kubernetes.io/hostname"


def term(app: str) -> Object:
    return {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": app}}}


def affinity(which: str, app: str) -> Object:
    return {which: {"requiredDuringSchedulingIgnoredDuringExecution": [term(app)]}}


def tries(rig: Rig, pod: str = "new") -> int:
    waiting = rig.cluster.scheduler.queue.pending.get(("default", pod))
    return waiting.attempts if waiting is not None else -1  # it has a node


def waiting(first: Object, *there: Object, **spec: Any) -> Rig:
    """A cluster in which the pod "new" has been tried once, in vain."""
    rig = Rig(first, *there)
    rig.create(bare_pod("new", **spec))
    rig.run(2 * S)
    assert tries(rig) == 1
    return rig


def test_a_label_on_a_node_helps_only_those_who_look_for_it() -> None:
    rig = waiting(node("n1", "1"), cpu="2")
    rig.patch("Node", "n1", {"metadata": {"labels": {"disk": "ssd"}}})
    rig.run(1 * S)
    assert tries(rig) == 1
    rig = waiting(node("n1"), nodeSelector={"disk": "ssd"})
    rig.patch("Node", "n1", {"metadata": {"labels": {"disk": "hdd"}}})
    rig.run(1 * S)
    assert tries(rig) == 1
    rig.patch("Node", "n1", {"metadata": {"labels": {"disk": "ssd"}}})
    rig.run(1 * S)
    assert node_of(rig.get("Pod", "new")) == "n1"


def test_a_pod_that_leaves_does_not_help_against_a_taint() -> None:
    there = bare_pod("old", nodeName="n1")
    rig = waiting(node("n1", taints=[TAINT]), there)
    rig.delete("Pod", "old", grace_s=0)
    rig.run(1 * S)
    assert tries(rig) == 1
    rig.patch("Node", "n1", {"spec": {"taints": None}})
    rig.run(1 * S)
    assert node_of(rig.get("Pod", "new")) == "n1"


@pytest.mark.parametrize(("cpu", "count"), [("3", -1), ("1", 1)])
def test_a_new_node_helps_if_it_is_large_enough(cpu: str, count: int) -> None:
    rig = waiting(node("n1", "1"), cpu="2")
    rig.create(node("n2", cpu))
    rig.run(1 * S)
    assert tries(rig) == count


def test_who_wants_company_waits_for_it_and_who_does_not_waits_for_others_to_leave() -> None:
    rig = waiting(node("n1"), affinity=affinity("podAffinity", "web"))
    rig.create(bare_pod("stranger", labels={"app": "db"}))
    rig.run(1 * S)
    assert tries(rig) == 1
    rig.create(bare_pod("friend", labels={"app": "web"}))
    rig.run(1 * S)
    assert node_of(rig.get("Pod", "new")) == "n1"
    there = [bare_pod("web", labels={"app": "web"}, nodeName="n1"), bare_pod("db", nodeName="n1")]
    rig = waiting(node("n1"), *there, affinity=affinity("podAntiAffinity", "web"))
    rig.delete("Pod", "db", grace_s=0)
    rig.run(1 * S)
    assert tries(rig) == 1
    rig.delete("Pod", "web", grace_s=0)
    rig.run(1 * S)
    assert node_of(rig.get("Pod", "new")) == "n1"


def test_after_five_minutes_a_pod_tries_again_for_nothing() -> None:
    rig = waiting(node("n1", "1"), cpu="2")
    rig.run(296 * S)
    assert tries(rig) == 1
    rig.run(40 * S)  # looked at every 30 s
    assert tries(rig) == 2


def test_a_gated_pod_is_not_tried_until_its_gates_are_gone() -> None:
    rig = Rig(node("n1"))
    rig.create(bare_pod("new", schedulingGates=[{"name": "quota"}]))
    rig.run(10 * S)
    assert tries(rig) == -1
    assert not node_of(rig.get("Pod", "new"))
    opened = rig.now
    rig.patch("Pod", "new", {"spec": {"schedulingGates": None}})
    rig.run_until(lambda: bool(node_of(rig.get("Pod", "new"))))
    assert rig.now == opened + WATCH + CYCLE + WRITE


def test_a_pod_of_another_scheduler_is_left_to_it() -> None:
    rig = Rig(node("n1"))
    rig.create(bare_pod("new", schedulerName="mine"))
    rig.run(10 * S)
    assert not node_of(rig.get("Pod", "new"))


def test_replicas_are_spread_and_keep_away_from_those_that_go() -> None:
    rig = Rig(node("n1", "8"), node("n2", "8"), node("n3", "8"))
    labels = {"app": "web"}
    spread = {"maxSkew": 1, "topologyKey": HOST, "whenUnsatisfiable": "DoNotSchedule",
              "labelSelector": {"matchLabels": labels}}  # fmt: skip
    for name in "abcdef":
        rig.create(bare_pod(name, labels=labels, topologySpreadConstraints=[spread]))
    rig.run(2 * S)
    assert sorted(node_of(rig.get("Pod", name)) for name in "abcdef") == ["n1", "n1", "n2", "n2", "n3", "n3"]
