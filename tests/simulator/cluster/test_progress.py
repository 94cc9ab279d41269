"""Availability after `minReadySeconds`, and roll-outs that fail for want of progress."""

from typing import Any

from engine.core.effects import Resource
from simulator.cluster.instants import seconds_of
from tests.simulator.cluster.objects import deployment, node, rolling, template
from tests.simulator.cluster.rig import Rig, S, name_of
from tests.simulator.cluster.rollouts import NODES, Extremes


def condition(rig: Rig, name: str) -> Resource:
    conditions = rig.get("Deployment", "web")["status"]["conditions"]
    found: Resource = next(one for one in conditions if one["type"] == name)
    return found


def stuck(deadline_s: int, **spec: Any) -> Rig:
    """A roll-out to a template that fits no node."""
    rig = Rig(node("n1", "4"), deployment("web", 2, progressDeadlineSeconds=deadline_s, **spec))
    rig.patch("Deployment", "web", {"spec": {"template": template("web", cpu="64")}})
    return rig


def test_a_roll_out_that_makes_no_progress_has_failed_after_its_deadline() -> None:
    rig = stuck(60)
    rig.run(5 * S)
    assert condition(rig, "Progressing")["reason"] == "ReplicaSetUpdated"
    last = seconds_of(condition(rig, "Progressing")["lastUpdateTime"])
    failed = rig.run_until(lambda: condition(rig, "Progressing")["status"] == "False")
    told = condition(rig, "Progressing")
    assert told["reason"] == "ProgressDeadlineExceeded"
    assert seconds_of(told["lastUpdateTime"]) - last == 61  # a second is added, as timestamps are whole ones
    assert 61 * S <= failed < 63 * S
    rig.run(600 * S)
    assert condition(rig, "Progressing") == told


def test_progress_moves_the_deadline_on() -> None:
    """Each new pod is ready 20 s after it was created: 4 of them one by one within a deadline of 30 s."""
    rig = Rig(
        *NODES,
        deployment("web", 4, progressDeadlineSeconds=30, strategy=rolling(1, 0)),
        behaviours={"default/web": {"startup": {"dist": "constant", "value_s": 20}}},
    )
    rig.patch("Deployment", "web", {"spec": {"template": template("web", probe_s=1, image="web:2")}})
    seen: list[str] = []
    rig.store.published.append(lambda *_: seen.append(condition(rig, "Progressing")["reason"]))
    taken = rig.settle("web")
    assert taken > 80 * S
    assert "ProgressDeadlineExceeded" not in seen
    assert condition(rig, "Progressing")["reason"] == "NewReplicaSetAvailable"


def test_a_failed_roll_out_goes_on_when_it_can() -> None:
    rig = stuck(20)
    rig.run_until(lambda: condition(rig, "Progressing")["status"] == "False")
    rig.patch("Deployment", "web", {"spec": {"template": template("web")}})
    rig.settle("web")
    assert condition(rig, "Progressing")["reason"] == "NewReplicaSetAvailable"


def test_what_was_complete_does_not_fail_when_it_is_scaled_or_loses_pods() -> None:
    rig = Rig(node("n1", "1"), deployment("web", 2, cpu="400m", progressDeadlineSeconds=20))
    rig.scale("web", 4)  # two of them fit
    rig.run(100 * S)
    assert condition(rig, "Progressing")["reason"] == "NewReplicaSetAvailable"
    assert condition(rig, "Available")["status"] == "False"


def test_pausing_stops_the_clock() -> None:
    rig = stuck(30)
    rig.run(10 * S)
    rig.patch("Deployment", "web", {"spec": {"paused": True}})
    rig.run(100 * S)
    assert condition(rig, "Progressing")["reason"] == "DeploymentPaused"
    resumed = rig.now
    rig.patch("Deployment", "web", {"spec": {"paused": None}})
    rig.run(1 * S)
    assert condition(rig, "Progressing")["reason"] == "DeploymentResumed"
    failed = rig.run_until(lambda: condition(rig, "Progressing")["status"] == "False")
    assert 31 * S <= failed - resumed < 33 * S


def test_a_refusal_shows_in_the_deployment_until_it_is_over() -> None:
    hard = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "default"},
        "spec": {"hard": {"pods": "2"}},
    }
    rig = Rig(*NODES, hard, deployment("web", 2))
    rig.scale("web", 3)
    rig.run(5 * S)
    assert condition(rig, "ReplicaFailure")["reason"] == "FailedCreate"
    rig.scale("web", 2)
    rig.settle("web")
    rig.run(5 * S)
    names = [one["type"] for one in rig.get("Deployment", "web")["status"]["conditions"]]
    assert names == ["Available", "Progressing"]


def test_pods_count_as_available_after_min_ready_seconds() -> None:
    rig = Rig(*NODES, deployment("web", 1, minReadySeconds=15))
    rig.scale("web", 3)
    ready = rig.run_until(lambda: rig.get("Deployment", "web")["status"]["readyReplicas"] == 3)
    assert rig.get("Deployment", "web")["status"]["availableReplicas"] == 1
    available = rig.run_until(lambda: rig.get("Deployment", "web")["status"]["availableReplicas"] == 3)
    assert 14 * S <= available - ready <= 15 * S + 1  # from the whole second in which they became ready


def test_a_rolling_update_waits_for_min_ready_seconds() -> None:
    rig = Rig(*NODES, deployment("web", 3, minReadySeconds=20, strategy=rolling(1, 0)))
    rig.run(100 * S)
    seen = Extremes(rig, "web")
    rig.roll_out("web", "v2")
    began = rig.now
    assert rig.settle("web") - began > 3 * 20 * S
    assert (seen.most, seen.fewest) == (4, 3)


def test_another_min_ready_seconds_reaches_the_replicaset_without_new_pods() -> None:
    rig = Rig(*NODES, deployment("web", 2))
    before = [name_of(pod) for pod in rig.pods("web")]
    rig.patch("Deployment", "web", {"spec": {"minReadySeconds": 7}})
    rig.run(5 * S)
    assert [one["spec"]["minReadySeconds"] for one in rig.replicasets("web")] == [7]
    assert [name_of(pod) for pod in rig.pods("web")] == before
