"""What each kind of fault does to the cluster, and how that is undone.

A fault of a kind is begun by a function that is given the cluster and what to hit; it returns what ends it.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from engine.core.effects import Resource
from scenarios.fault_spec import FaultSpec
from simulator.agenda import Agenda
from simulator.attribution import root
from simulator.cluster.cluster import Cluster
from simulator.cluster.etcd import SPACE_EXCEEDED
from simulator.cluster.faults.crashing import Crashing
from simulator.cluster.faults.wholeness import Wholeness
from simulator.cluster.injection import Injection
from simulator.cluster.zones import ZONE

Undo = Callable[[], None]


class Hit(NamedTuple):
    """What a fault hits this time."""

    agenda: Agenda
    cluster: Cluster
    wholeness: Wholeness
    spec: FaultSpec
    targets: Sequence[str]  # nodes or zones, as drawn; else empty


class Begun(NamedTuple):
    """What a fault has hit, and how it ends."""

    targets: list[str]
    undo: Undo


CLIENTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "engine": ("engine",),
        "controllers": ("controller-manager", "*-controller", "*-collector", "horizontal-pod-autoscaler"),
        "scheduler": ("scheduler",),
        "kubelets": ("kubelet.*", "kubelet-events.*", "heartbeat.*"),
        "storage": ("storage",),
        "autoscaler": ("cluster-autoscaler",),
    }
)
"""Patterns of the clients that a scenario names."""


def _begin_crash(hit: Hit) -> Begun:
    return _crash(hit, hit.targets)


def _begin_zone_loss(hit: Hit) -> Begun:
    nodes = hit.cluster.store.objects.get("Node", {})
    lost = [
        name
        for (_, name), node in nodes.items()
        if (node["metadata"].get("labels") or {}).get(ZONE, "") in hit.targets
    ]
    # Machines die whatever their kubelets are about; those that are dead already stay so for longer.
    return Begun([*hit.targets], _crash(hit, [name for name in lost if name in hit.cluster.kubelets]).undo)


def _crash(hit: Hit, nodes: Sequence[str]) -> Begun:
    health = hit.cluster.nodes.health
    for node in nodes:
        if health.is_there(node):
            hit.wholeness.crashed(node)
        health.crash(node)
    _note_lost(hit, nodes)

    def undo() -> None:
        for node in nodes:
            health.boot(node, root(hit.agenda.now))
        _note_lost(hit, nodes)

    return Begun([*nodes], undo)


def _begin_halt(hit: Hit, *, reachable: bool, restarted: bool) -> Begun:
    """Cut kubelets off; `reachable` says whether their containers go on serving meanwhile."""
    health = hit.cluster.nodes.health
    for node in hit.targets:
        health.halt(node, reachable=reachable)
    _note_lost(hit, hit.targets)

    def undo() -> None:
        for node in hit.targets:
            health.resume(node, root(hit.agenda.now), reachable=reachable, restarted=restarted)
        _note_lost(hit, hit.targets)

    return Begun([*hit.targets], undo)


def _note_lost(hit: Hit, nodes: Sequence[str]) -> None:
    """Let pods count only where no fault, this or another, keeps clients from them."""
    lost = hit.wholeness.lost
    for node in nodes:
        if hit.cluster.nodes.health.is_reached(node):
            lost.pop(node, None)
        else:
            lost[node] = None
    hit.wholeness.recount()


def _begin_cut_off(hit: Hit) -> Begun:
    return _begin_halt(hit, reachable=False, restarted=False)


def _begin_kubelet_stop(hit: Hit) -> Begun:
    return _begin_halt(hit, reachable=True, restarted=True)


def _begin_scheduler_stop(hit: Hit) -> Begun:
    scheduler = hit.cluster.scheduler
    again = hit.cluster.leaders.stop("kube-scheduler", scheduler.halt, scheduler.resume)
    return Begun(["scheduler"], again)


def _begin_manager_stop(hit: Hit) -> Begun:
    controllers, health = hit.cluster.control_plane.controllers, hit.cluster.nodes.health

    def halt() -> None:
        controllers.halt()
        health.halt_controllers()

    def resume() -> None:
        controllers.resume()
        health.resume_controllers()

    return Begun(["controller-manager"], hit.cluster.leaders.stop("kube-controller-manager", halt, resume))


def _inject(hit: Hit, injection: Injection, targets: list[str]) -> Begun:
    injections = hit.cluster.server.injections
    injections.append(injection)

    def undo() -> None:
        # By identity: two faults may say the same.
        injections[:] = [one for one in injections if one is not injection]

    return Begun(targets, undo)


def _begin_api_trouble(hit: Hit) -> Begun:
    options = hit.spec.options
    names = options.get("clients") or ()
    injection = Injection(
        status=options.get("status"),
        probability=options["share"],
        clients=tuple(pattern for name in names for pattern in CLIENTS[name]),
        verbs=tuple(options.get("verbs") or ()),
        kinds=tuple(options.get("kinds") or ()),
        delay_ns=options.get("delay") or 0,
        retry_after_s=max(1, options.get("retry_after", 1_000_000_000) // 1_000_000_000),
        factor=options.get("factor") or 1.0,
    )
    return _inject(hit, injection, [*names] or ["apiserver"])


def _begin_watch_drop(hit: Hit) -> Begun:
    hit.cluster.watch.drop()
    return Begun(["watches"], _nothing)


def _begin_watch_stale(hit: Hit) -> Begun:
    watch, lag = hit.cluster.watch, hit.spec.options["lag"]
    watch.lag(watch.extra_ns + lag)
    return Begun(["watches"], lambda: watch.lag(watch.extra_ns - lag))


def _begin_etcd_slow(hit: Hit) -> Begun:
    factor = hit.spec.options["factor"]
    host = hit.cluster.access.host
    if host is None:  # a write's time of service is its commit's, for the most part
        return _inject(hit, Injection(verbs=("write",), factor=factor), ["etcd"])
    etcd = host.etcd
    etcd.slowness *= factor

    def undo() -> None:
        etcd.slowness /= factor

    return Begun(["etcd"], undo)


def _begin_etcd_full(hit: Hit) -> Begun:
    # A removal needs no space (etcd server/etcdserver/apply/apply.go applierV3Capped); a mark does.
    refused = Injection(status=500, verbs=("create", "update", "patch"), message=SPACE_EXCEEDED)
    begun, store = _inject(hit, refused, ["etcd"]), hit.cluster.store
    store.full_count += 1

    def undo() -> None:
        begun.undo()
        store.full_count -= 1

    return Begun(begun.targets, undo)


def _begin_pull_failure(hit: Hit) -> Begun:
    image, kubelets = hit.spec.options.get("image"), hit.cluster.kubelets

    def fails(pod: Resource) -> bool:
        spec = pod["spec"]
        return image is None or any(
            container.get("image") == image
            for container in (*(spec.get("initContainers") or ()), *spec["containers"])
        )

    struck = [kubelets[node].images for node in hit.targets if node in kubelets]
    for images in struck:
        if not isinstance(images.failing, _Failing):
            images.failing = _Failing()
        images.failing.faults.append(fails)

    def undo() -> None:
        for images in struck:
            failing = images.failing
            assert isinstance(failing, _Failing)
            failing.faults[:] = [one for one in failing.faults if one is not fails]
            if not failing.faults:
                images.failing = None

    return Begun([*hit.targets], undo)


class _Failing:
    """Which pods' images cannot be pulled on a node: those of any fault that lasts."""

    def __init__(self) -> None:
        self.faults: list[Callable[[Resource], bool]] = []

    def __call__(self, pod: Resource) -> bool:
        return any(fails(pod) for fails in self.faults)


def _begin_crash_loop(hit: Hit) -> Begun:
    crashing = Crashing(hit.agenda, hit.cluster, hit.spec.workload, hit.spec.options["after"])
    crashing.begin()
    return Begun([hit.spec.workload], crashing.end)


def _nothing() -> None:
    """It is over as soon as it has begun."""


BEGIN: Final[Mapping[str, Callable[[Hit], Begun]]] = MappingProxyType(
    {
        "node-crash": _begin_crash,
        "node-pause": _begin_cut_off,
        "node-partition": _begin_cut_off,
        "kubelet-stop": _begin_kubelet_stop,
        "zone-loss": _begin_zone_loss,
        "scheduler-stop": _begin_scheduler_stop,
        "controller-manager-stop": _begin_manager_stop,
        "api-errors": _begin_api_trouble,
        "api-slow": _begin_api_trouble,
        "watch-drop": _begin_watch_drop,
        "watch-stale": _begin_watch_stale,
        "etcd-slow": _begin_etcd_slow,
        "etcd-full": _begin_etcd_full,
        "image-pull-failure": _begin_pull_failure,
        "crash-loop": _begin_crash_loop,
    }
)
