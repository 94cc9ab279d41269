"""What a seed draws: a small cluster, what people do to it, and what breaks meanwhile."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scenarios.fault_spec import FaultSpec
from tests.simulator.cluster.objects import Object, budget, deployment, job, node, quota, rolling
from tests.simulator.cluster.rig import S, constant
from tests.simulator.cluster.sets import daemonset, statefulset

ZONE = "topology.kubernetes.io/zone"
PODS_MAX = 4
OF_NODES = ("node-crash", "node-pause", "node-partition", "kubelet-stop", "image-pull-failure")
OF_ALL = (
    "scheduler-stop", "controller-manager-stop", "api-errors", "api-slow", "watch-drop", "watch-stale",
    "etcd-slow", "etcd-full", "zone-loss", "crash-loop",
)  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """What somebody does at an instant; `who` and `what` are a name and a number, as the verb has them."""

    at_ns: int
    verb: str
    who: str
    what: int


@dataclass(frozen=True)
class Scene:
    """A drawn history."""

    objects: list[Object]
    parameters: dict[str, Any]
    behaviours: dict[str, dict[str, Any]]
    operations: list[Operation]
    faults: list[FaultSpec]
    calm_ns: int
    """From then on nobody does anything, and every fault has ended."""

    @property
    def deletes(self) -> bool:
        """Whether pods go without an eviction: budgets are then judged by a status that is behind."""
        return bool(self.faults) or any(one.verb in ("delete", "recreate") for one in self.operations)


def scene_of(seed: int) -> Scene:
    """Draw the scene of a seed."""
    draw = random.Random(seed)
    nodes = [_node(number, draw) for number in range(draw.randint(2, 5))]
    apps = {name: draw.randint(0, PODS_MAX) for name in ("web", "db", "mono")[: draw.randint(1, 3)]}
    objects = [*nodes, *(_deployment(name, replicas, draw) for name, replicas in apps.items())]
    if draw.random() < 0.5:
        policy = draw.choice(["OrderedReady", "Parallel"])
        objects.append(statefulset("store", draw.randint(1, 3), podManagementPolicy=policy))
    if draw.random() < 0.4:
        objects.append(daemonset("agent"))
    if draw.random() < 0.4:
        objects.append(job("batch", draw.choice([1, 20, 90]), backoffLimit=draw.choice([0, 6])))
    objects += [budget(name, maxUnavailable=1) for name in apps if draw.random() < 0.5]
    if draw.random() < 0.3:
        objects.append(quota(pods="40"))
    calm_ns = draw.choice([120, 600, 1_500]) * S
    return Scene(
        objects,
        _parameters(draw),
        {"*": _behaviour(draw)},
        _operations(draw, list(apps), [one["metadata"]["name"] for one in nodes], calm_ns),
        _faults(draw, list(apps), [one["metadata"]["name"] for one in nodes], calm_ns),
        calm_ns,
    )


def _node(number: int, draw: random.Random) -> Object:
    one = node(f"n{number}", draw.choice(["4", "8"]), pods=draw.choice(["20", "50"]))
    one["metadata"]["labels"][ZONE] = "ab"[number % 2]
    return one


def _deployment(name: str, replicas: int, draw: random.Random) -> Object:
    more: dict[str, Any] = {}
    if draw.random() < 0.3:
        more["strategy"] = {"type": "Recreate"}
    elif draw.random() < 0.5:
        choices: list[tuple[int | str, int | str]] = [(0, 1), (1, 0), ("50%", "50%")]
        more["strategy"] = rolling(*draw.choice(choices))
    if draw.random() < 0.2:
        more["minReadySeconds"] = 5
    return deployment(name, replicas, cpu="200m", probe_s=draw.choice([None, 1, 5]), **more)


def _parameters(draw: random.Random) -> dict[str, Any]:
    parameters: dict[str, Any] = {"watch.delay": constant(draw.choice([0.0, 0.002, 0.3]))}
    if draw.random() < 0.5:
        parameters |= {"controller_manager.qps": 20, "controller_manager.burst": 30}
    if draw.random() < 0.3:
        parameters["image.cached"] = False
    return parameters


def _behaviour(draw: random.Random) -> dict[str, Any]:
    return {
        "startup": constant(draw.choice([0.0, 1.0, 6.0])),
        "exit": constant(draw.choice([0.5, 5.0])),
        "image_mb": 50,
        "crash_probability": draw.choice([0.0, 0.0, 0.2]),
    }


def _operations(draw: random.Random, apps: list[str], nodes: list[str], calm_ns: int) -> list[Operation]:
    who: dict[str, Callable[[], str]] = {
        "scale": lambda: draw.choice(apps),
        "roll out": lambda: draw.choice(apps),
        "pause": lambda: draw.choice(apps),
        "recreate": lambda: draw.choice(apps),
        "delete": lambda: "",
        "evict": lambda: "",
        "cordon": lambda: draw.choice(nodes),
    }
    verbs = list(who)
    if draw.random() < 0.4:  # so that budgets are judged strictly in some
        verbs = [verb for verb in verbs if verb not in ("delete", "recreate")]
    drawn = []
    for _ in range(draw.randint(0, 15)):
        verb = draw.choice(verbs)
        drawn.append(Operation(draw.randrange(calm_ns), verb, who[verb](), draw.randint(0, 40)))
    return sorted(drawn, key=lambda one: one.at_ns)


def _faults(draw: random.Random, apps: list[str], nodes: list[str], calm_ns: int) -> list[FaultSpec]:
    return [_fault(draw, apps, nodes, calm_ns) for _ in range(draw.choice([0, 1, 1, 2, 3]))]


def _fault(draw: random.Random, apps: list[str], nodes: list[str], calm_ns: int) -> FaultSpec:
    kind = draw.choice(OF_NODES + OF_ALL)
    at_ns = draw.randrange(calm_ns)
    lasts_ns = draw.randrange(1, calm_ns - at_ns + 1)
    options: dict[str, Any] = {}
    candidates: tuple[str, ...] = ()
    workload = ""
    if kind in OF_NODES:
        candidates = tuple(sorted(draw.sample(nodes, draw.randint(1, len(nodes)))))
    elif kind == "zone-loss":
        candidates = (draw.choice("ab"),)
    elif kind == "api-errors":
        status = draw.choice([429, 409, 500, 503, 504, "timeout"])
        options = {"status": status, "share": draw.choice([0.2, 1.0])}
        options |= draw.choice([{}, {"clients": ("controllers",)}, {"clients": ("kubelets", "scheduler")}])
    elif kind == "api-slow":
        options = {"share": 1.0, "factor": draw.choice([5.0, 50.0])}
    elif kind == "watch-stale":
        options = {"lag": draw.choice([1, 20]) * S}
    elif kind == "etcd-slow":
        options = {"factor": 20.0}
    elif kind == "crash-loop":
        workload, options = f"default/{draw.choice(apps)}", {"after": draw.choice([0, 3]) * S}
    lasts = {"dist": "constant", "value_s": lasts_ns / S}
    return FaultSpec(kind, at_ns, None, lasts, candidates, None, workload, options)
