"""How each metric that a scenario may name is taken from one replication."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.core.causes import Cause
from reports.columns import SECOND_NS, Floats, Replication, Window
from scenarios.metrics import FAMILIES, Unit
from scenarios.metrics import METRICS as DECLARED


@dataclass(frozen=True)
class Metric:
    """A metric that a target may name, and how it is taken.

    `take` gives one value per run, or one per execution or step of it. A value that never came to be (the
    duration of an execution that failed) is infinite.
    """

    name: str
    unit: Unit
    take: Callable[[Replication], Floats]
    bound: float | None = None  # the best value there can be: one counterexample disproves it

    @property
    def default_stat(self) -> str:
        """What a target without stat means: the mean of a time, the worst of a count or a ratio."""
        if self.unit in ("ratio", "count"):
            return "min" if self.bound == 1 else "max"
        return "mean"


def _one(value: float) -> Floats:
    return np.array([value], dtype=np.float64)


def _makespan(item: Replication) -> Floats:
    if item.window is not None:
        return _one(np.nan)  # a stream that could go on for ever has no last end
    return _one(item.run["makespan_ns"] / SECOND_NS if item.whole else np.inf)


def _rate(count: float, item: Replication, in_window: Callable[[Window], float]) -> Floats:
    if item.window is not None:
        seconds = item.window.seconds
        return _one(in_window(item.window) / seconds if seconds > 0 else np.nan)
    return _one(count * SECOND_NS / item.run["makespan_ns"] if item.run["makespan_ns"] > 0 else np.nan)


def _completed_ratio(item: Replication) -> Floats:
    submitted = item.run["submitted_count"]
    return _one(item.run["completed_count"] / submitted if submitted else np.nan)


def _progress_gap(item: Replication) -> Floats:
    return item.executions.gap_ns / SECOND_NS


def _recovery(instant: Literal["whole_ns", "restored_ns"]) -> Callable[[Replication], Floats]:
    def take(item: Replication) -> Floats:
        taken = [
            (row[instant] - row["began_ns"]) / SECOND_NS if row[instant] >= 0 else np.inf
            for row in item.incidents
        ]
        return _one(max(taken, default=np.nan))  # without a fault there is no data

    return take


def _pooled(field: Literal["node_ns", "cost"], unit: float) -> Callable[[Replication], Floats]:
    return lambda item: _one(sum(row[field] for row in item.pools) / unit if item.pools else np.nan)


# How each metric that scenarios declares is taken, and the best value there can be where there is one.
_TAKEN: Mapping[str, tuple[Callable[[Replication], Floats], float | None]] = {
    "makespan": (_makespan, None),
    "execution_duration": (lambda item: item.execution_duration_s, None),
    "execution_start_delay": (lambda item: item.start_delay_s, None),
    "step_duration": (lambda item: item.steps.duration_s, None),
    "progress_gap": (_progress_gap, None),
    "executions_completed_ratio": (_completed_ratio, 1),
    "executions_unfinished_count": (lambda item: _one(item.run["unfinished_count"]), 0),
    "executions_failed_count": (lambda item: _one(item.run["failed_count"]), 0),
    "executions_per_second": (
        lambda item: _rate(item.run["completed_count"], item, lambda it: it.completed_count),
        None,
    ),
    "executions_active_max": (lambda item: _one(item.run["executions_active_max"]), None),
    "steps_per_second": (
        lambda item: _rate(item.steps.completed_count, item, lambda it: it.steps_completed_count),
        None,
    ),
    "steps_per_minute": (
        lambda item: _rate(60 * item.steps.completed_count, item, lambda it: 60 * it.steps_completed_count),
        None,
    ),
    "api_requests_count": (lambda item: _one(item.run["api_requests_count"]), None),
    "client_requests_count": (lambda item: _one(item.run["client_requests_count"]), None),
    "recovery": (_recovery("whole_ns"), None),
    "workload_recovery": (_recovery("restored_ns"), None),
    "node_hours": (_pooled("node_ns", 3600 * SECOND_NS), None),
    "cluster_cost": (_pooled("cost", 1.0), None),
    "duplicate_ids_count": (lambda item: _one(item.faults["duplicate ids"]), 0),
}
METRICS = {name: Metric(name, DECLARED[name].unit, take, bound) for name, (take, bound) in _TAKEN.items()}
_CAUSES = {re.sub(r"[^a-z]", "", cause.value.lower()): cause.value for cause in Cause}


def find_metric(name: str) -> Metric | None:
    """Return the metric of that name, the families `checks.` and `cause.` included; None if there is none."""
    if name.startswith("checks."):
        return _check_metric(name)
    if name.startswith("cause."):
        cause = _CAUSES.get(re.sub(r"[^a-z]", "", name.removeprefix("cause.").lower()))
        return None if cause is None else _cause_metric(name, cause)
    return METRICS.get(name)


def _check_metric(name: str) -> Metric:
    check = name.removeprefix("checks.")

    def take(item: Replication) -> Floats:
        # A check that was not made is no data, never a zero.
        return _one(item.run["checks"].get(check, np.nan))

    return Metric(name, FAMILIES["checks."].unit, take, bound=0)


def _cause_metric(name: str, cause: str) -> Metric:
    def take(item: Replication) -> Floats:
        total = sum(item.run["causes"].values())
        return _one(item.run["causes"].get(cause, 0) / total if total else np.nan)

    return Metric(name, FAMILIES["cause."].unit, take)
