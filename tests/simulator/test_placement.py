from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.cluster.diagnosis import unschedulable_message
from simulator.cluster.fleet import Fleet
from simulator.cluster.placement import (
    Demand,
    NodeFree,
    allocation_score,
    balanced_allocation,
    fits,
    least_allocated,
    most_allocated,
    refusals,
)

MI = 1 << 20


def pod(cpu: str = "", memory: str = "", **spec: Any) -> Demand:
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    return Demand.of({"containers": [{"resources": {"requests": requests}}], **spec})


def node_object(
    name: str = "node-0", cpu: str = "4", memory: str = "8Gi", pods: str = "50", **spec: Any
) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"zone": name}},
        "spec": spec,
        "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods}},
    }


def node(*args: Any, **kwargs: Any) -> NodeFree:
    return NodeFree.of(node_object(*args, **kwargs))


class Placing:
    """A fleet that pods without labels are put on, one after the other."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.fleet = Fleet({})
        self.count = 0
        for one in objects:
            self.fleet.set_node(one)

    def put(self, demand: Demand) -> str:
        """Place a pod; return where, or nothing."""
        self.count += 1
        key = ("default", f"p{self.count}")
        self.pod = {"metadata": {"namespace": key[0], "name": key[1]}, "spec": {}}
        chosen = self.fleet.choose(self.pod, key, demand)
        if chosen is None:
            return ""
        self.fleet.place(key, chosen.name, demand, self.pod)
        return chosen.name

    def message(self, demand: Demand) -> str:
        return unschedulable_message(self.fleet.refusals(self.pod, demand))


def test_v14_static_packing_of_cluster_capacity() -> None:
    """kubernetes-sigs/cluster-capacity, README: 4 nodes x 2 CPU, 150m / 100Mi a pod: 52 pods, 13 a node."""
    placing = Placing(*(node_object(f"kube-node-{i}", cpu="2", memory="4Gi", pods="110") for i in range(4)))
    demand = pod("150m", "100Mi")
    placed: Counter[str] = Counter()
    while chosen := placing.put(demand):
        placed[chosen] += 1
    assert placed == {f"kube-node-{i}": 13 for i in range(4)}
    assert placing.message(demand) == "0/4 nodes are available: 4 Insufficient cpu."


def test_score_is_the_integer_mean_of_the_free_shares() -> None:
    free = node(cpu="3", memory="8Gi")
    # cpu: (3000 - 1000) * 100 // 3000 = 66; memory: 7/8 -> 87; mean 76 (integer division throughout)
    assert least_allocated(free, pod("1", "1Gi")) == 76


def test_a_pod_without_requests_counts_in_the_score_but_not_in_the_filter() -> None:
    full = node(cpu="1", memory="1Gi")
    full.take(pod("1", "1Gi"))
    assert fits(full, pod())
    assert not fits(full, pod("1m"))
    assert least_allocated(node(cpu="1", memory="2000Mi"), pod()) == 90


def test_filling_up_scores_what_is_taken_instead() -> None:
    free = node(cpu="3", memory="8Gi")
    assert most_allocated(free, pod("1", "1Gi")) == (1000 * 100 // 3000 + 12) // 2


def test_balance_scores_how_close_the_shares_of_cpu_and_memory_are() -> None:
    free = node(cpu="4", memory="8Gi")
    assert balanced_allocation(free, pod("1", "2Gi")) == 100
    assert balanced_allocation(free, pod("4", "2Gi")) == 62  # 1 and 0.25: 100 less half of 75
    assert balanced_allocation(free, pod()) == 0  # a pod that requests nothing is not scored


def test_ties_go_to_the_first_node() -> None:
    placing = Placing(node_object("b"), node_object("a"), node_object("c"))
    assert placing.put(pod("1", "1Gi")) == "b"


@pytest.mark.parametrize(
    ("taint", "toleration", "tolerated"),
    [
        ({"key": "k", "value": "v", "effect": "NoSchedule"}, {"key": "k", "operator": "Exists"}, True),
        ({"key": "k", "value": "v", "effect": "NoSchedule"}, {"key": "k", "value": "v"}, True),
        ({"key": "k", "value": "v", "effect": "NoSchedule"}, {"key": "k", "value": "w"}, False),
        (
            {"key": "k", "effect": "NoExecute"},
            {"key": "k", "operator": "Exists", "effect": "NoSchedule"},
            False,
        ),
        ({"key": "k", "effect": "NoExecute"}, {"operator": "Exists"}, True),
        ({"key": "k", "effect": "NoSchedule"}, None, False),
        ({"key": "k", "effect": "PreferNoSchedule"}, None, True),
    ],
)
def test_taints_keep_pods_off(
    taint: dict[str, str], toleration: dict[str, str] | None, *, tolerated: bool
) -> None:
    tainted = node(taints=[taint])
    assert fits(tainted, pod("1", tolerations=[toleration] if toleration else [])) is tolerated


def test_the_number_of_pods_is_limited() -> None:
    small = node(pods="2")
    for _ in range(2):
        assert fits(small, pod())
        small.take(pod())
    assert not fits(small, pod())
    assert refusals(small, pod()) == ("Too many pods",)


def test_unschedulable_nodes_and_selectors() -> None:
    objects = (node_object("node-0", unschedulable=True), node_object("node-1"))
    assert refusals(NodeFree.of(objects[0]), pod()) == ("node(s) were unschedulable",)
    assert Placing(*objects).put(pod()) == "node-1"
    assert not Placing(*objects).put(pod(nodeSelector={"zone": "node-2"}))


def test_message_counts_each_reason() -> None:
    placing = Placing(
        node_object("small", cpu="100m", memory="10Mi", pods="0"),
        node_object("cordoned", unschedulable=True),
    )
    assert not placing.put(pod("1", "1Gi"))
    assert placing.message(pod("1", "1Gi")) == (
        "0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 Too many pods, "
        "1 node(s) were unschedulable."
    )


def test_demand_is_containers_or_the_largest_init_container_with_its_sidecars() -> None:
    def container(cpu: str, **more: Any) -> dict[str, Any]:
        return {"resources": {"requests": {"cpu": cpu}}, **more}

    demand = Demand.of(
        {
            "containers": [container("200m"), container("100m"), {"resources": {"limits": {"cpu": "50m"}}}],
            "initContainers": [container("100m", restartPolicy="Always"), container("900m")],
            "overhead": {"cpu": "5m"},
        }
    )
    assert demand.cpu_m == 1000 + 5  # the init container beside the sidecar, more than 350m + 100m


def test_extended_resources_are_filtered_not_scored() -> None:
    wants = Demand.of({"containers": [{"resources": {"requests": {"nvidia.com/gpu": "1"}}}]})
    gpu = NodeFree.of(
        {"metadata": {"name": "g"}, "status": {"allocatable": {"cpu": "1", "nvidia.com/gpu": "1"}}}
    )
    assert refusals(node(), wants) == ("Insufficient nvidia.com/gpu",)
    assert fits(gpu, wants)
    gpu.take(wants)
    assert not fits(gpu, wants)
    gpu.give_back(wants)
    assert fits(gpu, wants)


demands = st.builds(
    lambda cpu, memory: pod(f"{cpu}m" if cpu else "", f"{memory}Mi" if memory else ""),
    st.integers(0, 2000),
    st.integers(0, 4000),
)


@given(st.lists(demands, max_size=60), st.integers(1, 4))
def test_never_overcommits_and_refuses_only_with_a_reason(wanted: list[Demand], count: int) -> None:
    placing = Placing(*(node_object(f"n{i}", pods="12") for i in range(count)))
    nodes = placing.fleet.nodes
    for demand in wanted:
        assert all(fits(n, demand) is not bool(refusals(n, demand)) for n in nodes.values())
        scores = {n.name: allocation_score(n, demand) for n in nodes.values() if fits(n, demand)}
        chosen = placing.put(demand)
        assert bool(chosen) == bool(scores)
        if chosen:
            assert scores[chosen] == max(scores.values())
    assert all(
        n.cpu_m_taken <= n.cpu_m and n.memory_b_taken <= 8192 * MI and n.pods_taken <= 12
        for n in nodes.values()
    )
