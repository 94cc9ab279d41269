"""The knobs that a what-if turns, as data: what is set, by which step, what it needs, what it costs.

A path with a star stands for all paths that it matches. The paths of `EVERYWHERE` lead to a setting of each
workload or step, wherever the scenario or a snapshot has it.
"""

from dataclasses import dataclass
from typing import Final

_SETTING: Final = "a setting"
_CONTROL_PLANE: Final = "a flag of the control plane; more load on the API server"
_APPLICATION: Final = "work on the applications"
P: Final = "cluster.parameters."
NODES_PATH: Final = "cluster.nodes"

GRACE: Final = "each workload's termination_grace"
PROBES: Final = "each workload's readiness.period"
RETRIES: Final = "each step's retry.delay"
EVERYWHERE: Final = (GRACE, PROBES, RETRIES)


@dataclass(frozen=True)
class Turn:
    """One thing that is set."""

    path: str
    step: str


@dataclass(frozen=True)
class Knob:
    """Something that somebody could do, and what it would cost, in words."""

    name: str
    turns: tuple[Turn, ...]
    cost: str
    needs: str = ""  # a condition of `headroom.whatif_turning`

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that it sets."""
        return tuple(turn.path for turn in self.turns)


def _knob(name: str, paths: str | tuple[str, ...], step: str, cost: str, needs: str = "") -> Knob:
    listed = (paths,) if isinstance(paths, str) else paths
    return Knob(name, tuple(Turn(path, step) for path in listed), cost, needs)


def nodes(path: str, pool: str = "") -> Knob:
    """Return the knob of a pool's number of nodes: half as many again, at least one more."""
    return _knob(f"nodes of pool {pool}" if pool else "nodes", path, "+50%", "nodes to pay for")


ENGINE: Final = (
    _knob(
        "client QPS and burst",
        ("engine.client.qps", "engine.client.burst"),
        "x2",
        _SETTING + "; more load on the API server",
    ),
    _knob("cached reads", "engine.reads", "cache", "watches, memory, reads of the past"),
    _knob("executions at once", "engine.max_concurrency", "x2", _SETTING),
    _knob("step slots", "engine.step_slots", "x2", _SETTING),
    _knob("critical path first", "engine.dispatch", "critical-path", _SETTING, "queue of steps"),
    _knob("duplicates shared", "engine.coalesce", "all", "a setting: one action does for all who ask for it"),
    _knob("capacity-aware start", "engine.capacity_aware", "true", _SETTING),
    _knob("needs reduced", "engine.reduce_needs", "true", _SETTING, "several steps"),
    _knob(
        "steps side by side",
        "engine.parallelise",
        "true",
        "workflows that state their real needs",
        "several steps",
    ),
    _knob("back-off when refused", "engine.throttle_backoff", "250ms", _SETTING, "no back-off"),
    _knob("locks held at once", "engine.semaphores.*", "x2", "workflows that allow it"),
    _knob("action rates", "engine.rates.*.rate", "x2", _SETTING),
    _knob("retry delay", RETRIES, "-50%", "a setting of the workflows"),
    _knob("decision workers", "engine.cost.workers", "x2", "CPU for the engine"),
    _knob("decision time", "engine.cost.decision", "-50%", "a faster engine"),
    _knob("store commit", "engine.cost.store_commit", "-50%", "a faster disk or database"),
)

CONTROL_PLANE: Final = (
    _knob("API server latency", P + "assumptions.api_scale", "-50%", "a faster API server and etcd"),
    _knob("API server seats", P + "apiserver.seats.*", "x2", "CPU and memory of the API server"),
    _knob("control-plane cores", P + "host.cores", "x2", "a larger machine", "host"),
    _knob("etcd sync", P + "etcd.fsync", "-50%", "a faster disk", "host"),
    _knob("watch delay", P + "watch.delay", "-50%", "a faster API server"),
    _knob(
        "controller QPS and burst",
        (P + "controller_manager.qps", P + "controller_manager.burst"),
        "x2",
        _CONTROL_PLANE,
    ),
    _knob(
        "controller workers", P + "controller_manager.workers.*", "x2", "flags and CPU of the control plane"
    ),
    _knob("controller sync time", P + "controller_manager.sync", "-50%", "CPU of the control plane"),
    _knob("Job batch period", P + "controller_manager.job_batch_period", "-50%", "a change to Kubernetes"),
    _knob("scheduler QPS and burst", (P + "scheduler.qps", P + "scheduler.burst"), "x2", _CONTROL_PLANE),
    _knob("scheduling cycle", P + "scheduler.cycle", "-50%", "CPU of the control plane"),
    _knob("scheduling back-off", P + "scheduler.backoff.*", "-50%", "a setting of the scheduler"),
    _knob("autoscaler period", P + "autoscaler.sync_period", "-50%", _CONTROL_PLANE, "autoscalers"),
)

NODES: Final = (
    _knob(
        "kubelet starts at once",
        P + "kubelet.start_concurrency",
        "x2",
        "a runtime that starts pods side by side",
    ),
    _knob(
        "container start",
        (P + "kubelet.container_start", P + "kubelet.container_extra", P + "kubelet.volume_setup"),
        "-50%",
        "a faster runtime, network and disk",
    ),
    _knob("kubelet relist period", P + "kubelet.pleg_period", "-50%", "CPU of the nodes"),
    _knob(
        "kubelet QPS and burst",
        (P + "kubelet.qps", P + "kubelet.burst"),
        "x2",
        "a setting; more load on the API server",
    ),
    _knob(
        "image pull speed",
        (P + "image.pull_mb_per_s", P + "kubelet.registry_qps"),
        "x2",
        "a nearer registry, a faster network",
    ),
    _knob("image pull latency", P + "image.pull_latency", "-50%", "a nearer registry"),
    _knob("images on the nodes", P + "image.cached", "true", "images pulled beforehand"),
    _knob("parallel image pulls", P + "kubelet.serialize_image_pulls", "false", "a setting of the kubelets"),
    _knob(
        "time to add a node",
        P + "cluster_autoscaler.provision",
        "-50%",
        "nodes kept warm",
        "autoscaled pools",
    ),
    _knob(
        "detection of a lost node",
        (P + "node_lifecycle.monitor_grace", P + "node_lifecycle.monitor_period"),
        "-50%",
        "false alarms when the network is slow",
        "faults",
    ),
    _knob(
        "volume provisioning",
        (P + "storage.provision", P + "storage.expand", P + "storage.filesystem"),
        "-50%",
        "faster storage",
    ),
)

WORKLOADS: Final = (
    _knob("start-up time", P + "assumptions.startup_scale", "-50%", _APPLICATION),
    _knob("exit time", P + "assumptions.exit_scale", "-50%", _APPLICATION),
    _knob("termination grace", GRACE, "-50%", "less time for what is under way"),
    _knob("probe period", PROBES, "-50%", "more probes to answer"),
    _knob("monitoring queries", P + "monitoring.service", "-50%", "a faster monitoring system"),
    _knob("outbound calls", P + "outbound.service", "-50%", "somebody else's server"),
)

CATALOGUE: Final = (ENGINE, CONTROL_PLANE, NODES, WORKLOADS)
