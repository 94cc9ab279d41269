"""Parameters of the controller manager: its request bucket, its workers."""

from typing import Final

from scenarios.parameter import Parameter, constant

_KCM = "k/k pkg/controller/apis/config/v1alpha1/defaults.go"
_WORKERS = "k/k pkg/controller/deployment/config/v1alpha1/defaults.go; kube-controller-manager reference"
_ASSUMED = "assumption"

CONTROLLERS: Final = (
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
        constant(0.0002),
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
)
