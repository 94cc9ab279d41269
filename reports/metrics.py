"""What can be measured: each metric, its unit, and how it is taken from one replication."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.core.causes import Cause
from reports.columns import SECOND_NS, Floats, Replication

Per = Literal["replication", "execution", "step"]


@dataclass(frozen=True)
class Metric:
    """A metric; `take` gives one value per replication, or one per execution or step of it.

    A value that never came to be (the duration of an execution that failed) is infinite.
    """

    name: str
    unit: str  # "s", "1/s", "1/min", "ratio", "count"
    per: Per
    take: Callable[[Replication], Floats]
    summary: str
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
    return _one(item.run["makespan_ns"] / SECOND_NS if item.whole else np.inf)


def _per_makespan(count: float, item: Replication) -> Floats:
    return _one(count * SECOND_NS / item.run["makespan_ns"] if item.run["makespan_ns"] > 0 else np.nan)


def _completed_ratio(item: Replication) -> Floats:
    submitted = item.run["submitted_count"]
    return _one(item.run["completed_count"] / submitted if submitted else np.nan)


def _progress_gap(item: Replication) -> Floats:
    return item.executions.gap_ns / SECOND_NS


_FIXED = (
    Metric("makespan", "s", "replication", _makespan, "first arrival to the end of the last execution"),
    Metric(
        "execution_duration",
        "s",
        "execution",
        lambda item: item.execution_duration_s,
        "submission to the end",
    ),
    Metric(
        "execution_start_delay",
        "s",
        "execution",
        lambda item: item.start_delay_s,
        "submission to the first attempt",
    ),
    Metric("step_duration", "s", "step", lambda item: item.steps.duration_s, "a step's needs met to its end"),
    Metric(
        "executions_completed_ratio",
        "ratio",
        "replication",
        _completed_ratio,
        "completed executions of those submitted",
        bound=1,
    ),
    Metric(
        "executions_per_second",
        "1/s",
        "replication",
        lambda item: _per_makespan(item.run["completed_count"], item),
        "completed executions over the makespan",
    ),
    Metric(
        "steps_per_second",
        "1/s",
        "replication",
        lambda item: _per_makespan(item.steps.completed_count, item),
        "completed steps over the makespan",
    ),
    Metric(
        "steps_per_minute",
        "1/min",
        "replication",
        lambda item: _per_makespan(60 * item.steps.completed_count, item),
        "completed steps over the makespan",
    ),
    Metric(
        "executions_active_max",
        "count",
        "replication",
        lambda item: _one(item.run["executions_active_max"]),
        "most executions active at one time",
    ),
    Metric(
        "progress_gap",
        "s",
        "execution",
        _progress_gap,
        "longest time that an execution showed no progress",
    ),
    Metric(
        "executions_unfinished_count",
        "count",
        "replication",
        lambda item: _one(item.run["unfinished_count"]),
        "executions unfinished at the horizon",
        bound=0,
    ),
    Metric(
        "executions_failed_count",
        "count",
        "replication",
        lambda item: _one(item.run["failed_count"]),
        "executions that failed",
        bound=0,
    ),
    Metric(
        "duplicate_ids_count",
        "count",
        "replication",
        lambda item: _one(item.faults["duplicate ids"]),
        "execution ids that occur more than once",
        bound=0,
    ),
    Metric(
        "api_requests_count",
        "count",
        "replication",
        lambda item: _one(item.run["api_requests_count"]),
        "requests to the API server by all clients",
    ),
)
METRICS = {metric.name: metric for metric in _FIXED}
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

    return Metric(name, "count", "replication", take, f"violations of the invariant {check}", bound=0)


def _cause_metric(name: str, cause: str) -> Metric:
    def take(item: Replication) -> Floats:
        total = sum(item.run["causes"].values())
        return _one(item.run["causes"].get(cause, 0) / total if total else np.nan)

    return Metric(name, "ratio", "replication", take, f"share of the executions' time charged to {cause}")
