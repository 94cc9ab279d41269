"""The scheduler's choices against those of a plain scheduler that goes through everything each time."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.cluster.fleet import Fleet
from simulator.cluster.objects import key_of
from simulator.cluster.placement import Demand
from tests.oracles import plain_scheduler as plain
from tests.oracles.random_clusters import OWNERS, SERVICE, Object, node, pod


class Pair:
    """The model's fleet and the plain world, told the same."""

    def __init__(self, nodes: list[Object], *, services: bool = False, most: bool = False) -> None:
        known: dict[str, dict[Any, Object]] = {"ReplicaSet": {key_of(one): one for one in OWNERS}}
        if services:
            known["Service"] = {key_of(SERVICE): SERVICE}
        self.fleet = Fleet(known, most=most)
        for one in nodes:
            self.fleet.set_node(one)
        owners: Mapping[str, Object] = {one["metadata"]["uid"]: one for one in OWNERS}
        self.world = plain.World(nodes, [], owners, [SERVICE] if services else [], most)
        self.start = 0

    def judge(self, wanted: Object) -> None:
        """Compare what each says of a pod: refusals, scores."""
        demand = Demand.of(wanted["spec"])
        scores = self.fleet.scores(wanted, demand)
        said = dict(
            zip((one.name for one in self.fleet.ordered()), self.fleet.refusals(wanted, demand), strict=True)
        )
        feasible = []
        for one in self.world.nodes:
            words = plain.refusals(self.world, one, wanted)
            name = plain.name_of(one)
            assert (name in scores) is not bool(words)
            refused = said[name]
            if demand.node and demand.node != name:  # the node is named, so others are not even looked at
                assert refused is not None
                assert refused.reasons == ("node(s) didn't satisfy plugin(s) [NodeAffinity]",)
            else:
                assert list(refused.reasons if refused is not None else ()) == words
            if not words:
                feasible.append(one)
        if feasible:
            expected = plain.scores(self.world, feasible, wanted)
            assert scores == dict(zip(map(plain.name_of, feasible), expected, strict=True))

    def put(self, wanted: Object) -> str:
        """Compare the choice, and carry it out in both."""
        demand = Demand.of(wanted["spec"])
        chosen = self.fleet.choose(wanted, key_of(wanted), demand)
        expected, following = plain.choose(self.world, wanted, self.start)
        if not demand.node:  # the named node is asked alone, which moves nothing on
            self.start = following
        assert (chosen.name if chosen is not None else "") == expected
        if chosen is not None:
            placed = {**wanted, "spec": {**wanted["spec"], "nodeName": chosen.name}}
            self.world.pods.append(placed)
            self.fleet.place(key_of(wanted), chosen.name, demand, wanted)
        return expected

    def let_go(self, number: int) -> None:
        """Ask a pod to go; it still stands."""
        found = self.world.pods[number % len(self.world.pods)]
        found["metadata"] = {**found["metadata"], "deletionTimestamp": "now"}
        self.fleet.going(key_of(found))

    def remove(self, number: int) -> None:
        found = self.world.pods.pop(number % len(self.world.pods))
        self.fleet.release(key_of(found))

    def check_room(self) -> None:
        """No node is given more than it has."""
        for one in self.fleet.nodes.values():
            assert one.cpu_m_taken <= one.cpu_m
            assert one.memory_b_taken <= one.memory_b
            assert one.pods_taken <= one.pods
            assert all(taken <= one.extended.get(name, 0) for name, taken in one.extended_taken.items())


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_same_feasible_sets_scores_and_places(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 5))
    pair = Pair(
        [data.draw(node(number)) for number in range(count)],
        services=data.draw(st.booleans()),
        most=data.draw(st.booleans()),
    )
    for number in range(data.draw(st.integers(6, 16))):
        wanted = data.draw(pod(number))
        pair.judge(wanted)
        pair.put(wanted)
        if pair.world.pods and not data.draw(st.integers(0, 3)):
            pair.let_go(data.draw(st.integers(0, 20)))
        if pair.world.pods and not data.draw(st.integers(0, 3)):
            pair.remove(data.draw(st.integers(0, 20)))
    pair.check_room()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_plain_pods_go_the_same_way_by_the_short_cuts(data: st.DataObject) -> None:
    """Pods without rules of their own are placed out of tables; owners' pods are spread all the same."""
    pair = Pair([data.draw(node(number)) for number in range(data.draw(st.integers(1, 8)))])
    for number in range(data.draw(st.integers(1, 25))):
        pair.put(data.draw(pod(number, plain=True)))
        if pair.world.pods and not data.draw(st.integers(0, 4)):
            pair.remove(data.draw(st.integers(0, 20)))
    pair.check_room()


def many(count: int, zones: int) -> list[Object]:
    return [
        {
            "kind": "Node",
            "metadata": {
                "name": f"n{number}",
                "labels": {plain.HOST: f"n{number}"} | ({plain.ZONE: f"z{number % zones}"} if zones else {}),
            },
            "spec": {"unschedulable": True} if number % 7 == 0 else {},
            "status": {"allocatable": {"cpu": "2", "memory": "4096Mi", "pods": "4"}},
        }
        for number in range(count)
    ]


def wanted(number: int, app: str, cpu: str) -> Object:
    return {
        "kind": "Pod",
        "metadata": {
            "name": f"p{number}", "namespace": "one", "labels": {"app": app},
            "ownerReferences": [
                {"kind": "ReplicaSet", "name": f"rs-{app}", "controller": True, "uid": f"one-{app}"}
            ],
        },
        "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu, "memory": "100Mi"}}}]},
    }  # fmt: skip


@settings(max_examples=6, deadline=None)
@given(st.sampled_from((0, 3)), st.lists(st.sampled_from(("a", "b")), min_size=30, max_size=60))
def test_a_large_cluster_is_searched_in_turns(zones: int, apps: list[str]) -> None:
    """Of 250 nodes 120 feasible ones are enough; the next search begins where the last one ended."""
    pair = Pair(many(250, zones))
    for number, app in enumerate(apps):
        pair.put(wanted(number, app, "1500m" if number % 5 == 0 else "300m"))
    assert pair.start != 0
    pair.check_room()
