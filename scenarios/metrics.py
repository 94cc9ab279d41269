"""The metrics that a target may name, with their units.

A target on an unknown metric is not an error of the file: it selects nothing, and the report says NO DATA.
The loader adds a warning with the nearest known name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Unit = Literal["s", "ratio", "1/s", "1/min", "count", ""]
Sample = Literal["run", "execution", "step"]  # of what there is one value each
STATS: Final = ("mean", "p50", "p90", "p95", "p99", "min", "max")


@dataclass(frozen=True, slots=True)
class Metric:
    """One measure: `per` says of what there is one value each."""

    name: str
    unit: Unit
    per: Sample
    summary: str


_ENTRIES: Final = (
    Metric("makespan", "s", "run", "first arrival to the end of the last execution"),
    Metric("execution_duration", "s", "execution", "submission to the end of an execution"),
    Metric(
        "execution_start_delay", "s", "execution", "submission to the start of an execution's first attempt"
    ),
    Metric("step_duration", "s", "step", "a step's readiness to its end"),
    Metric("progress_gap", "s", "execution", "longest time that an execution showed no progress"),
    Metric("executions_completed_ratio", "ratio", "run", "executions that completed, of those submitted"),
    Metric("executions_unfinished_count", "count", "run", "executions still running at the horizon"),
    Metric("executions_failed_count", "count", "run", "executions that failed"),
    Metric("executions_per_second", "1/s", "run", "executions completed a second"),
    Metric("executions_active_max", "count", "run", "most executions active at one time"),
    Metric("steps_per_second", "1/s", "run", "steps completed a second"),
    Metric("steps_per_minute", "1/min", "run", "steps completed a minute"),
    Metric("api_requests_count", "count", "run", "requests to the API server by all clients"),
    Metric("client_requests_count", "count", "run", "requests of the engine to the API server"),
    Metric("recovery", "s", "run", "longest time from the beginning of a fault until the cluster was whole"),
    Metric(
        "workload_recovery",
        "s",
        "run",
        "longest time from the beginning of a fault until every workload had its ready pods again",
    ),
    Metric("node_hours", "", "run", "hours of nodes, where a pool has a price or is autoscaled"),
    Metric("cluster_cost", "", "run", "price of the nodes over the run"),
    Metric("duplicate_ids_count", "count", "run", "execution ids that occur more than once"),
)

METRICS: Final[Mapping[str, Metric]] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
FAMILIES: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        "checks.": Metric("checks.<name>", "count", "run", "violations of one invariant"),
        "cause.": Metric(
            "cause.<name>", "ratio", "run", "share of the critical paths' time that one cause takes"
        ),
    }
)


def find_metric(name: str) -> Metric | None:
    """Return the metric called `name`, or None if nothing measures that."""
    for prefix, family in FAMILIES.items():
        if name.startswith(prefix) and len(name) > len(prefix):
            return family
    return METRICS.get(name)
