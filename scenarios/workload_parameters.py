"""Parameters of workload controllers: autoscalers, finished Jobs, namespaces."""

from typing import Final

from scenarios.parameter import Parameter

_HPA = "k/k pkg/controller/podautoscaler/config/v1alpha1/defaults.go"
_WORKERS = "kube-controller-manager reference"

WORKLOADS: Final = (
    Parameter(
        "hpa.tolerance",
        0.1,
        "1",
        "number",
        _HPA,
        "1.12+",
        "--horizontal-pod-autoscaler-tolerance: deviation from the target at which nothing is scaled",
    ),
    Parameter(
        "hpa.downscale_stabilization",
        300.0,
        "s",
        "duration",
        _HPA,
        "1.12+",
        "--horizontal-pod-autoscaler-downscale-stabilization: the highest recommendation of so long counts",
    ),
    Parameter(
        "hpa.cpu_initialization_period",
        300.0,
        "s",
        "duration",
        _HPA,
        "1.12+",
        "time after a pod's start in which its CPU counts only from one window after it became ready",
    ),
    Parameter(
        "hpa.initial_readiness_delay",
        30.0,
        "s",
        "duration",
        _HPA,
        "1.12+",
        "time after a pod's start up to which an unready pod has never been ready",
    ),
    Parameter(
        "hpa.metrics_resolution",
        15.0,
        "s",
        "duration",
        "kubernetes-sigs/metrics-server cmd/metrics-server/app/options: --metric-resolution",
        "0.5+",
        "how often the metrics server reads what pods use, and over how long it averages",
    ),
    Parameter(
        "hpa.use_of_requests",
        0.7,
        "1",
        "number",
        "assumption: as much as autoscalers aim at most often",
        "any",
        "part of its pods' requests that a workload of undeclared use uses at its replicas at time 0",
    ),
    Parameter(
        "controller_manager.job_batch_period",
        1.0,
        "s",
        "duration",
        "k/k pkg/controller/job/job_controller.go SyncJobBatchPeriod",
        "1.25+",
        "how long a Job's controller gathers what its pods do before it looks at it",
    ),
    Parameter(
        "controller_manager.workers.ttl-after-finished",
        5,
        "workers",
        "integer",
        "k/k pkg/controller/ttlafterfinished/config/v1alpha1/defaults.go",
        "1.12+",
        "--concurrent-ttl-after-finished-syncs",
    ),
    Parameter(
        "controller_manager.workers.namespace",
        10,
        "workers",
        "integer",
        _WORKERS,
        "1.5+",
        "--concurrent-namespace-syncs",
    ),
)
