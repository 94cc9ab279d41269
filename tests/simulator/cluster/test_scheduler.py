from itertools import pairwise

import pytest

from engine.core.errors import Conflict, NotFound
from simulator.cluster.objects import condition_of
from tests.simulator.cluster.objects import bare_pod, deployment, node, ref
from tests.simulator.cluster.rig import CYCLE, MS, WATCH, WRITE, Rig, S, constant, name_of, node_of

PATIENT = {"scheduler.pop_from_backoff": False}  # as before Kubernetes 1.33


def bound(rig: Rig) -> dict[str, int]:
    """When each pod was bound."""
    return {
        name_of(write.after): write.at_ns
        for write in rig.writes
        if write.kind == "Pod" and write.after is not None and node_of(write.after)
        if write.before is not None and not node_of(write.before)
    }


def attempts(rig: Rig, name: str) -> list[int]:
    """When the scheduler has said something of a pod."""
    return [
        write.at_ns
        for write in rig.writes
        if write.kind == "Pod" and write.after is not None and name_of(write.after) == name
        if condition_of(write.after, "PodScheduled")
    ]


def scheduled_condition(rig: Rig, name: str) -> tuple[str, str, str]:
    conditions = rig.get("Pod", name)["status"]["conditions"]
    found = next(one for one in conditions if one["type"] == "PodScheduled")
    return found["status"], found.get("reason", ""), found.get("message", "")


def test_cycles_are_serial_and_binding_runs_beside_them() -> None:
    rig = Rig(node("n1"))
    for name in "abcd":
        rig.create(bare_pod(name))
    rig.run(1 * S)
    first = WATCH + CYCLE + WRITE
    assert bound(rig) == {name: first + position * CYCLE for position, name in enumerate("abcd")}
    assert scheduled_condition(rig, "a")[0] == "True"


def test_pods_go_where_the_most_is_free() -> None:
    rig = Rig(node("n1", "4"), node("n2", "4"), node("n3", "2"), bare_pod("first", cpu="1", nodeName="n1"))
    for name in "abcde":
        rig.create(bare_pod(name, cpu="500m"))
    rig.run(1 * S)
    # The mean of free cpu and memory with the pod there, plus 100 less half the difference of the shares that
    # are requested then, of n1/n2/n3: 80+82/93+94/87+87, 80+82/86+88/87+87, 80+82/79+82/87+87,
    # 80+82/79+82/74+75, 73+76/79+82/74+75.
    assert [node_of(rig.get("Pod", name)) for name in "abcde"] == ["n2", "n2", "n3", "n1", "n2"]


def test_a_pod_that_fits_nowhere_says_why() -> None:
    rig = Rig(
        node("n1", "1"),
        node("n2", "4", "1Mi"),
        node("n3", pods="0"),
        node("n4", unschedulable=True),
        node("n5", taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]),
    )
    rig.create(bare_pod("a", cpu="2"))
    rig.run(1 * S)
    assert scheduled_condition(rig, "a") == (
        "False",
        "Unschedulable",
        (
            "0/5 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 Too many pods, "
            "1 node(s) had untolerated taint {gpu: yes}, 1 node(s) were unschedulable. "
            "preemption: 0/5 nodes are available: 1 No preemption victims found for incoming pod, "
            "4 Preemption is not helpful for scheduling."
        ),
    )
    assert not node_of(rig.get("Pod", "a"))


@pytest.mark.parametrize(
    ("taint", "places"),
    [
        ({"key": "gpu", "value": "yes", "effect": "NoSchedule"}, 1),
        ({"key": "gpu", "value": "no", "effect": "NoSchedule"}, 0),
        ({"key": "gpu", "value": "yes", "effect": "NoExecute"}, 0),
        ({"key": "gpu", "value": "no", "effect": "PreferNoSchedule"}, 1),
    ],
)
def test_taints_keep_pods_off_that_do_not_tolerate_them(taint: dict[str, str], places: int) -> None:
    rig = Rig(node("n1", taints=[taint]))
    toleration = {"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}
    rig.create(bare_pod("a", tolerations=[toleration]))
    rig.run(1 * S)
    assert len(bound(rig)) == places


def test_a_cordoned_node_takes_nothing_until_it_is_uncordoned() -> None:
    rig = Rig(node("n1"), node("n2"), deployment("web", 2))
    rig.patch("Node", "n1", {"spec": {"unschedulable": True}})
    rig.run(50 * MS)
    rig.scale("web", 4)
    rig.settle("web")
    placed = [node_of(pod) for pod in rig.pods("web")]
    assert sorted(placed) == ["n1", "n2", "n2", "n2"]
    rig.patch("Node", "n2", {"spec": {"unschedulable": True}})
    rig.run(50 * MS)
    rig.create(bare_pod("late"))
    rig.run(5 * S)
    assert not node_of(rig.get("Pod", "late"))
    rig.patch("Node", "n1", {"spec": {"unschedulable": None}})
    rig.run_until(lambda: bool(node_of(rig.get("Pod", "late"))), 100 * MS)
    assert node_of(rig.get("Pod", "late")) == "n1"


def test_back_off_doubles_from_one_second_to_ten() -> None:
    """Something is freed every 10 ms, and never enough: each try waits out its back-off, no longer."""
    rig = Rig(node("n1", "1"), parameters=PATIENT)
    tries: list[int] = []
    rig.create(bare_pod("big", cpu="2"))
    rig.run(WATCH + 1)
    waiting = rig.cluster.scheduler.queue.pending["default", "big"]  # tries leave no other trace
    for count in range(1, 8):
        while waiting.attempts < count or not waiting.backoff_until:
            rig.create(bare_pod(f"small-{rig.now}", cpu="1m"))
            rig.run(20 * MS)
            rig.delete("Pod", f"small-{rig.now - 20 * MS}", grace_s=0)
            rig.run(5 * MS)
        tries.append(rig.now)
    gaps = [round((later - earlier) / S) for earlier, later in pairwise(tries)]
    assert gaps == [1, 2, 4, 8, 10, 10]


def test_a_freed_pod_wakes_those_that_wait_after_their_back_off() -> None:
    rig = Rig(node("n1", "1"), bare_pod("old", cpu="1", nodeName="n1"), parameters=PATIENT)
    rig.create(bare_pod("new", cpu="1"))
    rig.run(200 * MS)
    refused = WATCH + CYCLE
    rig.delete("Pod", "old", grace_s=0)
    rig.run(5 * S)
    assert bound(rig)["new"] == refused + 1 * S + CYCLE + WRITE


def test_a_scheduler_with_nothing_else_to_do_cuts_back_offs_short() -> None:
    rig = Rig(node("n1", "1"), bare_pod("old", cpu="1", nodeName="n1"))
    rig.create(bare_pod("new", cpu="1"))
    rig.run(200 * MS)
    rig.delete("Pod", "old", grace_s=0)
    rig.run(5 * S)
    assert bound(rig)["new"] == 200 * MS + WATCH + CYCLE + WRITE


def test_after_its_back_off_a_pod_waits_only_for_what_is_freed() -> None:
    rig = Rig(node("n1", "1"), bare_pod("old", cpu="1", nodeName="n1"))
    rig.create(bare_pod("new", cpu="1"))
    rig.run(20 * S)
    assert len(attempts(rig, "new")) == 1  # nothing changed, so nobody tried again
    rig.delete("Pod", "old", grace_s=0)
    rig.run(1 * S)
    assert bound(rig)["new"] == 20 * S + WATCH + CYCLE + WRITE


def test_a_terminating_pod_holds_its_place_until_it_has_ended() -> None:
    rig = Rig(node("n1", "1"), deployment("web", 1, cpu="800m"))
    rig.run(1)
    rig.delete("Pod", name_of(rig.pods("web")[0]))
    rig.settle("web")
    (new_bound,) = bound(rig).values()
    ended = next(
        write.at_ns
        for write in rig.writes
        if write.kind == "Pod" and write.after is not None and write.after["status"]["phase"] == "Failed"
    )
    assert new_bound == ended + WATCH + CYCLE + WRITE


def test_the_higher_priority_goes_first() -> None:
    rig = Rig(node("n1"))
    for name, priority in (("a", 0), ("b", 5), ("c", 9), ("d", 5), ("e", 9)):
        rig.create(bare_pod(name, priority=priority))
    rig.run(1 * S)
    order = sorted(bound(rig), key=lambda name: bound(rig)[name])
    assert order == ["a", "c", "e", "b", "d"]  # the first was in its cycle when the others came


def test_an_assumed_pod_counts_before_it_is_bound() -> None:
    rig = Rig(node("n1", "1"), node("n2", "1"))
    for name in "abc":
        rig.create(bare_pod(name, cpu="600m"))
    rig.run(1 * S)
    assert [node_of(rig.get("Pod", name)) for name in "abc"] == ["n1", "n2", ""]
    assert rig.checker.violations["node_overcommitted"] == 0


def test_a_refused_binding_gives_the_place_back() -> None:
    """The pod is removed while its binding is on the way, which nobody has seen when that arrives."""
    watch = 3 * S
    rig = Rig(node("n1", "1"), parameters={"watch.delay": constant(watch / S), **PATIENT})
    rig.create(bare_pod("gone", cpu="800m"))
    rig.create(bare_pod("next", cpu="800m"))
    rig.run(watch + CYCLE + 1)
    rig.delete("Pod", "gone")
    rig.run(5 * S)
    with pytest.raises(NotFound):
        rig.get("Pod", "gone")
    assert node_of(rig.get("Pod", "next")) == "n1"
    assert bound(rig) == {"next": watch + 2 * CYCLE + 1 * S + CYCLE + WRITE}


def test_a_pod_of_the_same_name_is_not_bound_in_anothers_place() -> None:
    rig = Rig(node("n1"))
    rig.create(bare_pod("a"))
    rig.run(WATCH + CYCLE + 1)
    rig.delete("Pod", "a")
    rig.create(bare_pod("a", cpu="200m"))
    with pytest.raises(Conflict):
        rig.store.delete(ref("Pod", "a"), rig.link, uid="another")
    rig.run(1 * S)
    assert list(bound(rig)) == ["a"]
    assert bound(rig)["a"] > WATCH + CYCLE + WRITE
    free = rig.cluster.scheduler.fleet.nodes["n1"]  # its own reckoning must agree with what is bound
    assert (free.cpu_m_taken, free.pods_taken) == (200, 1)


def test_a_pod_that_somebody_else_binds_is_bound_once() -> None:
    rig = Rig(node("n1", "1"), node("n2", "4"))
    rig.create(bare_pod("a", cpu="800m"))
    rig.run(WATCH + CYCLE + 1)  # assumed on n2, its binding under way
    rig.patch("Pod", "a", {"spec": {"nodeName": "n1"}})
    rig.run(1 * S)
    assert node_of(rig.get("Pod", "a")) == "n1"
    assert rig.checker.violations["pod_moved"] == 0
    nodes = rig.cluster.scheduler.fleet.nodes
    assert [nodes[name].cpu_m_taken for name in ("n1", "n2")] == [800, 0]


def test_a_halted_scheduler_takes_nothing_until_it_is_resumed() -> None:
    rig = Rig(node("n1"))
    rig.create(bare_pod("under-way"))
    rig.run(WATCH + 1)
    rig.cluster.scheduler.halt()
    rig.create(bare_pod("late"))
    rig.run(10 * S)
    assert bound(rig) == {"under-way": WATCH + CYCLE + WRITE}
    rig.cluster.scheduler.resume()
    resumed = rig.now
    rig.run(1 * S)
    assert bound(rig)["late"] == resumed + CYCLE + WRITE
