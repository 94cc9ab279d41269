from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.cluster.objects import has_ended, is_active, is_ready
from tests.simulator.cluster.objects import deployment, rolling, template
from tests.simulator.cluster.rig import SYNC, WATCH, WRITE, Rig, S, constant, name_of, revision
from tests.simulator.cluster.rollouts import AMOUNT, NODES, Extremes, limits


@settings(max_examples=50, deadline=None)
@given(
    replicas=st.integers(1, 9),
    surge=AMOUNT,
    unavailable=AMOUNT,
    delay=st.sampled_from([0.002, 0.3]),
    probe=st.sampled_from([None, 2]),
)
def test_a_rolling_update_keeps_within_its_limits(
    replicas: int, surge: int | str, unavailable: int | str, delay: float, probe: int | None
) -> None:
    strategy = rolling(surge, unavailable)
    rig = Rig(
        NODES[0],
        deployment("web", replicas, probe_s=probe, strategy=strategy),
        parameters={"watch.delay": constant(delay)},
    )
    seen = Extremes(rig, "web")
    rig.roll_out("web", "v2")
    rig.settle("web", 3600 * S)
    most, fewest = limits(replicas, surge, unavailable)
    assert seen.asked <= most
    # What exists and what is available follows what is asked for, and is read from the statuses of
    # ReplicaSets. While they lag behind two pods that become ready in quick succession,
    # kube-controller-manager (rolling.go scaleDownOldReplicaSetsForRollingUpdate) counts pods that it has had
    # deleted: so the watch is quick here, and one node starts its pods 0.5 s apart.
    if delay < 0.1:
        assert seen.most <= most
        assert seen.fewest >= fewest
    old, new = rig.replicasets("web")
    assert (old["spec"]["replicas"], new["spec"]["replicas"]) == (0, replicas)


def test_recreate_starts_nothing_before_the_last_old_pod_has_ended() -> None:
    rig = Rig(*NODES, deployment("web", 3, strategy={"type": "Recreate"}))
    old = [pod["metadata"]["uid"] for pod in rig.pods("web")]
    overlap: list[int] = []

    def note(*_: Any) -> None:
        running = [pod for pod in rig.pods("web") if not has_ended(pod)]
        kinds = {pod["metadata"]["uid"] in old for pod in running}
        if len(kinds) > 1:
            overlap.append(rig.now)

    rig.store.published.append(note)
    rig.roll_out("web", "v2")
    rig.settle("web")
    assert overlap == []
    assert not {pod["metadata"]["uid"] for pod in rig.pods("web")} & set(old)


@pytest.mark.parametrize("strategy", [rolling("25%", "25%"), {"type": "Recreate"}])
def test_a_rollback_reuses_its_replicaset_under_the_next_revision(strategy: Any) -> None:
    rig = Rig(*NODES, deployment("web", 3, strategy=strategy))
    first = rig.get("Deployment", "web")["spec"]["template"]
    rig.patch("Deployment", "web", {"spec": {"template": template("web", image="web:2")}})
    rig.settle("web")
    assert [revision(one) for one in rig.replicasets("web")] == [1, 2]
    assert revision(rig.get("Deployment", "web")) == 2
    names = set(map(name_of, rig.replicasets("web")))
    rig.patch("Deployment", "web", {"spec": {"template": first}})
    rig.settle("web")
    assert [revision(one) for one in rig.replicasets("web")] == [2, 3]
    assert set(map(name_of, rig.replicasets("web"))) == names
    assert revision(rig.get("Deployment", "web")) == 3
    assert {pod["spec"]["containers"][0]["image"] for pod in rig.pods("web")} == {"web:1"}


def test_a_rollback_bumps_and_grows_its_replicaset_in_one_pass() -> None:
    rig = Rig(*NODES, deployment("web", 3))
    first = rig.get("Deployment", "web")["spec"]["template"]
    rig.patch("Deployment", "web", {"spec": {"template": template("web", image="web:2")}})
    rig.settle("web")
    rig.writes.clear()
    begun = rig.now
    rig.patch("Deployment", "web", {"spec": {"template": first}})
    rig.run(WATCH + SYNC + 3 * WRITE + 1)
    kinds = [(write.at_ns - begun, write.kind) for write in rig.writes]
    at = WATCH + SYNC + WRITE
    assert kinds == [
        (0, "Deployment"),
        (at, "ReplicaSet"),  # its revision
        (at + WRITE, "Deployment"),  # the same of the Deployment
        (at + 2 * WRITE, "ReplicaSet"),  # its size, on top of what was just written
    ]


def test_a_write_that_came_between_is_not_overwritten() -> None:
    """The ReplicaSet changes while its new size is on the way: a conflict, then another try."""
    rig = Rig(*NODES, deployment("web", 3))
    name = name_of(rig.replicasets("web")[0])
    rig.scale("web", 4)
    rig.run(WATCH + SYNC + 1)
    rig.patch("ReplicaSet", name, {"metadata": {"labels": {"touched": "yes"}}})
    resized = rig.run_until(lambda: rig.replicasets("web")[0]["spec"]["replicas"] == 4)
    assert resized == WATCH + SYNC + WRITE + SYNC + WRITE
    assert rig.replicasets("web")[0]["metadata"]["labels"]["touched"] == "yes"
    rig.settle("web")


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_the_oldest_revisions_are_forgotten(limit: int) -> None:
    rig = Rig(*NODES, deployment("web", 2, revisionHistoryLimit=limit))
    for number in range(5):
        rig.roll_out("web", f"v{number + 2}")
        rig.settle("web")
    rig.run(5 * S)
    kept = [revision(one) for one in rig.replicasets("web")]
    assert kept == list(range(6 - limit, 7))


def test_nothing_is_forgotten_while_its_pods_are_there() -> None:
    rig = Rig(*NODES, deployment("web", 4, revisionHistoryLimit=0, probe_s=2))
    owners: list[bool] = []

    def note(kind: str, before: Any, after: Any, _link: Any) -> None:
        if kind == "ReplicaSet" and after is None:
            uid = before["metadata"]["uid"]
            owners.append(
                any(
                    is_active(p) and p["metadata"]["ownerReferences"][0]["uid"] == uid
                    for p in rig.pods("web")
                )
            )

    rig.store.published.append(note)
    rig.roll_out("web", "v2")
    rig.settle("web")
    rig.run(5 * S)
    assert owners == [False]


def test_a_new_deployment_gets_its_replicaset_and_revision() -> None:
    rig = Rig(*NODES)
    rig.create(deployment("web", 2))
    rig.settle("web")
    assert [revision(one) for one in rig.replicasets("web")] == [1]
    assert revision(rig.get("Deployment", "web")) == 1
    conditions = {one["type"]: one["status"] for one in rig.get("Deployment", "web")["status"]["conditions"]}
    assert conditions == {"Available": "True", "Progressing": "True"}


def test_the_status_says_what_is_missing() -> None:
    rig = Rig(*NODES, deployment("web", 4, probe_s=5))
    for pod in rig.pods("web")[:2]:
        rig.delete("Pod", name_of(pod))
    rig.run(1 * S)
    status = rig.get("Deployment", "web")["status"]
    assert (status["replicas"], status["availableReplicas"], status["unavailableReplicas"]) == (4, 2, 2)
    available = next(one for one in status["conditions"] if one["type"] == "Available")
    assert (available["status"], available["reason"]) == ("False", "MinimumReplicasUnavailable")
    assert sum(map(is_ready, rig.active("web"))) == 2
    rig.settle("web")
    status = rig.get("Deployment", "web")["status"]
    available = next(one for one in status["conditions"] if one["type"] == "Available")
    assert (status["unavailableReplicas"], available["status"]) == (0, "True")
