"""A cluster of a given size, brought up by itself: `python -m tests.benchmarks.scale NODES PODS`.

Every node has one taint, which the pods tolerate; Deployments of 100 pods with requests are created at
once by a client, their ReplicaSets and pods by their controllers, whose shared bucket is raised to 5,000, as
is the scheduler's. The rest is as it comes: cluster events, leases, fair queues, tokens of service accounts.
"""

import gc
import json
import resource
import sys
from collections.abc import Callable, Mapping
from time import process_time
from typing import Any

from engine.core.effects import Resource
from scenarios.parameters import defaults
from scenarios.runspec import ClusterSpec, EngineSpec
from simulator.agenda import Agenda
from simulator.attribution import Link, root
from simulator.cluster.cluster import Cluster
from simulator.cluster.objects import is_ready
from simulator.streams import Streams

Object = dict[str, Any]
SECOND_NS = 1_000_000_000
REPLICAS = 100
TAINT = {"key": "dedicated", "value": "batch", "effect": "NoSchedule"}
HOSTNAME = "kubernetes.io/hostname"


def node(number: int) -> Object:
    name = f"node-{number}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {HOSTNAME: name}},
        "spec": {"taints": [TAINT]},
        "status": {"allocatable": {"cpu": "8", "memory": "32768Mi", "pods": "110"}},
    }


def deployment(number: int, replicas: int) -> Object:
    labels = {"app": f"app-{number}"}
    requests = {"cpu": "100m", "memory": "200Mi"}
    container = {"name": "c", "image": "app:1", "resources": {"requests": requests}}
    spec = {"tolerations": [{**TAINT, "operator": "Equal"}], "containers": [container]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"app-{number}", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def cluster_of(nodes: int, parameters: Mapping[str, Any]) -> tuple[Agenda, Cluster]:
    """A cluster with no pods yet."""
    second = {"dist": "constant", "value_s": 1.0}
    raised = {
        f"{who}.{what}": 5000 for who in ("controller_manager", "scheduler") for what in ("qps", "burst")
    }
    spec = ClusterSpec(
        name="scale",
        kubernetes_version="1.34",
        objects=tuple(map(node, range(nodes))),
        behaviours={"*": {"startup": second, "exit": second}},
        parameters={**defaults(), **raised, **parameters},
        overrides={},
    )
    engine = EngineSpec(
        max_concurrency=None,
        step_slots=None,
        step_timeout_ns=600 * SECOND_NS,
        execution_timeout_ns=None,
        dispatch="fifo",
        client_qps=None,
        client_burst=1,
        decision_ns=0,
    )
    agenda = Agenda()
    return agenda, Cluster(agenda, spec, engine, Streams(1, 0))


def bring_up(
    nodes: int,
    pods: int,
    written: Callable[[Resource | None, Resource], None] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """Bring a cluster up until all pods are ready; `written` is told of every write of a pod."""
    gc.collect()
    gc.disable()  # as `simulate` does
    began = process_time()
    agenda, cluster = cluster_of(nodes, parameters or {})
    built = process_time()
    ready = 0

    def note(kind: str, before: Resource | None, after: Resource | None, _link: Link) -> None:
        nonlocal ready
        if kind == "Pod" and after is not None:
            ready += is_ready(after) and not (before is not None and is_ready(before))
            if written is not None:
                written(before, after)

    cluster.store.published.append(note)
    cluster.start()
    for number in range(-(-pods // REPLICAS)):
        replicas = min(REPLICAS, pods - number * REPLICAS)
        cluster.store.create(deployment(number, replicas), root(0))
    while ready < pods:
        agenda.run(until=agenda.now + SECOND_NS)
    ended = process_time()
    gc.enable()
    return {
        "built_s": built - began,
        "ran_s": ended - built,
        "pods_per_s": pods / (ended - began),
        "virtual_s": agenda.now / SECOND_NS,
        "entries": agenda.entries_count,
        "memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20),
    }


if __name__ == "__main__":
    print(json.dumps(bring_up(int(sys.argv[1]), int(sys.argv[2]))))
