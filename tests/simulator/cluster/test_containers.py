"""Pods that go the long way: several containers, init containers, sidecars, probes that kill, hooks."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from simulator.cluster.objects import condition_of, is_ready
from tests.simulator.cluster.objects import Object, bare_pod, deployment, node
from tests.simulator.cluster.rig import (
    EXIT,
    MS,
    REPORT,
    START,
    STARTUP,
    VOLUMES,
    WATCH,
    WRITE,
    Rig,
    S,
    constant,
)

EXTRA = 200 * MS
WORK = 4 * S
STILL = {"kubelet.container_extra": constant(EXTRA / S)}
BASE = {"startup": constant(STARTUP / S), "exit": constant(EXIT / S), "init": constant(WORK / S)}


def container(name: str, **more: Any) -> Object:
    return {"name": name, "image": f"{name}:1", "resources": {"requests": {"cpu": "100m"}}, **more}


def pod(*containers: Object, init: tuple[Object, ...] = (), name: str = "a", **spec: Any) -> Object:
    made = bare_pod(name, nodeName="n1", **spec)
    made["spec"] |= {"containers": list(containers)} | ({"initContainers": list(init)} if init else {})
    return made


def rig_with(*objects: Object, **declared: Any) -> Rig:
    return Rig(node("n1"), *objects, behaviours={"*": {**BASE, **declared}}, parameters=STILL)


def state(rig: Rig, name: str, pod_name: str = "a") -> Mapping[str, Any]:
    status = rig.get("Pod", pod_name)["status"]
    told = (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or [])
    return next(
        (one for one in told if one["name"] == name), {"restartCount": 0, "ready": False, "state": {}}
    )


def starts(rig: Rig) -> int:
    return rig.cluster.kubelets["n1"].starts.arrivals_count


def when(rig: Rig, what: Any, limit_ns: int = 3600 * S) -> int:
    return rig.run_until(what, limit_ns)


def test_containers_start_one_after_the_other_and_all_make_the_pod_ready() -> None:
    rig = rig_with()
    rig.create(
        pod(container("one", readinessProbe={"periodSeconds": 1}), container("two"), container("three"))
    )
    begun = [when(rig, lambda n=n: starts(rig) == n) for n in (1, 2, 3)]
    assert begun == [WATCH + VOLUMES, WATCH + VOLUMES + START, WATCH + VOLUMES + START + EXTRA]
    started = WATCH + VOLUMES + START
    ready = when(rig, lambda: is_ready(rig.get("Pod", "a")))
    relisted = rig.relist_after("n1", started + 2 * EXTRA)
    assert max(started + STARTUP, relisted) < ready <= max(started + STARTUP, relisted) + 1 * S + 2 * REPORT
    assert all(state(rig, name)["ready"] for name in ("one", "two", "three"))


def test_init_containers_run_in_order_before_the_others() -> None:
    rig = rig_with()
    rig.create(pod(container("main"), init=(container("first"), container("second"))))
    when(rig, lambda: "running" in state(rig, "first")["state"] or starts(rig) == 2)
    assert condition_of(rig.get("Pod", "a"), "Initialized") == "False"
    second = when(rig, lambda: starts(rig) == 2)
    assert second == rig.relist_after("n1", WATCH + VOLUMES + START + WORK)
    third = when(rig, lambda: starts(rig) == 3)
    assert third == rig.relist_after("n1", second + EXTRA + WORK)
    when(rig, lambda: is_ready(rig.get("Pod", "a")))
    assert condition_of(rig.get("Pod", "a"), "Initialized") == "True"
    assert state(rig, "first")["state"]["terminated"]["exitCode"] == 0


def test_a_sidecar_starts_first_and_stops_last() -> None:
    rig = rig_with()
    rig.create(pod(container("main"), init=(container("proxy", restartPolicy="Always"),)))
    main = when(rig, lambda: starts(rig) == 2)
    assert main == rig.relist_after("n1", WATCH + VOLUMES + START)
    when(rig, lambda: is_ready(rig.get("Pod", "a")))
    assert "running" in state(rig, "proxy")["state"]
    rig.run(5 * S)
    asked = rig.now
    rig.delete("Pod", "a")
    gone = when(rig, lambda: not rig.pods())
    assert gone == asked + WATCH + 2 * EXIT + REPORT + WRITE  # main's exit, then the sidecar's


def test_a_job_with_a_sidecar_is_over_when_its_work_is() -> None:
    rig = rig_with()
    work = container("main", command=["sleep", "3"])
    made = pod(work, init=(container("proxy", restartPolicy="Always"),), restartPolicy="Never")
    rig.create(made)
    when(rig, lambda: rig.get("Pod", "a")["status"]["phase"] == "Succeeded")
    assert state(rig, "main")["state"]["terminated"]["exitCode"] == 0
    assert "terminated" in state(rig, "proxy")["state"]


def test_startup_holds_readiness_back_and_gives_up() -> None:
    slow = {"periodSeconds": 2, "failureThreshold": 3}
    rig = rig_with(startup=constant(60))
    rig.create(pod(container("main", startupProbe=slow, readinessProbe={"periodSeconds": 1})))
    first = when(rig, lambda: starts(rig) == 1) + START
    relisted = rig.relist_after("n1", first)
    probed = first + 2 * S * -(-(relisted - first) // (2 * S))
    killed = when(rig, lambda: starts(rig) == 2)
    assert killed == probed + 2 * 2 * S + EXIT  # the third failure in a row, and the exit
    assert not is_ready(rig.get("Pod", "a"))
    when(rig, lambda: state(rig, "main")["restartCount"] >= 2)


def test_a_slow_start_lives_with_a_startup_probe_and_dies_of_a_liveness_probe() -> None:
    liveness = {"periodSeconds": 1, "failureThreshold": 3}
    restarts = {}
    for name, more in (
        ("bare", {}),
        ("held", {"startupProbe": {"periodSeconds": 1, "failureThreshold": 30}}),
    ):
        rig = rig_with(startup=constant(20))
        rig.create(pod(container("main", livenessProbe=liveness, **more)))
        rig.run(60 * S)
        restarts[name] = state(rig, "main")["restartCount"]
    assert restarts["held"] == 0
    assert restarts["bare"] >= 2


def test_a_liveness_that_fails_for_a_while_restarts_the_container() -> None:
    failing = [{"probe": "liveness", "begins_s": 30.0, "ends_s": 60.0, "starts": 1}]
    rig = rig_with(failing_probes=failing)
    rig.create(pod(container("main", livenessProbe={"periodSeconds": 5, "timeoutSeconds": 2})))
    started = when(rig, lambda: starts(rig) == 1) + START
    again = when(rig, lambda: starts(rig) == 2)
    assert again == started + 40 * S + 2 * S + EXIT  # failed at 30, 35, 40 s; then the timeout
    rig.run(300 * S)
    assert starts(rig) == 2
    assert is_ready(rig.get("Pod", "a"))


def test_a_readiness_that_fails_for_a_while_takes_the_pod_out_and_back() -> None:
    failing = [{"probe": "readiness", "begins_s": 60.0, "ends_s": 90.0, "starts": None}]
    rig = rig_with(failing_probes=failing)
    rig.create(pod(container("main", readinessProbe={"periodSeconds": 5})))
    started = when(rig, lambda: starts(rig) == 1) + START
    when(rig, lambda: is_ready(rig.get("Pod", "a")))
    out = when(rig, lambda: not is_ready(rig.get("Pod", "a")))
    back = when(rig, lambda: is_ready(rig.get("Pod", "a")))
    assert out == started + 70 * S + 1 * S + REPORT  # the third failure, after its timeout
    assert back == started + 90 * S + REPORT
    assert starts(rig) == 1
    rig.run(10_000 * S)
    assert rig.agenda.peek() == float("inf")  # nothing is probed that cannot change


def test_pods_of_time_0_fail_their_probes_too() -> None:
    failing = [{"probe": "readiness", "begins_s": 30.0, "ends_s": 60.0, "starts": None}]
    web = deployment("web", 2, probe_s=5)
    rig = rig_with(web, failing_probes=failing)
    assert len(rig.ready("web")) == 2
    out = when(rig, lambda: len(rig.ready("web")) == 0)
    assert 40 * S <= out <= 43 * S
    assert 60 * S <= when(rig, lambda: len(rig.ready("web")) == 2) <= 67 * S


def test_crashes_back_off_and_ten_good_minutes_forgive_them() -> None:
    """A container that crashes 11 minutes after each start is restarted at once every time."""
    rig = rig_with(crash_probability=1.0, crash_after=constant(5))
    rig.create(pod(container("main")))
    begun = [when(rig, lambda n=n: starts(rig) == n) for n in range(1, 7)]
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    assert [gap - 5 * S for gap in gaps] == [START + 0, *(EXTRA + wait * S for wait in (10, 20, 40, 80))]
    rig = rig_with(crash_probability=1.0, crash_after=constant(660))
    rig.create(pod(container("main")))
    begun = [when(rig, lambda n=n: starts(rig) == n) for n in range(1, 5)]
    assert [later - earlier - 660 * S for earlier, later in pairwise(begun)] == [START, EXTRA, EXTRA]


@pytest.mark.parametrize(
    ("grace_s", "hook", "stopping"),
    [
        (30, {"sleep": {"seconds": 5}}, 5 * S + EXIT),
        (30, {"exec": {"command": ["sleep", "5"]}}, 5 * S + EXIT),
        (30, {"exec": {"command": ["sync"]}}, 3 * S + EXIT),
        (6, {"sleep": {"seconds": 5}}, 5 * S + 2 * S),  # 1 s is left, 2 are given
        (3, {"sleep": {"seconds": 60}}, 3 * S + 2 * S),
    ],
)
def test_a_hook_counts_against_the_grace(grace_s: int, hook: Object, stopping: int) -> None:
    rig = rig_with(exit=constant(EXIT / S), pre_stop=constant(3))
    rig.create(pod(container("main", lifecycle={"preStop": hook}), terminationGracePeriodSeconds=grace_s))
    rig.run(20 * S)
    rig.delete("Pod", "a")
    assert when(rig, lambda: not rig.pods()) == 20 * S + WATCH + stopping + REPORT + WRITE


@pytest.mark.parametrize("after_ns", [1, VOLUMES + 1, VOLUMES + START + 1, 3 * S, 6 * S, 9 * S])
def test_wherever_a_start_stands_its_pod_can_be_deleted_or_its_kubelet_go_away(after_ns: int) -> None:
    def made(name: str) -> Object:
        return pod(
            container("main", readinessProbe={"periodSeconds": 1}), container("other"),
            init=(container("first"), container("proxy", restartPolicy="Always")), name=name,
        )  # fmt: skip

    rig = rig_with()
    rig.create(made("a"))
    rig.run(after_ns)
    rig.delete("Pod", "a")
    rig.run(40 * S)
    assert not rig.pods()
    rig = rig_with()
    rig.create(made("a"))
    rig.run(after_ns)
    kubelet = rig.cluster.kubelets["n1"]
    kubelet.halt()
    rig.run(30 * S)
    kubelet.resume(rig.link)
    rig.run(40 * S)
    assert is_ready(rig.get("Pod", "a"))
    kubelet.crash()
    rig.run(10 * S)
    kubelet.boot(rig.link)
    rig.run(40 * S)
    assert is_ready(rig.get("Pod", "a"))
    assert state(rig, "main")["restartCount"] == 1


def test_memory_that_reaches_its_limit_kills_the_container_again_and_again() -> None:
    leak = {"points": [[0.0, 100 << 20], [100.0, 200 << 20]]}
    rig = rig_with(memory=leak)
    limits = {"requests": {"memory": "64Mi"}, "limits": {"memory": "150Mi"}}
    rig.create(pod({**container("main"), "resources": limits}))
    first = when(rig, lambda: starts(rig) == 1) + START
    assert when(rig, lambda: starts(rig) == 2) == first + 50 * S
    second = rig.now + EXTRA
    assert when(rig, lambda: starts(rig) == 3) == second + 50 * S + 10 * S
    rig.run(1 * S)
    assert state(rig, "main")["lastState"]["terminated"]["exitCode"] == 137


def test_a_node_short_of_memory_evicts_what_uses_most_above_its_request() -> None:
    """8 GiB: a hog that grows to 8, beside a pod that uses what it asked for."""
    behaviours = {
        "*": BASE,
        "default/hog": {**BASE, "memory": {"points": [[0.0, 1 << 30], [100.0, 8 << 30]]}},
        "default/calm": {**BASE, "memory": {"points": [[0.0, 1 << 30]]}},
    }
    rig = Rig(node("n1"), behaviours=behaviours, parameters=STILL)
    for name in ("calm", "hog"):
        asked = {"requests": {"memory": "1Gi"}}
        rig.create(pod({**container("main"), "resources": asked}, name=name))
    evicted = when(rig, lambda: rig.get("Pod", "hog")["status"].get("reason") == "Evicted")
    assert 85 * S <= evicted <= 101 * S
    assert rig.get("Pod", "hog")["status"]["phase"] == "Failed"
    assert is_ready(rig.get("Pod", "calm"))
    assert condition_of(rig.get("Node", "n1"), "MemoryPressure") == "True"
    relieved = when(rig, lambda: condition_of(rig.get("Node", "n1"), "MemoryPressure") == "False")
    assert 299 * S <= relieved - evicted <= 312 * S
