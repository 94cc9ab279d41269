"""StatefulSets: names, order, claims, partition."""

from typing import Any

from simulator.cluster.objects import is_ready, is_terminating
from simulator.cluster.sets import pod_revision
from tests.simulator.cluster.objects import node
from tests.simulator.cluster.rig import Rig, S, name_of
from tests.simulator.cluster.sets import names, restart, statefulset, whole


def rig_of(replicas: int, **spec: Any) -> Rig:
    return Rig(node("n1"), node("n2"), statefulset("db", replicas, **spec))


def events(rig: Rig, app: str = "db") -> list[str]:
    """What happened to the pods, in order: +0 created, =0 ready, -0 asked to go, x0 gone."""
    told = []
    for write in rig.writes:
        if write.kind != "Pod":
            continue
        before, after = write.before, write.after
        ordinal = name_of(after or before or {}).removeprefix(f"{app}-")
        if before is None:
            told.append(f"+{ordinal}")
        elif after is None:
            told.append(f"x{ordinal}")
        elif is_terminating(after) and not is_terminating(before):
            told.append(f"-{ordinal}")
        elif is_ready(after) and not is_ready(before):
            told.append(f"={ordinal}")
    return told


def test_it_is_there_at_time_0_with_its_claims() -> None:
    rig = rig_of(3, storage="10Gi")
    assert names(rig, "db") == ["db-0", "db-1", "db-2"]
    claims = rig.store.objects["PersistentVolumeClaim"]
    assert sorted(key[1] for key in claims) == ["data-db-0", "data-db-1", "data-db-2"]
    assert {one["status"]["phase"] for one in claims.values()} == {"Bound"}
    rig.run(60 * S)
    assert rig.writes == []
    assert whole(rig, "StatefulSet", "db")


def test_ordered_ready_creates_one_after_the_other_and_removes_from_the_top() -> None:
    rig = rig_of(1)
    rig.patch("StatefulSet", "db", {"spec": {"replicas": 3}})
    rig.run_until(lambda: whole(rig, "StatefulSet", "db"))
    assert events(rig) == ["+1", "=1", "+2", "=2"]
    rig.writes.clear()
    rig.patch("StatefulSet", "db", {"spec": {"replicas": 0}})
    rig.run_until(lambda: whole(rig, "StatefulSet", "db"))
    assert events(rig) == ["-2", "x2", "-1", "x1", "-0", "x0"]


def test_parallel_creates_and_removes_all_at_once() -> None:
    rig = rig_of(1, podManagementPolicy="Parallel")
    rig.patch("StatefulSet", "db", {"spec": {"replicas": 4}})
    rig.run_until(lambda: whole(rig, "StatefulSet", "db"))
    assert events(rig)[:3] == ["+1", "+2", "+3"]
    rig.writes.clear()
    rig.patch("StatefulSet", "db", {"spec": {"replicas": 1}})
    rig.run_until(lambda: whole(rig, "StatefulSet", "db"))
    assert events(rig)[:3] == ["-3", "-2", "-1"]


def test_a_pod_that_is_not_ready_holds_up_those_after_it() -> None:
    rig = Rig(node("n1", cpu="250m"), statefulset("db", 1))
    rig.patch("StatefulSet", "db", {"spec": {"replicas": 4}})
    rig.run(60 * S)
    assert names(rig, "db") == ["db-0", "db-1", "db-2"]  # the third fits nowhere
    assert rig.get("StatefulSet", "db")["status"]["readyReplicas"] == 2


def test_a_deleted_pod_comes_back_under_its_name() -> None:
    rig = rig_of(2, storage="1Gi")
    before = {name_of(pod): pod["metadata"]["uid"] for pod in rig.pods("db")}
    rig.delete("Pod", "db-0")
    rig.run_until(
        lambda: len(rig.ready("db")) == 2 and rig.pods("db")[0]["metadata"]["uid"] != before["db-0"]
    )
    assert rig.get("Pod", "db-1")["metadata"]["uid"] == before["db-1"]
    assert len(rig.store.objects["PersistentVolumeClaim"]) == 2


def test_a_rolling_update_goes_from_the_top_one_at_a_time() -> None:
    rig = rig_of(3)
    restart(rig, "StatefulSet", "db")
    rig.run_until(lambda: whole(rig, "StatefulSet", "db"))
    assert events(rig) == [f"{what}{ordinal}" for ordinal in (2, 1, 0) for what in "-x+="]
    status = rig.get("StatefulSet", "db")["status"]
    assert status["currentRevision"] == status["updateRevision"]


def test_a_partition_keeps_the_lower_ordinals_and_what_replaces_them_at_the_old_revision() -> None:
    rig = rig_of(3, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}})
    old, uid = pod_revision(rig.get("Pod", "db-0")), rig.get("Pod", "db-0")["metadata"]["uid"]
    restart(rig, "StatefulSet", "db")
    rig.run(60 * S)
    revisions = [pod_revision(pod) for pod in rig.pods("db")]
    assert revisions[:2] == [old, old] != [revisions[2]] * 2
    assert rig.get("Pod", "db-0")["metadata"]["uid"] == uid, "left alone"
    rig.delete("Pod", "db-1")
    rig.run(60 * S)
    assert pod_revision(rig.get("Pod", "db-1")) == old
    rig.patch("StatefulSet", "db", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})
    rig.run_until(lambda: whole(rig, "StatefulSet", "db"))
    assert {pod_revision(pod) for pod in rig.pods("db")} == {revisions[2]}


def test_on_delete_replaces_nothing_by_itself() -> None:
    rig = rig_of(2, updateStrategy={"type": "OnDelete"})
    restart(rig, "StatefulSet", "db")
    rig.run(60 * S)
    assert events(rig) == []


def test_scaling_down_keeps_the_claims_and_a_new_pod_takes_them_again() -> None:
    rig = rig_of(2, storage="1Gi")
    uid = rig.store.objects["PersistentVolumeClaim"]["default", "data-db-1"]["metadata"]["uid"]
    for replicas in (1, 2):
        rig.patch("StatefulSet", "db", {"spec": {"replicas": replicas}})
        rig.run_until(lambda: whole(rig, "StatefulSet", "db"))
    assert rig.store.objects["PersistentVolumeClaim"]["default", "data-db-1"]["metadata"]["uid"] == uid


def test_a_new_claim_is_provisioned_before_its_pod_starts() -> None:
    rig = rig_of(1, storage="1Gi")
    rig.patch("StatefulSet", "db", {"spec": {"replicas": 2}})
    ready = rig.run_until(lambda: whole(rig, "StatefulSet", "db"))
    bound = next(one.at_ns for one in rig.writes if one.kind == "PersistentVolumeClaim" and one.before)
    assert 3 * S < bound < ready


def test_deleting_the_set_deletes_its_pods() -> None:
    rig = rig_of(2)
    rig.delete("StatefulSet", "db")
    rig.run_until(lambda: not rig.pods("db"))


def test_pods_count_as_available_after_min_ready_seconds_and_the_next_waits_for_that() -> None:
    rig = rig_of(1, minReadySeconds=20)
    rig.patch("StatefulSet", "db", {"spec": {"replicas": 3}})
    rig.run_until(lambda: "=1" in events(rig))
    ready = rig.now
    assert 19 * S <= rig.run_until(lambda: "+2" in events(rig)) - ready <= 20 * S + 100_000_000
    rig.run_until(lambda: "=2" in events(rig))
    rig.run(1 * S)
    status = rig.get("StatefulSet", "db")["status"]
    assert (status["readyReplicas"], status["availableReplicas"]) == (3, 2)
    rig.run(21 * S)
    assert rig.get("StatefulSet", "db")["status"]["availableReplicas"] == 3


def test_a_rolling_update_waits_for_min_ready_seconds() -> None:
    rig = rig_of(2, minReadySeconds=30)
    restart(rig, "StatefulSet", "db")
    began = rig.now
    rig.run_until(lambda: whole(rig, "StatefulSet", "db"))
    assert rig.now - began > 30 * S


def test_ordinals_begin_where_it_says() -> None:
    rig = rig_of(2, storage="1Gi", ordinals={"start": 5})
    assert names(rig, "db") == ["db-5", "db-6"]
    rig.patch("StatefulSet", "db", {"spec": {"replicas": 3}})
    rig.run_until(lambda: whole(rig, "StatefulSet", "db"))
    assert names(rig, "db") == ["db-5", "db-6", "db-7"]
    rig.patch("StatefulSet", "db", {"spec": {"ordinals": {"start": 6}, "replicas": 2}})
    rig.run_until(lambda: names(rig, "db") == ["db-6", "db-7"])


def test_claims_of_pods_that_are_scaled_away_go_where_their_policy_says_so() -> None:
    policy = {"whenScaled": "Delete", "whenDeleted": "Retain"}
    rig = rig_of(3, storage="1Gi", persistentVolumeClaimRetentionPolicy=policy)
    rig.patch("StatefulSet", "db", {"spec": {"replicas": 1}})
    rig.run(30 * S)
    assert [key[1] for key in rig.store.objects["PersistentVolumeClaim"]] == ["data-db-0"]
    rig.delete("StatefulSet", "db")
    rig.run(30 * S)
    assert not rig.pods("db")
    assert [key[1] for key in rig.store.objects["PersistentVolumeClaim"]] == ["data-db-0"]


def test_claims_go_with_their_set_where_their_policy_says_so() -> None:
    policy = {"whenScaled": "Retain", "whenDeleted": "Delete"}
    rig = rig_of(2, storage="1Gi", persistentVolumeClaimRetentionPolicy=policy)
    rig.patch("StatefulSet", "db", {"spec": {"replicas": 1}})
    rig.run(30 * S)
    assert len(rig.store.objects["PersistentVolumeClaim"]) == 2
    rig.delete("StatefulSet", "db")
    rig.run(30 * S)
    assert not rig.store.objects["PersistentVolumeClaim"]
