"""Parameters of the scheduler."""

from typing import Final

from scenarios.parameter import Earlier, Parameter, constant

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
        "scheduler.cycle_per_node",
        0.0000008,
        "s",
        "duration",
        "assumption: with scheduler.cycle, and 500 nodes looked for of 5,000, 1.32 ms a pod; floors of "
        "k/k test/integration/scheduler_perf/misc/performance-config.yaml: 680-810 pods/s",
        "1.30-1.34",
        "time that a cycle takes longer for each feasible node that it looks for, from the 101st on",
    ),
    Parameter(
        "scheduler.percentage_of_nodes_to_score",
        0,
        "%",
        "count",
        _SCHEDULER + "; pkg/scheduler/schedule_one.go numFeasibleNodesToFind",
        "1.19+",
        "percentageOfNodesToScore: 0 is 50 % less 1 % for each 125 nodes, at least 5 % and 100 nodes",
    ),
    Parameter(
        "scheduler.scoring_strategy",
        "LeastAllocated",
        "",
        "word",
        _SCHEDULER + " NodeResourcesFitArgs",
        "1.22+",
        "how NodeResourcesFit scores: spreads load, or fills nodes up",
        words=("LeastAllocated", "MostAllocated"),
    ),
    Parameter(
        "scheduler.pop_from_backoff",
        value=True,
        unit="",
        kind="boolean",
        source="k/k pkg/features/kube_features.go SchedulerPopFromBackoffQ (KEP-5142)",
        kubernetes_version="1.33+",
        summary="whether a pod is taken before its back-off is over when no other is active",
        earlier=(Earlier("1.33", value=False, source="k/k pkg/scheduler/backend/queue, before KEP-5142"),),
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
