"""Rows V11, V13 and V14: Deployments made at once behind the controllers' buckets, and the scheduler.

V11  kubernetes-sigs/kwok issues 1248 and 1533: 600 Deployments of one replica, created at once on simulated
     nodes, become ready at about 5 a second (2 minutes): 20 requests a second, four writes a Deployment.
V13  k/k test/integration/scheduler_perf/misc/performance-config.yaml: at 5,000 nodes no fewer than 680 pods a
     second are scheduled (680 to 810, by the workload).
V14  kubernetes-sigs/cluster-capacity, README: 4 nodes of 2 CPU, pods of 150m / 100Mi: 52 pods, 13 a node.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from math import inf
from typing import Any

from engine.core.effects import Ref, Resource
from headroom.validation.laboratory import SECOND_NS, Laboratory, bare_pod, constant, deployment, node
from headroom.validation.row import Row, Settings
from simulator.attribution import Link, root
from simulator.cluster.objects import is_ready

_DEPLOYMENTS, _PER_SECOND = 600, 5.0
_CREATED_PER_SECOND = 100
_FLOORS, _LARGE_NODES, _SCHEDULED = (680.0, 810.0), 5_000, 1_000
_PODS, _PODS_A_NODE, _NODES = 52, 13, 4


def rows(settings: Settings) -> Iterator[Row]:
    """Create the Deployments; pack the pods."""
    yield Row(
        "V11", f"{_DEPLOYMENTS} one-replica Deployments created at once: ready a second", "1/s", _PER_SECOND,
        "prediction", ready_per_second(settings.seed), None, None, 1, (0.9, 1.1), "kwok issues 1248, 1533",
    )  # fmt: skip
    rate, source = scheduled_per_second(settings.seed), "scheduler_perf performance-config.yaml"
    yield Row(
        "V13", "scheduler at 5,000 nodes: pods a second, against the lowest floor", "1/s", _FLOORS[0],
        "bound", rate, None, None, 1, (1.0, inf), source,
    )  # fmt: skip
    yield Row(
        "V13", "the same against the highest: set to lie between the two", "1/s", _FLOORS[1], "fit", rate,
        None, None, 1, (0.0, 1.0), source,
    )  # fmt: skip
    placed = packed(settings.seed)
    source = "cluster-capacity README"
    yield Row(
        "V14", "pods of 150m / 100Mi on 4 nodes of 2 CPU", "pods", _PODS, "exact", sum(placed.values()),
        None, None, 1, (1.0, 1.0), source,
    )  # fmt: skip
    yield Row(
        "V14", "the same: nodes that hold 13 of them", "nodes", _NODES, "exact",
        sum(count == _PODS_A_NODE for count in placed.values()), None, None, 1, (1.0, 1.0), source,
    )  # fmt: skip


def ready_per_second(seed: int) -> float:
    """Return at which rate the Deployments' pods become ready, from the creation to the last."""
    quick = {"kubelet.container_start": constant(0.1)}  # a simulated kubelet starts nothing
    laboratory = Laboratory([node(f"node-{number}") for number in range(50)], seed, parameters=quick)
    ready: dict[str, int] = {}

    def written(kind: str, _before: Resource | None, after: Resource | None, _link: Link) -> None:
        if kind == "Pod" and after is not None and is_ready(after):
            ready.setdefault(after["metadata"]["name"], laboratory.agenda.now)

    laboratory.store.published.append(written)

    def create(number: int, _entry: Any) -> None:
        made = partial(laboratory.store.create, deployment(f"d{number}", 1))
        laboratory.client.write(made, number, root(laboratory.agenda.now))

    for number in range(_DEPLOYMENTS):  # all in the same instant would be refused in part: 429
        laboratory.agenda.after(number * SECOND_NS // _CREATED_PER_SECOND, partial(create, number))
    laboratory.run(600 * SECOND_NS)
    if len(ready) != _DEPLOYMENTS:
        return 0.0
    return _DEPLOYMENTS / (max(ready.values()) / SECOND_NS)


def scheduled_per_second(seed: int) -> float:
    """Return how many pods a second are bound on many nodes, behind a client without a limit that matters."""
    nodes = [node(f"node-{number}") for number in range(_LARGE_NODES)]
    quick = {"scheduler.qps": 5_000, "scheduler.burst": 5_000}
    laboratory = Laboratory(nodes, seed, parameters=quick)
    bound: dict[str, int] = {}

    def written(kind: str, _before: Resource | None, after: Resource | None, _link: Link) -> None:
        if kind == "Pod" and after is not None and after["spec"].get("nodeName"):
            bound.setdefault(after["metadata"]["name"], laboratory.agenda.now)

    laboratory.store.published.append(written)
    for number in range(_SCHEDULED):
        laboratory.store.create(bare_pod(f"pod-{number}"), root(0))
    laboratory.run(10 * SECOND_NS)
    instants = sorted(bound.values())
    return (len(instants) - 1) / ((instants[-1] - instants[0]) / SECOND_NS)


def packed(seed: int) -> dict[str, int]:
    """Return how many of 60 pods each node gets: a Deployment is scaled up in the running cluster."""
    objects = [node(f"node-{number}", cpu="2", memory="4Gi") for number in range(_NODES)]
    laboratory = Laboratory([*objects, deployment("app", 0, "150m", "100Mi")], seed)
    ref = Ref("Deployment", "app", "default")
    scale = partial(laboratory.store.patch, ref, {"spec": {"replicas": 60}})
    laboratory.client.write(scale, 1, root(0))
    laboratory.run(60 * SECOND_NS)
    pods = laboratory.store.objects["Pod"].values()
    nodes = Counter(pod["spec"].get("nodeName", "") for pod in pods)
    return {name: count for name, count in nodes.items() if name}
