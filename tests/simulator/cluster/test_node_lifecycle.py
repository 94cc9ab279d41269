"""What Kubernetes does with nodes that are not heard of, and when (issue 4, acceptance point 4)."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from engine.core.effects import Ref, Resource
from simulator.cluster.objects import condition_of, is_terminating
from simulator.cluster.zones import Pace, Rates, ZoneState
from tests.simulator.cluster.objects import Object, bare_pod, deployment, node, template
from tests.simulator.cluster.rig import Rig, S, name_of, node_of

STAYS = 300
TOLERATED = [
    {
        "key": f"node.kubernetes.io/{key}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": STAYS,
    }
    for key in ("not-ready", "unreachable")
]


def tolerant(name: str, replicas: int, seconds: int | None = STAYS, **more: Any) -> Object:
    """A Deployment whose pods have the tolerations that the API server gives by default."""
    made = template(name, **more)
    made["spec"]["tolerations"] = [{**one, "tolerationSeconds": seconds} for one in TOLERATED]
    return deployment(name, replicas, template=made)


def in_zone(name: str, zone: str, **more: Any) -> Object:
    made = node(name, **more)
    made["metadata"]["labels"]["topology.kubernetes.io/zone"] = zone
    return made


def taints(rig: "NodeRig", name: str, effect: str) -> list[str]:
    found = rig.get_node(name)["spec"].get("taints") or ()
    return [taint["key"] for taint in found if taint["effect"] == effect]


class NodeRig(Rig):
    """A rig whose nodes can be taken away."""

    @property
    def health(self) -> Any:
        return self.cluster.nodes.health

    def get_node(self, name: str) -> Resource:
        return self.store.get(Ref("Node", name))

    def health_of(self, name: str) -> str:
        return condition_of(self.get_node(name), "Ready")

    def when(self, condition: Callable[[], bool], limit_ns: int = 900 * S) -> float:
        """Seconds until something is so."""
        began = self.now
        return (self.run_until(condition, limit_ns) - began) / S


def more_tainted(rig: NodeRig, than: int) -> bool:
    names = [name_of(one) for one in rig.store.objects["Node"].values()]
    return sum(bool(taints(rig, name, "NoExecute")) for name in names) > than


def rig_of(*objects: Object, seed: int = 1, **parameters: Any) -> NodeRig:
    rig = NodeRig(*objects, seed=seed, parameters=parameters)
    rig.cluster.start()
    return rig


@pytest.mark.parametrize("seed", range(1, 9))
@pytest.mark.parametrize(("grace", "least", "most"), [(50, 345, 365), (40, 335, 355)])
def test_a_dead_node_is_unknown_then_tainted_then_its_pods_are_deleted_and_replaced(
    seed: int, grace: int, least: int, most: int
) -> None:
    """350 to 365 s after death in all with the grace of today; the phases of lease and monitor are drawn."""
    rig = rig_of(
        *(node(f"n-{i}") for i in range(3)),
        tolerant("web", 3),
        seed=seed,
        **{"node_lifecycle.monitor_grace": grace},
    )
    rig.run(100 * S)
    victim = next(node_of(pod) for pod in rig.pods("web"))
    doomed = [name_of(pod) for pod in rig.pods("web") if node_of(pod) == victim]
    died = rig.now
    rig.health.crash(victim)
    unknown = rig.when(lambda: rig.health_of(victim) == "Unknown")
    assert grace - 5 <= unknown <= grace + 10.1  # a lease is up to 10 s old, and looked at every 5 s
    assert rig.when(lambda: taints(rig, victim, "NoSchedule") == ["node.kubernetes.io/unreachable"]) < 1
    rig.run_until(lambda: taints(rig, victim, "NoExecute") == ["node.kubernetes.io/unreachable"])
    tainted = (rig.now - died) / S
    assert unknown + 4.9 <= tainted <= unknown + 5.1  # one look later
    assert all(condition_of(pod, "Ready") == "False" for pod in rig.pods("web") if node_of(pod) == victim)
    rig.run_until(lambda: any(is_terminating(pod) for pod in rig.pods("web")))
    deleted = (rig.now - died) / S
    assert tainted + STAYS <= deleted <= tainted + STAYS + 0.2
    assert least <= deleted <= most + 0.2
    rig.run_until(
        lambda: len([pod for pod in rig.active("web") if condition_of(pod, "Ready") == "True"]) == 3
    )
    assert all(node_of(pod) != victim for pod in rig.active("web"))
    # Nobody is there to say that its containers have ended: its pods stay, going.
    rig.run(600 * S)
    assert [name_of(pod) for pod in rig.pods("web") if is_terminating(pod)] == doomed
    assert not any(rig.checker.violations.values())


def test_a_kubelet_that_returns_ends_the_pods_that_were_deleted_meanwhile_and_the_node_is_clean() -> None:
    rig = rig_of(*(node(f"n-{i}") for i in range(3)), tolerant("web", 3))
    victim = node_of(rig.pods("web")[0])
    rig.health.halt(victim)
    rig.run_until(lambda: any(is_terminating(pod) for pod in rig.pods("web")))
    rig.run(60 * S)
    rig.health.resume(victim, rig.link)
    rig.run(60 * S)
    assert rig.health_of(victim) == "True"
    assert not rig.get_node(victim)["spec"].get("taints")
    assert not any(is_terminating(pod) for pod in rig.pods("web"))
    assert len(rig.pods("web")) == 3


def test_a_node_that_returns_in_time_keeps_its_pods() -> None:
    rig = rig_of(*(node(f"n-{i}") for i in range(3)), tolerant("web", 3))
    before = [name_of(pod) for pod in rig.pods("web")]
    victim = node_of(rig.pods("web")[0])
    rig.health.halt(victim)
    rig.run_until(lambda: bool(taints(rig, victim, "NoExecute")))
    rig.run(200 * S)
    rig.health.resume(victim, rig.link)
    rig.run(300 * S)
    assert [name_of(pod) for pod in rig.pods("web")] == before
    assert all(condition_of(pod, "Ready") == "True" for pod in rig.pods("web"))
    assert not rig.get_node(victim)["spec"].get("taints")


def test_pods_without_the_toleration_go_with_the_taint_and_those_that_tolerate_for_ever_stay() -> None:
    rig = rig_of(
        *(node(f"n-{i}") for i in range(3)),
        bare_pod("plain", nodeName="n-0", tolerations=[]),
        bare_pod("firm", nodeName="n-0", tolerations=[{"operator": "Exists"}]),
    )
    rig.run(30 * S)
    rig.health.crash("n-0")
    rig.run_until(lambda: bool(taints(rig, "n-0", "NoExecute")))
    rig.run(1 * S)
    gone = {name_of(pod): is_terminating(pod) for pod in rig.pods()}
    assert gone == {"plain": True, "firm": False}
    rig.run(900 * S)
    assert not is_terminating(rig.get("Pod", "firm"))


def test_with_every_node_gone_the_taints_are_taken_back_and_nothing_is_evicted() -> None:
    rig = rig_of(*(node(f"n-{i}") for i in range(3)), tolerant("web", 3))
    for name in ("n-0", "n-1", "n-2"):
        rig.health.halt(name)
    rig.run(200 * S)
    assert [rig.health_of(f"n-{i}") for i in range(3)] == ["Unknown"] * 3
    assert rig.health.lifecycle.is_stopped
    rig.run(1800 * S)
    assert not any(taints(rig, f"n-{i}", "NoExecute") for i in range(3))
    assert not any(is_terminating(pod) for pod in rig.pods("web"))
    # One of them returns: the others have a whole grace from then on, and are emptied after it.
    rig.health.resume("n-0", rig.link)
    began = rig.now
    rig.run_until(lambda: any(taints(rig, f"n-{i}", "NoExecute") for i in (1, 2)))
    assert (rig.now - began) / S <= 20
    assert not taints(rig, "n-0", "NoExecute")


def test_nodes_of_a_zone_are_emptied_one_in_ten_seconds() -> None:
    rig = rig_of(*(in_zone(f"n-{i:02}", "a") for i in range(10)))
    for index in range(4):
        rig.health.crash(f"n-{index:02}")
    when: list[float] = []
    while len(when) < 4:
        tainted = len(when)
        rig.run_until(partial(more_tainted, rig, tainted))
        when.append(rig.now / S)
    gaps = [round(later - sooner) for sooner, later in pairwise(when)]
    assert gaps == [10, 10, 10]


def test_a_small_zone_of_which_most_is_gone_is_not_emptied_further() -> None:
    others = [in_zone(f"b-{i}", "b") for i in range(3)]
    rig = rig_of(*(in_zone(f"a-{i}", "a") for i in range(5)), *others)
    for index in range(3):
        rig.health.crash(f"a-{index}")
    rig.run(600 * S)
    assert rig.health.lifecycle.zone_state("a") is ZoneState.PARTIAL
    assert rig.health.lifecycle.zone_state("b") is ZoneState.NORMAL
    assert sum(bool(taints(rig, f"a-{i}", "NoExecute")) for i in range(3)) <= 1


def test_a_lost_zone_beside_a_sound_one_is_emptied_at_the_normal_pace() -> None:
    rig = rig_of(*(in_zone(f"a-{i}", "a") for i in range(3)), *(in_zone(f"b-{i}", "b") for i in range(3)))
    for index in range(3):
        rig.health.crash(f"a-{index}")
    rig.run(150 * S)
    assert rig.health.lifecycle.zone_state("a") is ZoneState.FULL
    assert all(taints(rig, f"a-{i}", "NoExecute") for i in range(3))


def test_pods_of_a_deleted_node_are_removed_by_force_after_the_quarantine() -> None:
    rig = rig_of(*(node(f"n-{i}") for i in range(3)), tolerant("web", 3))
    victim = node_of(rig.pods("web")[0])
    orphans = [name_of(pod) for pod in rig.pods("web") if node_of(pod) == victim]
    rig.store.remove(Ref("Node", victim), rig.link)
    elapsed = rig.when(lambda: not any(name_of(pod) in orphans for pod in rig.pods("web")))
    assert 40 <= elapsed <= 80.5  # found within 20 s, left alone for 40 s, looked at again within 20 s
    rig.settle("web")
    assert all(node_of(pod) != victim for pod in rig.pods("web"))
    assert victim not in rig.cluster.kubelets


def test_a_controller_manager_that_is_down_marks_nobody_and_starts_the_grace_anew() -> None:
    rig = rig_of(*(node(f"n-{i}") for i in range(3)), tolerant("web", 3))
    rig.health.halt_controllers()
    rig.health.crash("n-0")
    rig.run(300 * S)
    assert rig.health_of("n-0") in ("", "True")
    rig.health.resume_controllers()
    assert 50 <= rig.when(lambda: rig.health_of("n-0") == "Unknown") <= 60.1


@pytest.mark.parametrize(
    ("well", "ill", "state"),
    [
        (3, 0, "Normal"),
        (2, 1, "Normal"),
        (1, 2, "Normal"),
        (0, 3, "FullDisruption"),
        (0, 1, "FullDisruption"),
        (2, 3, "PartialDisruption"),
        (3, 3, "Normal"),
        (45, 55, "PartialDisruption"),
        (46, 54, "Normal"),
    ],
)
def test_the_state_of_a_zone(well: int, ill: int, state: str) -> None:
    rates = Rates(0.1, 0.01, 0.55, 50)
    found = rates.state([True] * well + [False] * ill)
    assert found.value == state
    assert rates.of(found, well + ill) == (
        0.1 if state != "PartialDisruption" else 0.01 if well + ill > 50 else 0
    )


def test_a_pace_gives_its_first_token_at_once_and_none_at_rate_zero() -> None:
    pace = Pace(0.1)
    assert pace.next_ns(7) == 7
    pace.take(7)
    assert pace.next_ns(8) == 7 + 10 * S
    pace.swap(0.0)
    assert pace.next_ns(8) is None
    pace.swap(0.1)
    assert pace.next_ns(9) == 9


def test_leases_of_a_large_cluster_are_reckoned_and_make_the_same_load() -> None:
    def requests(count: int) -> tuple[int, int]:
        rig = rig_of(*(node(f"n-{i:03}") for i in range(count)))
        before = rig.agenda.entries_count
        rig.run(100 * S)
        made = sum(one.requests_count for one in rig.cluster.clients if one.name.startswith("heartbeat."))
        return made, rig.agenda.entries_count - before

    each, entries = requests(100)
    bulk, bulk_entries = requests(200)
    assert abs(bulk - 2 * each) <= 0.05 * bulk
    assert bulk_entries < entries / 2
