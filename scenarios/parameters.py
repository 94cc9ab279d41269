"""Every number of the cluster model: its value, unit, source and Kubernetes version.

A source names the file of kubernetes/kubernetes (or the document) where the default stands, or says
``assumption``: a value that nobody measured for this cluster, on which a verdict may depend. Whoever
overrides a value is named in the RunSpec and in the report.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from scenarios.parameter import Parameter
from scenarios.upkeep_parameters import UPKEEP

__all__ = ["CATALOGUE", "Parameter", "defaults"]


def _constant(value_s: float) -> dict[str, Any]:
    return {"dist": "constant", "value_s": value_s}


def _lognormal(median_s: float, sigma: float) -> dict[str, Any]:
    return {"dist": "lognormal", "median_s": median_s, "sigma": sigma}


_FLOW = "k/k staging/src/k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap/default.go, 600 seats in all"
_KCM = "k/k pkg/controller/apis/config/v1alpha1/defaults.go"
_KUBELET = "k/k pkg/kubelet/apis/config/v1beta1/defaults.go"
_SCHEDULER = "k/k pkg/scheduler/apis/config/v1/defaults.go"
_WORKERS = "k/k pkg/controller/deployment/config/v1alpha1/defaults.go; kube-controller-manager reference"
_FITTED = "fitted to recorded latencies of small clusters (p50 and p99)"
_RESIZER = "kubernetes-csi/external-resizer cmd/csi-resizer/main.go"
_ASSUMED = "assumption"

_ENTRIES: Final = (
    Parameter(
        "apiserver.seats.workload-low",
        245,
        "seats",
        "integer",
        _FLOW,
        "1.26+",
        "requests served at once at this priority level: service accounts, the engine among them",
    ),
    Parameter(
        "apiserver.seats.workload-high",
        98,
        "seats",
        "integer",
        _FLOW,
        "1.26+",
        "requests served at once: service accounts of kube-system, controller manager and scheduler",
    ),
    Parameter(
        "apiserver.seats.system",
        74,
        "seats",
        "integer",
        _FLOW,
        "1.26+",
        "requests served at once: nodes, other than their health",
    ),
    Parameter(
        "apiserver.service.read",
        _lognormal(0.002, 0.9),
        "s",
        "distribution",
        _FITTED,
        "1.30-1.34",
        "time to serve a get from the watch cache",
    ),
    Parameter(
        "apiserver.service.write",
        _lognormal(0.005, 1.07),
        "s",
        "distribution",
        _FITTED,
        "1.30-1.34",
        "time to serve a write, the etcd commit included",
    ),
    Parameter(
        "apiserver.service.list_per_object",
        0.00002,
        "s",
        "duration",
        _ASSUMED + ": 50,000 objects a second encoded",
        "1.30-1.34",
        "time added to a list for every object in it",
    ),
    Parameter(
        "watch.delay",
        _constant(0.002),
        "s",
        "distribution",
        _FITTED,
        "1.30-1.34",
        "from the commit of a write to the watcher's cache",
    ),
    Parameter(
        "controller_manager.qps",
        20,
        "1/s",
        "number",
        _KCM,
        "1.5+",
        "--kube-api-qps: requests a second of all controllers together",
    ),
    Parameter(
        "controller_manager.burst",
        30,
        "requests",
        "integer",
        _KCM,
        "1.5+",
        "--kube-api-burst: bucket of the same",
    ),
    Parameter(
        "controller_manager.workers.deployment",
        5,
        "workers",
        "integer",
        _WORKERS,
        "1.5+",
        "--concurrent-deployment-syncs",
    ),
    Parameter(
        "controller_manager.workers.replicaset",
        5,
        "workers",
        "integer",
        _WORKERS,
        "1.5+",
        "--concurrent-replicaset-syncs",
    ),
    Parameter(
        "controller_manager.workers.job", 5, "workers", "integer", _WORKERS, "1.5+", "--concurrent-job-syncs"
    ),
    Parameter(
        "controller_manager.workers.statefulset",
        5,
        "workers",
        "integer",
        _WORKERS,
        "1.5+",
        "--concurrent-statefulset-syncs",
    ),
    Parameter(
        "controller_manager.workers.daemonset",
        2,
        "workers",
        "integer",
        "k/k pkg/controller/daemon/config/v1alpha1/defaults.go",
        "1.5+",
        "--concurrent-daemonset-syncs",
    ),
    Parameter(
        "controller_manager.workers.garbage-collector",
        20,
        "workers",
        "integer",
        _WORKERS,
        "1.5+",
        "--concurrent-gc-syncs",
    ),
    Parameter(
        "controller_manager.workers.disruption",
        1,
        "workers",
        "integer",
        "k/k pkg/controller/disruption/disruption.go: one worker",
        "1.5+",
        "workers of the disruption controller",
    ),
    Parameter(
        "controller_manager.sync",
        _constant(0.0002),
        "s",
        "distribution",
        _ASSUMED + ": small objects from a local cache",
        "1.30-1.34",
        "time a worker computes for, requests apart",
    ),
    Parameter(
        "controller_manager.slow_start_batch",
        1,
        "pods",
        "integer",
        "k/k pkg/controller/controller_utils.go SlowStartInitialBatchSize",
        "1.8+",
        "first batch of pods that a ReplicaSet creates; doubles after each success",
    ),
    Parameter(
        "scheduler.qps", 50, "1/s", "number", _SCHEDULER, "1.33+", "clientConnection.qps of the scheduler"
    ),
    Parameter(
        "scheduler.burst",
        100,
        "requests",
        "integer",
        _SCHEDULER,
        "1.33+",
        "clientConnection.burst of the scheduler",
    ),
    Parameter(
        "scheduler.cycle",
        _constant(0.001),
        "s",
        "distribution",
        "kube-scheduler benchmarks: 1.2-1.5 ms a pod at 5,000 nodes, less at 3",
        "1.30-1.34",
        "time of one scheduling cycle; one pod at a time",
    ),
    Parameter(
        "scheduler.backoff.initial",
        1.0,
        "s",
        "duration",
        _SCHEDULER,
        "1.18+",
        "podInitialBackoffSeconds: first wait of a pod that fitted nowhere",
    ),
    Parameter(
        "scheduler.backoff.max",
        10.0,
        "s",
        "duration",
        _SCHEDULER,
        "1.18+",
        "podMaxBackoffSeconds: longest wait of the same",
    ),
    Parameter(
        "kubelet.qps", 50, "1/s", "number", _KUBELET, "1.27+", "kubeAPIQPS: requests a second of one kubelet"
    ),
    Parameter("kubelet.burst", 100, "requests", "integer", _KUBELET, "1.27+", "kubeAPIBurst of the same"),
    Parameter(
        "kubelet.pleg_period",
        1.0,
        "s",
        "duration",
        "k/k pkg/kubelet/kubelet.go genericPlegRelistPeriod",
        "1.2+",
        "how often a kubelet lists its containers, and so sees that one has started or ended",
    ),
    Parameter(
        "kubelet.volume_setup",
        _constant(0.3),
        "s",
        "distribution",
        _ASSUMED + ": the projected token volume; fitted with container_start to an idle pod start of 1.5 s",
        "1.30-1.34",
        "time to mount the volumes of a pod",
    ),
    Parameter(
        "kubelet.container_start",
        _lognormal(0.5, 0.25),
        "s",
        "distribution",
        _ASSUMED
        + ": sandbox, network, create and start; fitted with volume_setup to an idle pod start of 1.5 s",
        "1.30-1.34",
        "time to create the sandbox and start the container",
    ),
    Parameter(
        "kubelet.start_concurrency",
        1,
        "pods",
        "integer",
        _ASSUMED + ": starts on one node are serial in the container runtime",
        "1.30-1.34",
        "pods that one node starts at once",
    ),
    Parameter(
        "kubelet.serialize_image_pulls",
        value=True,
        unit="",
        kind="boolean",
        source=_KUBELET,
        kubernetes_version="1.2+",
        summary="serializeImagePulls: one pull at a time on a node",
    ),
    Parameter(
        "kubelet.registry_qps",
        5,
        "1/s",
        "number",
        _KUBELET,
        "1.2+",
        "registryPullQPS: pulls a second that a node may begin",
    ),
    Parameter(
        "kubelet.registry_burst", 10, "pulls", "integer", _KUBELET, "1.2+", "registryBurst of the same"
    ),
    Parameter("image.pull_mb_per_s", 50, "MB/s", "number", _ASSUMED, "", "speed of a pull, compressed size"),
    Parameter(
        "image.pull_latency",
        _constant(0.5),
        "s",
        "distribution",
        _ASSUMED,
        "",
        "time of a pull before the first byte",
    ),
    Parameter(
        "image.cached",
        value=True,
        unit="",
        kind="boolean",
        source=_ASSUMED + ": the images of running workloads are on every node",
        kubernetes_version="",
        summary="whether images are present on all nodes at the start",
    ),
    Parameter(
        "monitoring.seats",
        20,
        "seats",
        "integer",
        "Prometheus --query.max-concurrency",
        "any",
        "requests that the monitoring system serves at once",
    ),
    Parameter(
        "monitoring.service",
        _lognormal(0.01, 0.5),
        "s",
        "distribution",
        _ASSUMED,
        "",
        "time to serve a query, or to take an alert or a silence",
    ),
    Parameter(
        "monitoring.scrape_interval",
        30.0,
        "s",
        "duration",
        "kube-prometheus: scrapeInterval and evaluationInterval",
        "any",
        "between two scrapes, each followed by an evaluation of the alerting rules",
    ),
    Parameter(
        "monitoring.alert_for",
        900.0,
        "s",
        "duration",
        "kubernetes-mixin: for: 15m",
        "any",
        "how long a rule must hold before its alert fires",
    ),
    Parameter(
        "outbound.service",
        _lognormal(0.2, 0.8),
        "s",
        "distribution",
        _ASSUMED,
        "",
        "time of a webhook or notification, from request to answer",
    ),
    Parameter(
        "outbound.failure_probability",
        0,
        "",
        "number",
        _ASSUMED,
        "",
        "how often a webhook's or notification's server answers 503",
    ),
    Parameter(
        "storage.qps",
        5,
        "1/s",
        "number",
        _RESIZER,
        "1.24+",
        "--kube-api-qps: requests a second of the storage system's controller",
    ),
    Parameter("storage.burst", 10, "requests", "integer", _RESIZER, "1.24+", "--kube-api-burst of the same"),
    Parameter("storage.workers", 10, "workers", "integer", _RESIZER, "1.24+", "--workers: volumes at once"),
    Parameter(
        "storage.provision",
        _constant(3.0),
        "s",
        "distribution",
        _ASSUMED + ": a network volume is created in seconds",
        "",
        "time to provision the volume of a new claim",
    ),
    Parameter(
        "storage.expand",
        _constant(5.0),
        "s",
        "distribution",
        _ASSUMED + ": the EBS CSI driver gathers requests for up to 2 s, then the volume is modified",
        "",
        "time to expand a volume in the storage system",
    ),
    Parameter(
        "storage.filesystem",
        _constant(1.0),
        "s",
        "distribution",
        _ASSUMED + ": growing a mounted file system (resize2fs) writes metadata only",
        "",
        "time to grow the file system of a mounted volume",
    ),
    Parameter(
        "assumptions.startup_scale",
        1,
        "x",
        "number",
        _ASSUMED,
        "",
        "factor on every workload's time from start of container to ready",
    ),
    Parameter(
        "assumptions.exit_scale",
        1,
        "x",
        "number",
        _ASSUMED,
        "",
        "factor on every workload's time from SIGTERM to exit",
    ),
    Parameter(
        "assumptions.api_scale",
        1,
        "x",
        "number",
        _ASSUMED,
        "",
        "factor on every service time of the API server",
    ),
)

CATALOGUE: Final[Mapping[str, Parameter]] = MappingProxyType(
    {entry.name: entry for entry in (*_ENTRIES, *UPKEEP)}
)


def defaults() -> dict[str, Any]:
    """Return every parameter's default as JSON, in the order of the catalogue."""
    return {name: parameter.value for name, parameter in CATALOGUE.items()}
