import itertools
from typing import Any

import pytest

from simulator.cluster.objects import condition_of
from simulator.cluster.slots import GENERATION_ANNOTATION, SLOT_ANNOTATION
from tests.simulator.cluster.objects import bare_pod, deployment, node, quota
from tests.simulator.cluster.rig import MS, SYNC, WATCH, WRITE, Rig, S, constant, name_of, node_of

NODES = [node("n1"), node("n2")]


def places(rig: Rig, app: str = "web") -> list[tuple[int, int]]:
    """The (slot, generation) of the pods that count."""
    notes = [pod["metadata"]["annotations"] for pod in rig.active(app)]
    return sorted((int(note[SLOT_ANNOTATION]), int(note[GENERATION_ANNOTATION])) for note in notes)


def created(rig: Rig, app: str = "web") -> list[int]:
    """When each pod of an app was created."""
    return [
        write.at_ns
        for write in rig.writes
        if write.kind == "Pod"
        and write.before is None
        and write.after is not None
        and write.after["metadata"]["labels"].get("app") == app
    ]


def test_creations_start_slowly_and_double() -> None:
    rig = Rig(*NODES, deployment("web", 0))
    rig.scale("web", 20)
    rig.settle("web")
    groups = [len(list(group)) for _, group in itertools.groupby(created(rig))]
    assert groups == [1, 2, 4, 8, 5]


def test_the_first_batch_is_a_parameter() -> None:
    rig = Rig(*NODES, deployment("web", 0), parameters={"controller_manager.slow_start_batch": 4})
    rig.scale("web", 9)
    rig.settle("web")
    assert [len(list(group)) for _, group in itertools.groupby(created(rig))] == [4, 5]


@pytest.mark.parametrize("delay", [0.0, 0.05, 1.5])
def test_a_slow_watch_does_not_make_it_create_twice(delay: float) -> None:
    """What has been asked for but not yet seen is expected (client-go's expectations)."""
    rig = Rig(*NODES, deployment("web", 2), parameters={"watch.delay": constant(delay)})
    rig.run(1 * S)
    rig.scale("web", 7)
    rig.agenda.after(40 * MS, lambda _event: rig.scale("web", 9))
    rig.agenda.after(90 * MS, lambda _event: rig.delete("Pod", name_of(rig.pods("web")[0])))
    rig.run(2 * S)
    rig.settle("web")
    assert len(created(rig)) == 8
    rig.scale("web", 3)
    most_gone = len(rig.pods("web")) - 3
    rig.settle("web")
    removed = [write for write in rig.writes if write.kind == "Pod" and write.after is None]
    assert len(removed) == most_gone + 1


def test_a_replacement_takes_the_slot_with_the_next_generation() -> None:
    rig = Rig(*NODES, deployment("web", 3))
    assert places(rig) == [(0, 0), (1, 0), (2, 0)]
    victim = next(pod for pod in rig.pods("web") if pod["metadata"]["annotations"][SLOT_ANNOTATION] == "1")
    for generation in (1, 2):
        rig.delete("Pod", name_of(victim))
        rig.settle("web")
        assert places(rig) == [(0, 0), (1, generation), (2, 0)]
        victim = next(p for p in rig.pods("web") if p["metadata"]["annotations"][SLOT_ANNOTATION] == "1")


def test_a_replacement_is_created_while_the_old_pod_terminates() -> None:
    rig = Rig(*NODES, deployment("web", 1))
    rig.run(100 * MS)
    old = name_of(rig.pods("web")[0])
    rig.delete("Pod", old)
    at = rig.run_until(lambda: len(rig.pods("web")) == 2)
    assert at == 100 * MS + WATCH + SYNC + WRITE


def test_names_do_not_depend_on_when_pods_are_replaced() -> None:
    names = []
    for pause in (0, 5 * S):
        rig = Rig(*NODES, deployment("web", 3))
        for pod in sorted(rig.pods("web"), key=lambda pod: pod["metadata"]["annotations"][SLOT_ANNOTATION]):
            rig.delete("Pod", name_of(pod))
            rig.run(pause + 1)
        rig.settle("web")
        names.append(sorted(map(name_of, rig.pods("web"))))
    assert names[0] == names[1]


def pod_of(rig: Rig, name: str, node_name: str = "n1", **more: Any) -> dict[str, Any]:
    """A pod of the ReplicaSet that the Deployment has, running and ready if not said otherwise."""
    owner = rig.replicasets("web")[0]
    pod = bare_pod(name, labels=owner["spec"]["selector"]["matchLabels"], nodeName=node_name)
    reference = {
        "kind": "ReplicaSet", "name": name_of(owner), "uid": owner["metadata"]["uid"], "controller": True
    }  # fmt: skip
    annotations = more.get("annotations", {})
    pod["metadata"] = {**pod["metadata"], "ownerReferences": [reference], "annotations": annotations}
    ready = {
        "type": "Ready",
        "status": "True" if more.get("ready", True) else "False",
        "lastTransitionTime": more.get("since", "2026-01-01T00:00:00Z"),
    }
    restarts = [{"name": "c", "restartCount": more.get("restarts", 0)}]
    phase = more.get("phase", "Running")
    pod["status"] = {"phase": phase, "conditions": [ready], "containerStatuses": restarts}
    return pod


LATER = "2026-01-01T00:30:00Z"
RANKED: list[tuple[str, dict[str, Any]]] = [  # each goes before the next; the last stays
    ("unassigned", {"node_name": "", "phase": "Pending", "ready": False}),
    ("pending", {"phase": "Pending", "ready": False}),
    ("unready", {"ready": False, "restarts": 9}),
    ("cheap", {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-5"}}),
    ("doubled-a", {"node_name": "n2"}),  # four of them on this node, one on each of the others
    ("late", {"node_name": "n3", "since": LATER}),
    ("restarted", {"node_name": "n4", "restarts": 2}),
    ("steady", {"node_name": "n5"}),
]


def test_scaling_down_removes_the_least_useful_first() -> None:
    nodes = [node(f"n{number}", "64") for number in range(1, 6)]
    order = []
    for left in range(len(RANKED) - 1, 0, -1):
        rig = Rig(*nodes, deployment("web", 0))
        pods = [pod_of(rig, name, **more) for name, more in RANKED]
        fillers = [
            pod_of(rig, f"filler-{i}", "n2", annotations={"controller.kubernetes.io/pod-deletion-cost": "9"})
            for i in range(3)
        ]
        loaded = [*fillers, *pods]
        own = [*rig.store.objects["Node"].values(), rig.get("Deployment", "web"), *rig.replicasets("web")]
        total = len(loaded)
        own[-1] = {**own[-1], "spec": {**own[-1]["spec"], "replicas": total}}
        own[-2] = {**own[-2], "spec": {**own[-2]["spec"], "replicas": total}}
        rig = Rig(*map(dict, own), *loaded, parameters={"scheduler.cycle": constant(9)})
        rig.scale("web", total - (len(RANKED) - left))
        rig.run(1 * S)
        gone = [name for name, _ in RANKED if name not in map(name_of, rig.active("web"))]
        order.append(gone)
    assert order == [[name for name, _ in RANKED[:count]] for count in range(1, len(RANKED))]


def test_a_refusal_backs_off_and_recovers_when_the_quota_is_lifted() -> None:
    rig = Rig(*NODES, deployment("web", 2), quota(pods="3"))
    rig.scale("web", 5)
    rig.run(20 * S)
    assert len(rig.pods("web")) == 3
    owner = rig.replicasets("web")[0]
    assert condition_of(owner, "ReplicaFailure") == "True"
    assert "exceeded quota" in owner["status"]["conditions"][0]["message"]
    rig.patch("ResourceQuota", "compute", {"spec": {"hard": {"pods": "9"}}})
    back = rig.settle("web", 40 * S)
    assert back > 20 * S
    assert condition_of(rig.replicasets("web")[0], "ReplicaFailure") == ""
    assert places(rig) == [(slot, 0) for slot in range(5)]  # a refused pod is the same at its next try


def test_retries_after_a_refusal_double() -> None:
    """The work queue's 5 ms x 2^n, beside what each try itself takes: one sync and one refused create."""
    rig = Rig(*NODES, deployment("web", 1), quota(pods="1"))
    tries: list[int] = []
    rig.store.admit["Pod"].insert(0, lambda _pod: tries.append(rig.now))
    rig.scale("web", 2)
    rig.run(10 * S)
    gaps = [later - earlier for earlier, later in itertools.pairwise(tries)]
    # The first failure is followed by a status write.
    assert gaps[1:8] == [SYNC + WRITE + 5 * MS * 2**n for n in range(1, 8)]


def test_the_status_counts_what_the_watch_has_shown() -> None:
    rig = Rig(*NODES, deployment("web", 3, probe_s=1))
    rig.delete("Pod", name_of(rig.pods("web")[0]))
    rig.run_until(lambda: len(rig.pods("web")) == 3 and not rig.settled("web"))
    rig.run(500 * MS)
    status = rig.replicasets("web")[0]["status"]
    assert (status["replicas"], status["readyReplicas"], status["availableReplicas"]) == (3, 2, 2)
    rig.settle("web")
    status = rig.replicasets("web")[0]["status"]
    assert (status["replicas"], status["readyReplicas"], status["observedGeneration"]) == (3, 3, 1)


def test_the_status_is_right_at_last_however_late_the_watch() -> None:
    """A status written while the cache shows an older one is not mistaken for the older one."""
    rig = Rig(*NODES, deployment("web", 1), parameters={"watch.delay": constant(0.4)})
    rig.delete("Pod", name_of(rig.pods("web")[0]))
    ready = {"conditions": [{"type": "Ready", "status": "False"}], "phase": "Running"}
    rig.run_until(lambda: bool(rig.ready("web")) and rig.now > 1 * S)
    name = name_of(rig.ready("web")[0])
    rig.run(300 * MS)
    rig.patch("Pod", name, {"status": ready})
    rig.run(30 * S)
    assert rig.replicasets("web")[0]["status"]["readyReplicas"] == 0
    assert rig.get("Deployment", "web")["status"]["readyReplicas"] == 0


def test_pods_of_others_are_left_alone() -> None:
    labels = {"app": "web"}
    rig = Rig(*NODES, deployment("web", 2), bare_pod("stranger", labels=labels, nodeName="n1"))
    rig.scale("web", 0)
    rig.run(30 * S)
    assert list(map(name_of, rig.pods())) == ["stranger"]
    assert node_of(rig.pods()[0]) == "n1"
