from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from engine.core.errors import NotFound
from simulator.cluster.objects import is_ready
from tests.simulator.cluster.objects import Object, bare_pod, deployment, node
from tests.simulator.cluster.rig import (
    EXIT,
    MS,
    READ,
    REPORT,
    START,
    STARTUP,
    VOLUMES,
    WATCH,
    WRITE,
    Rig,
    S,
    constant,
    name_of,
)


def placed(name: str, probe: Object | None = None, **spec: Any) -> Object:
    """A pod that is on the node from the start."""
    pod = bare_pod(name, nodeName="n1", **spec)
    if probe is not None:
        pod["spec"]["containers"] = [{**pod["spec"]["containers"][0], "readinessProbe": probe}]
    return pod


def first(rig: Rig, name: str, what: Any) -> int:
    """When a pod was first written to be so."""
    return next(
        write.at_ns
        for write in rig.writes
        if write.kind == "Pod" and write.after is not None and name_of(write.after) == name
        if what(write.after)
    )


def runs(pod: Mapping[str, Any]) -> bool:
    return bool(pod["status"]["phase"] == "Running")


def started_after(seen_ns: int) -> int:
    return seen_ns + VOLUMES + START


PROBES: list[tuple[Object | None, float, float]] = [
    # (probe, start-up of the application, from the container's start to the first probe that can succeed)
    (None, 1, 0),
    ({"periodSeconds": 1}, 0.3, 1),
    ({"periodSeconds": 1}, 4.5, 5),
    ({"periodSeconds": 5}, 4.5, 5),
    ({"periodSeconds": 5}, 5.0, 5),
    ({"periodSeconds": 5}, 5.1, 10),
    ({"periodSeconds": 5, "initialDelaySeconds": 2}, 1.5, 2),
    ({"periodSeconds": 5, "initialDelaySeconds": 2}, 2.5, 7),
    ({"periodSeconds": 3, "successThreshold": 3}, 4, 12),
    ({}, 3, 10),
]


@pytest.mark.parametrize(("probe", "startup", "until_probe"), PROBES)
def test_from_the_node_to_readiness(probe: Object | None, startup: float, until_probe: float) -> None:
    """Volumes, the start seat, the next relist, a status write; then the probe that finds it ready."""
    behaviours = {"default/a": {"startup": constant(startup)}}
    rig = Rig(node("n1"), behaviours=behaviours)
    rig.run(1234 * MS)
    rig.create(placed("a", probe))
    seen = rig.now + WATCH
    rig.run_until(lambda: is_ready(rig.get("Pod", "a")))
    started = started_after(seen)
    relisted = rig.relist_after("n1", started)
    running = relisted + REPORT
    ready = running
    if probe is not None:
        period = probe.get("periodSeconds", 10)
        probed = started + round(until_probe * S)
        while probed < relisted:  # the kubelet does not probe what it does not know to run
            probed += period * S
        ready = max(running, probed) + REPORT
    assert first(rig, "a", runs) == running
    assert first(rig, "a", is_ready) == ready


def test_starts_queue_for_the_nodes_seat() -> None:
    rig = Rig(node("n1"), node("n2"))
    for name in "abc":
        rig.create(placed(name))
    rig.create({**placed("d"), "spec": {**placed("d")["spec"], "nodeName": "n2"}})
    rig.run(10 * S)
    for position, name in enumerate("abc"):
        started = WATCH + VOLUMES + (position + 1) * START
        assert first(rig, name, runs) == rig.relist_after("n1", started) + REPORT
    assert first(rig, "d", runs) == rig.relist_after("n2", started_after(WATCH)) + REPORT


def test_more_start_seats_start_more_at_once() -> None:
    rig = Rig(node("n1"), parameters={"kubelet.start_concurrency": 3})
    for name in "abc":
        rig.create(placed(name))
    rig.run(10 * S)
    assert {first(rig, name, runs) for name in "abc"} == {
        rig.relist_after("n1", started_after(WATCH)) + REPORT
    }


def test_a_throttled_kubelet_reports_late() -> None:
    rig = Rig(node("n1"), parameters={"kubelet.qps": 1, "kubelet.burst": 1, "kubelet.start_concurrency": 9})
    for name in "abc":
        rig.create(placed(name, automountServiceAccountToken=False))
    rig.run(20 * S)
    # Each pod is got, then its status patched: three gets in turn, then three patches; first to say that the
    # containers are being created, then that they run.
    assert [first(rig, name, runs) for name in "abc"] == [WATCH + (9 + n) * S + WRITE for n in range(3)]


def test_volumes_wait_for_the_token_of_the_service_account() -> None:
    """The pod before it took the only token of the bucket; a pod without an account asks for none."""
    rig = Rig(node("n1"), parameters={"kubelet.qps": 1, "kubelet.burst": 1, "kubelet.start_concurrency": 9})
    rig.create(placed("a"))
    rig.create(placed("b"))
    rig.create(placed("c", automountServiceAccountToken=False))
    seat = rig.cluster.kubelets["n1"].starts
    begun = [rig.run_until(lambda number=number: seat.arrivals_count >= number) for number in (1, 2, 3)]  # type: ignore[misc]
    assert begun == [WATCH + VOLUMES, WATCH + VOLUMES, WATCH + S + WRITE]


def test_a_pod_that_is_being_created_says_so() -> None:
    rig = Rig(node("n1"))
    rig.create(placed("a"))
    rig.run(WATCH + REPORT + 1)
    told = rig.get("Pod", "a")["status"]
    assert told["phase"] == "Pending"
    assert told["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert {one["type"]: one["status"] for one in told["conditions"]} == {
        "Initialized": "True", "Ready": "False", "ContainersReady": "False", "PodScheduled": "True",
    }  # fmt: skip
    rig.run_until(lambda: runs(rig.get("Pod", "a")))


def test_a_pod_is_over_when_its_sandbox_is_down_for_which_it_needs_the_seat_of_starts() -> None:
    """Two jobs end together: the second waits for the seat, and the pod that starts meanwhile too."""
    rig = Rig(node("n1"), parameters={"kubelet.pod_teardown": constant(2), "kubelet.start_concurrency": 1})
    done = {"metadata": {"annotations": {"headroom.dev/run-s": "0.1"}}}
    for name in "ab":
        pod = placed(name, restartPolicy="Never")
        rig.create({**pod, "metadata": {**pod["metadata"], **done["metadata"]}})
    rig.run(20 * S)
    starts = [WATCH + VOLUMES + START, WATCH + VOLUMES + 2 * START]
    ends = [first(rig, name, lambda pod: pod["status"]["phase"] == "Succeeded") for name in "ab"]
    seen = [max(rig.relist_after("n1", rig.relist_after("n1", at) + REPORT), at + 100 * MS) for at in starts]
    assert ends[0] == seen[0] + 2 * S + REPORT
    assert ends[1] == max(seen[1], seen[0] + 2 * S) + 2 * S + REPORT


def test_a_status_keeps_the_times_of_what_has_not_changed() -> None:
    rig = Rig(node("n1"))
    rig.create(placed("a", {"periodSeconds": 5}))
    rig.run_until(lambda: runs(rig.get("Pod", "a")))
    before = rig.get("Pod", "a")["status"]
    rig.run_until(lambda: is_ready(rig.get("Pod", "a")))
    after = rig.get("Pod", "a")["status"]
    assert before["startTime"] == after["startTime"]
    assert before["containerStatuses"][0]["state"] == after["containerStatuses"][0]["state"]
    moved = {
        one["type"]
        for one, other in zip(before["conditions"], after["conditions"], strict=True)
        if one["lastTransitionTime"] != other["lastTransitionTime"]
    }
    assert moved == {"Ready", "ContainersReady"}


# -- stopping


@pytest.mark.parametrize(
    ("spec", "behaviour", "grace_s", "stopping"),
    [
        ({}, {}, None, EXIT),
        ({}, {"exit": constant(45)}, None, 30 * S),
        ({"terminationGracePeriodSeconds": 3}, {"ignores_sigterm": True}, None, 3 * S),
        (
            {"terminationGracePeriodSeconds": 1},
            {"ignores_sigterm": True},
            None,
            2 * S,
        ),  # no sooner
        ({}, {"ignores_sigterm": True}, None, 30 * S),
        ({"terminationGracePeriodSeconds": 60}, {"ignores_sigterm": True}, None, 60 * S),
        ({}, {"ignores_sigterm": True}, 7, 7 * S),
        ({}, {}, 90, EXIT),
    ],
)
def test_stopping_takes_the_exit_or_the_grace(
    spec: Object, behaviour: Object, grace_s: int | None, stopping: int
) -> None:
    rig = Rig(
        node("n1"),
        {**placed("a", **spec), "status": {"phase": "Running"}},
        behaviours={"*": behaviour_of(behaviour)},
    )
    rig.run(1 * S)
    rig.delete("Pod", "a", grace_s)
    rig.run(100 * S)
    stopped = 1 * S + WATCH + stopping
    assert first(rig, "a", lambda pod: pod["status"]["phase"] == "Failed") == stopped + REPORT
    assert rig.writes[-1].at_ns == stopped + REPORT + WRITE
    assert rig.writes[-1].after is None


def behaviour_of(more: Object) -> Object:
    return {"startup": constant(1), "exit": constant(EXIT / S), "image_mb": 100, **more}


@pytest.mark.parametrize("after_ns", [1, 100 * MS, WATCH + VOLUMES + 1])
def test_a_pod_deleted_while_it_starts_goes_at_once(after_ns: int) -> None:
    rig = Rig(node("n1"))
    rig.create(placed("a"))
    rig.run(after_ns)
    rig.delete("Pod", "a")
    rig.run(20 * S)
    assert not rig.pods()
    assert rig.writes[-1].at_ns == after_ns + WATCH + REPORT + WRITE
    with pytest.raises(StopIteration):
        first(rig, "a", runs)


def test_a_pod_deleted_before_it_is_ready_exits_like_any_other() -> None:
    rig = Rig(node("n1"))
    rig.create(placed("a", {"periodSeconds": 10}))
    rig.run(4 * S)
    rig.delete("Pod", "a")
    rig.run(20 * S)
    assert rig.writes[-1].at_ns == 4 * S + WATCH + EXIT + REPORT + WRITE
    with pytest.raises(StopIteration):
        first(rig, "a", is_ready)


def test_a_pod_removed_by_force_leaves_nothing_behind() -> None:
    rig = Rig(node("n1"))
    rig.create(placed("a", {"periodSeconds": 10}))
    rig.run(4 * S)
    rig.delete("Pod", "a", grace_s=0)
    rig.run(60 * S)
    assert rig.writes[-1].at_ns == 4 * S
    with pytest.raises(NotFound):
        rig.get("Pod", "a")


# -- crashing


def starts_of(rig: Rig, count: int) -> list[int]:
    """When the node's start seat was taken for the first `count` starts."""
    seat = rig.cluster.kubelets["n1"].starts
    return [
        rig.run_until(lambda number=number: seat.arrivals_count == number, 3600 * S)  # type: ignore[misc]
        for number in range(1, count + 1)
    ]


def test_a_crashing_container_restarts_at_once_then_backs_off_up_to_five_minutes() -> None:
    rig = Rig(node("n1"), behaviours={"*": behaviour_of({"crash_probability": 1})})
    rig.create(placed("a"))
    gaps = [later - earlier for earlier, later in pairwise(starts_of(rig, 10))]
    assert gaps == [START + STARTUP + wait * S for wait in (0, 10, 20, 40, 80, 160, 300, 300, 300)]
    rig.run(4 * S)
    told = rig.get("Pod", "a")["status"]["containerStatuses"][0]
    assert told["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert told["restartCount"] == 9
    assert not is_ready(rig.get("Pod", "a"))


def test_a_container_that_stops_crashing_counts_its_restarts() -> None:
    behaviours = {"*": behaviour_of({"crash_probability": 0.5})}
    restarts = []
    for seed in range(6):
        rig = Rig(node("n1"), behaviours=behaviours, seed=seed)
        rig.create(placed("a"))
        rig.run_until(lambda rig=rig: is_ready(rig.get("Pod", "a")), 4000 * S)  # type: ignore[misc]
        count = rig.get("Pod", "a")["status"]["containerStatuses"][0]["restartCount"]
        assert rig.cluster.kubelets["n1"].starts.arrivals_count == count + 1
        restarts.append(count)
    assert len(set(restarts)) > 1


def test_a_pod_that_backs_off_has_nothing_to_stop() -> None:
    rig = Rig(node("n1"), behaviours={"*": behaviour_of({"crash_probability": 1})})
    rig.create(placed("a"))
    rig.run(10 * S)
    rig.delete("Pod", "a")
    rig.run(60 * S)
    assert rig.writes[-1].at_ns == 10 * S + WATCH + REPORT + WRITE
    assert rig.cluster.kubelets["n1"].starts.arrivals_count == 2


def test_a_pod_that_does_not_restart_fails() -> None:
    rig = Rig(node("n1"), behaviours={"*": behaviour_of({"crash_probability": 1})})
    rig.create(placed("a", restartPolicy="Never"))
    rig.run(60 * S)
    crashed = started_after(WATCH) + STARTUP
    failed = rig.relist_after("n1", crashed) + REPORT
    assert first(rig, "a", lambda pod: pod["status"]["phase"] == "Failed") == failed
    state = rig.get("Pod", "a")["status"]["containerStatuses"][0]["state"]
    assert state["terminated"]["exitCode"] == 1
    assert rig.cluster.kubelets["n1"].starts.arrivals_count == 1


# -- images that cannot be pulled


def test_an_image_that_cannot_be_pulled_is_tried_again_after_a_back_off_up_to_five_minutes() -> None:
    rig = Rig(node("n1"), parameters={"image.pull_latency": constant(0.5)})
    images = rig.cluster.kubelets["n1"].images
    tried: list[int] = []

    def failing(_pod: Mapping[str, Any]) -> bool:
        tried.append(rig.now)
        return len(tried) <= 8

    images.failing = failing
    rig.create(placed("a"))
    rig.run(5 * S)
    told = rig.get("Pod", "a")["status"]
    assert told["phase"] == "Pending"
    assert told["containerStatuses"][0]["state"]["waiting"]["reason"] in ("ErrImagePull", "ImagePullBackOff")
    rig.run_until(lambda: is_ready(rig.get("Pod", "a")), 3600 * S)
    waits = [later - earlier for earlier, later in pairwise(tried)]
    assert waits == [500 * MS + wait * S for wait in (10, 20, 40, 80, 160, 300, 300, 300)]


# -- a kubelet that stops, a machine that dies


def test_containers_run_on_without_their_kubelet() -> None:
    rig = Rig(node("n1"), deployment("web", 2, probe_s=5))
    kubelet = rig.cluster.kubelets["n1"]
    kubelet.halt()
    assert not kubelet.is_up
    rig.create(placed("late"))
    rig.delete("Pod", name_of(rig.pods("web")[0]))
    rig.run(100 * S)
    assert [pod["status"]["phase"] for pod in rig.pods("web")[:2]] == ["Running", "Running"]
    assert rig.get("Pod", "late")["status"]["phase"] == "Pending"
    kubelet.resume(rig.link)
    rig.run(60 * S)
    assert is_ready(rig.get("Pod", "late"))
    assert rig.settled("web")


@pytest.mark.parametrize("halted_ns", [1 * MS, VOLUMES + 1, VOLUMES + START + 1, 3 * S, 6 * S])
def test_a_start_that_a_halt_interrupts_is_taken_up_again(halted_ns: int) -> None:
    """Wherever it stood: the container that runs is not started again."""
    rig = Rig(node("n1"))
    rig.create(placed("a", {"periodSeconds": 5}))
    rig.run(halted_ns)
    ran = rig.now >= started_after(WATCH)
    kubelet = rig.cluster.kubelets["n1"]
    taken = kubelet.starts.arrivals_count
    kubelet.halt()
    rig.run(60 * S)
    kubelet.resume(rig.link)
    rig.run(20 * S)
    assert is_ready(rig.get("Pod", "a"))
    assert kubelet.starts.arrivals_count == (taken if ran else taken + 1)
    assert rig.get("Pod", "a")["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_machine_that_died_starts_its_pods_anew() -> None:
    rig = Rig(node("n1"), deployment("web", 3, probe_s=5))
    kubelet = rig.cluster.kubelets["n1"]
    rig.run(10 * S)
    kubelet.crash()
    rig.run(20 * S)
    assert len(rig.ready("web")) == 3  # nobody has said otherwise yet
    kubelet.boot(rig.link)
    rig.run_until(lambda: not rig.ready("web"))
    rig.settle("web")
    for pod in rig.pods("web"):
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 1
    assert kubelet.starts.arrivals_count == 3


def test_what_a_dead_machine_was_told_to_stop_is_gone_at_its_return() -> None:
    rig = Rig(node("n1"), {**placed("a"), "status": {"phase": "Running"}})
    kubelet = rig.cluster.kubelets["n1"]
    kubelet.crash()
    rig.delete("Pod", "a")
    rig.run(100 * S)
    assert rig.pods()
    kubelet.boot(rig.link)
    rig.run(READ + REPORT + WRITE + 1)
    assert not rig.pods()


def test_a_pod_removed_by_force_while_its_kubelet_is_away_leaves_nothing_behind() -> None:
    rig = Rig(node("n1"), {**placed("a"), "status": {"phase": "Running"}})
    kubelet = rig.cluster.kubelets["n1"]
    kubelet.halt()
    rig.delete("Pod", "a", grace_s=0)
    rig.create(placed("a"))
    rig.run(10 * S)
    kubelet.resume(rig.link)
    rig.run(20 * S)
    assert is_ready(rig.get("Pod", "a"))
    assert kubelet.starts.arrivals_count == 1


# -- existing pods


def test_what_runs_at_time_0_runs_on() -> None:
    rig = Rig(node("n1"), node("n2"), deployment("web", 4, probe_s=5))
    rig.run(600 * S)
    assert rig.writes == []
