"""Parameters of the scheduler."""

from typing import Final

from scenarios.parameter import Parameter, constant

_SCHEDULER = "k/k pkg/scheduler/apis/config/v1/defaults.go"

SCHEDULER: Final = (
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
        constant(0.001),
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
)
