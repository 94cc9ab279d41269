"""Pools that grow for pods that fit nowhere and shrink when nodes are not needed, and what they cost."""

from dataclasses import replace
from typing import Any

import pytest

from scenarios.node_schema import NodePool
from scenarios.objects import node
from scenarios.pools import pools_of
from scenarios.runspec import ClusterSpec
from simulator.agenda import Agenda
from simulator.checkers import ClusterChecker
from simulator.cluster.cluster import Cluster
from simulator.cluster.placement import Demand
from simulator.cluster.scaling.groups import NodeGroup
from simulator.cluster.scaling.growth import choose, option_of
from simulator.environment import simulate
from simulator.streams import Streams
from tests.simulator.cluster.objects import Object, bare_pod, budget, deployment
from tests.simulator.cluster.rig import ENGINE, Rig, S, cluster_spec, constant, node_of
from tests.simulator.worlds import of_type, run_spec

MIN = 60 * S
GIB = 1024**3


def pool(name: str = "node", count: int = 1, **more: Any) -> NodePool:
    sizes = {"cpu": "2000m", "memory": "4Gi", "pods": 20}
    return NodePool.model_validate({"name": name, "count": count, **sizes, **more})


def scaled(pools: tuple[NodePool, ...], *objects: Object, **parameters: Any) -> ClusterSpec:
    nodes = [node(one, number, "1.34") for one in pools for number in range(one.count)]
    given = {"cluster_autoscaler.provision": constant(200), **parameters}
    spec = cluster_spec(*nodes, *objects, parameters=given)
    return replace(spec, pools=pools_of(pools, "1.34"))


class Scaled(Rig):
    """A rig with pools."""

    def __init__(self, pools: tuple[NodePool, ...], *objects: Object, **parameters: Any) -> None:
        self.agenda = Agenda()
        self._streams = Streams(1, 0)
        self.cluster = Cluster(self.agenda, scaled(pools, *objects, **parameters), ENGINE, self._streams)
        self.store = self.cluster.store
        self.checker = ClusterChecker(self.store)
        self.writes = []
        self.cluster.start()

    @property
    def nodes(self) -> list[str]:
        return [name for _, name in sorted(self.store.objects["Node"])]

    def account(self, name: str = "node") -> Any:
        return next(row for row in self.cluster.pools.rows(self.now) if row["pool"] == name)


ONE = (pool(autoscaled={"min": 1, "max": 5}, price="0.5/h"),)


def test_nodes_are_ordered_for_pods_that_fit_nowhere_and_come_after_the_time_they_take() -> None:
    rig = Scaled(ONE, deployment("web", 2, cpu="900m"))
    rig.scale("web", 6)
    rig.run(30 * S)
    assert [node_of(pod) for pod in rig.pods("web")].count("") == 4
    assert rig.account()["nodes_count_end"] == 3  # two on their way, each for two pods
    assert rig.nodes == ["node-0"]
    ready = rig.run_until(lambda: len(rig.ready("web")) == 6)
    assert 200 * S < ready < 225 * S  # seen within 10 s, then 200 s, then the pods start
    assert rig.nodes == ["node-0", "node-1", "node-2"]
    assert not any(rig.checker.violations.values())


def test_a_pool_grows_no_further_than_its_maximum_and_not_for_pods_that_it_cannot_hold() -> None:
    rig = Scaled(ONE, deployment("web", 20, cpu="900m"), deployment("huge", 1, cpu="3"))
    rig.run(20 * MIN)
    assert len(rig.nodes) == 5
    assert len(rig.ready("web")) == 10
    assert not node_of(rig.pods("huge")[0])
    rig = Scaled(ONE, deployment("huge", 1, cpu="3"))
    rig.run(5 * MIN)
    assert rig.account()["nodes_count_max"] == 1


def test_a_node_that_does_not_come_is_given_up_and_its_pool_rests() -> None:
    late = {"cluster_autoscaler.provision": constant(3600)}
    rig = Scaled(ONE, deployment("web", 3, cpu="900m"), **late)
    rig.run(14 * MIN)
    assert rig.account()["nodes_count_end"] == 2
    rig.run(2 * MIN)
    assert rig.account()["nodes_count_end"] == 1
    rig.run(5 * MIN)
    assert rig.account()["nodes_count_end"] == 2  # after a back-off of 5 min


def test_a_node_that_is_not_needed_goes_after_ten_minutes_and_the_minimum_stays() -> None:
    rig = Scaled((pool(count=3, autoscaled={"min": 1, "max": 5}),), deployment("web", 2, cpu="100m"))
    rig.run(595 * S)
    assert len(rig.nodes) == 3
    rig.run(60 * S)
    assert len(rig.nodes) < 3
    rig.run(30 * MIN)
    assert len(rig.nodes) == 1
    assert len(rig.ready("web")) == 2
    assert not any(rig.checker.violations.values())


def test_what_was_added_is_not_removed_for_ten_minutes() -> None:
    rig = Scaled(ONE, deployment("web", 2, cpu="900m"))
    rig.scale("web", 4)
    came = rig.run_until(lambda: len(rig.nodes) == 2)
    rig.scale("web", 2)
    gone = rig.run_until(lambda: len(rig.nodes) == 1, 60 * MIN)
    assert 600 * S <= gone - came <= 640 * S


@pytest.mark.parametrize("held", ["nothing", "busy", "bare", "budget", "unsafe"])
def test_nodes_stay_that_are_used_or_whose_pods_nobody_would_make_again(held: str) -> None:
    objects: list[Object] = [deployment("web", 2, cpu="1100m" if held == "busy" else "200m")]
    if held == "bare":
        objects += [bare_pod(f"own-{index}", nodeName=f"node-{index}") for index in range(2)]
    elif held == "budget":
        objects.append(budget("web", maxUnavailable=0))
    elif held == "unsafe":
        annotations = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
        objects[0]["spec"]["template"]["metadata"]["annotations"] = annotations
    rig = Scaled((pool(count=2, autoscaled={"min": 0, "max": 5}),), *objects)
    assert {node_of(pod) for pod in rig.pods("web")} == {"node-0", "node-1"}
    rig.run(40 * MIN)
    assert len(rig.ready("web")) == 2
    assert len(rig.nodes) == (1 if held == "nothing" else 2)
    assert not any(one["spec"].get("taints") for one in rig.store.objects["Node"].values())


def test_a_dead_node_is_removed_after_twenty_minutes_and_its_pods_move() -> None:
    rig = Scaled((pool(count=3, autoscaled={"min": 1, "max": 5}),), deployment("web", 6, cpu="500m"))
    rig.run(10 * S)
    victim = node_of(rig.pods("web")[0])
    rig.cluster.nodes.health.crash(victim)
    gone = rig.run_until(lambda: victim not in rig.nodes, 60 * MIN)
    assert 21 * MIN <= gone <= 32 * MIN  # Unknown after a minute, unready for 20, pods waited for


def test_the_account_is_the_integral_of_the_nodes_over_time() -> None:
    rig = Scaled(ONE, deployment("web", 2, cpu="900m"))
    rig.run(60 * MIN)
    row = rig.account()
    assert (row["node_ns"], row["cost"]) == (60 * MIN, pytest.approx(0.5))
    rig.scale("web", 4)
    rig.run(30 * MIN)
    row = rig.account()
    assert row["node_ns"] == pytest.approx(120 * MIN, rel=0.01)
    assert row["cost"] == pytest.approx(row["node_ns"] / (60 * MIN) * 0.5)
    assert (row["nodes_count_min"], row["nodes_count_max"], row["nodes_count_end"]) == (1, 2, 2)


def groups() -> tuple[NodeGroup, ...]:
    pools = (
        pool("small", 1, autoscaled={"max": 9}, price="0.10/h"),
        pool("large", 1, cpu="8000m", memory="16Gi", autoscaled={"max": 9}, price="0.45/h"),
        pool("lean", 1, cpu="2000m", memory="2Gi", autoscaled={"max": 9}, price="0.09/h"),
    )
    return tuple(NodeGroup(one) for one in pools_of(pools, "1.34"))


@pytest.mark.parametrize(
    ("expander", "count", "wanted"),
    [
        ("least-waste", 3, "lean"),  # 3 x 600m and 600Mi fill it best
        ("price", 3, "lean"),
        ("price", 40, "lean"),
        ("most-pods", 40, "large"),  # nine of the others hold 27
    ],
)
def test_what_an_expander_prefers(expander: str, count: int, wanted: str) -> None:
    demand = Demand(cpu_m=600, memory_b=600 * 1024**2)
    pending = [(f"p-{index}", demand) for index in range(count)]
    options = [option for group in groups() if (option := option_of(group, pending)) is not None]
    assert len(options) == 3
    assert choose(options, expander, (Streams(1, 0).stream("x"), 1)).group.name == wanted


def test_a_random_expander_draws_anew_each_time_and_the_same_for_the_same_seed() -> None:
    options = [option for group in groups() if (option := option_of(group, [("p", Demand(cpu_m=100))]))]
    stream = Streams(1, 0).stream("x")
    first = [choose(options, "random", (stream, ordinal)).group.name for ordinal in range(50)]
    assert first == [choose(options, "random", (stream, ordinal)).group.name for ordinal in range(50)]
    assert {*first} == {"small", "large", "lean"}


def test_packing_takes_no_more_nodes_than_one_a_pod_and_no_fewer_than_the_sum_needs() -> None:
    small = groups()[0]
    for count in range(1, 15):
        pending = [(f"p-{index}", Demand(cpu_m=700, memory_b=GIB // 4)) for index in range(count)]
        option = option_of(small, pending)
        assert option is not None
        assert option.pods == count
        assert option.nodes == -(-count // 2)


def test_a_run_says_what_its_nodes_cost_only_where_somebody_asked() -> None:
    assert not of_type(simulate(run_spec()), "pool")
    result = simulate(run_spec(on=scaled(ONE, deployment("web", 2, cpu="100m")), load=1))
    (row,) = of_type(result, "pool")
    assert row["node_ns"] == result.rows[0]["ended_ns"]  # type: ignore[typeddict-item]
