"""Estimates: per replication first, then across them, each with its interval, its n and its method."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reports.columns import Floats, PointRuns
from reports.formats import (
    SURVIVORS,
    half_width,
    interval,
    json_number,
    number,
    printed_unit,
    quantity,
    scaled,
)
from reports.intervals import Bounds, mean_bounds, minimum_sample, pooled_quantile, quantile
from reports.metrics import Metric


@dataclass(frozen=True)
class Estimate:
    """A value, its interval, the replications it rests on. No value: `note` says why."""

    unit: str
    value: float | None
    low: float | None
    high: float | None
    n: int  # replications
    observations: int  # values in all of them
    method: str  # "t" | "pooled" | "observed" | "none"
    note: str = ""
    left_out: int = 0  # values of what failed or did not finish, which the mean leaves out

    @property
    def partial(self) -> bool:
        """Whether the value is a mean of only those that completed."""
        return self.left_out > 0 and self.value != math.inf

    @property
    def half_width(self) -> float | None:
        """The greater distance from the value to a bound."""
        if self.value is None or self.low is None or self.high is None or not math.isfinite(self.value):
            return None
        return max(self.high - self.value, self.value - self.low)

    @property
    def precision(self) -> float | None:
        """The half-width as a share of the value; None where there is no interval."""
        width = self.half_width
        if width is None or self.value is None:
            return None
        return abs(width / self.value) if self.value else (0.0 if not width else math.inf)

    @property
    def text(self) -> str:
        """Value and half-width, without the unit: `12.34 ±0.21`; `p` where pooled, `†` where some failed."""
        width = self.half_width
        mark = "p" if self.method == "pooled" and self.value != math.inf else ""
        mark += SURVIVORS if self.partial else ""
        value = number(scaled(self.value, self.unit))
        return value + mark if width is None else f"{value} ±{half_width(scaled(width, self.unit))}{mark}"

    @property
    def marked(self) -> str:
        """Value with unit, with `†` where some failed."""
        return quantity(self.value, self.unit) + (SURVIVORS if self.partial else "")

    @property
    def full(self) -> str:
        """Value with unit, interval and n."""
        parts = [self.marked, interval(self.low, self.high, self.unit), f"n={self.n}"]
        return " ".join(part for part in [*parts, "pooled" if self.method == "pooled" else ""] if part)

    def to_json(self) -> dict[str, Any]:
        """Return the estimate with the numbers as they are printed."""
        value, width = scaled(self.value, self.unit), scaled(self.half_width, self.unit)
        return {
            "value": json_number(value),
            "low": json_number(scaled(self.low, self.unit)),
            "high": json_number(scaled(self.high, self.unit)),
            "half_width": None
            if width is None
            else float(half_width(width))
            if math.isfinite(width)
            else None,
            "unit": printed_unit(self.unit),
            "n": self.n,
            "observations": self.observations,
            "left_out": self.left_out,
            "method": self.method,
            "unbounded": value is not None and math.isinf(value),
            "note": self.note,
        }


def samples(metric: Metric, point: PointRuns | None) -> list[Floats]:
    """Return the metric's values per replication; a value that is not known (NaN) is left out."""
    taken = [] if point is None else [metric.take(item) for item in point.replications]
    return [kept for values in taken if len(kept := values[~np.isnan(values)])]


def why_nothing(metric: Metric, point: PointRuns | None) -> str:
    """Say why there is no value of a metric at a point."""
    if point is not None and point.settling is not None and metric.name == "makespan":
        return "a steady experiment goes on and has no makespan: ask for execution_duration"
    return "nothing was recorded here"


def estimate(metric: Metric, stat: str, point: PointRuns | None, error: float) -> Estimate:
    """Estimate one stat of one metric at one point; `error` is that of each bound."""
    if point is not None and point.settling is not None and not point.settling.has_numbers:
        note = point.settling.reason
        return Estimate(metric.unit, None, None, None, len(point.replications), 0, "none", note)
    groups = samples(metric, point)
    if point is None or not groups:
        return Estimate(metric.unit, None, None, None, 0, 0, "none", why_nothing(metric, point))
    if stat == "mean":
        return _mean(metric, groups, error)
    if stat in ("min", "max"):
        return _observed(metric, groups, stat)
    return _quantile(metric, stat, groups, error, f"{metric.name}:{stat}:{point.index}")


def level_of(stat: str) -> float:
    """Return the level of a percentile: 0.95 of `p95`."""
    return float(stat.removeprefix("p")) / 100


def value_of(stat: str, values: Floats) -> float:
    """Return a stat of one replication's values, infinite ones included."""
    if stat == "mean":
        return float(np.mean(values))
    if stat in ("min", "max"):
        return float(values.min() if stat == "min" else values.max())
    return quantile(values, level_of(stat))


def _count(groups: list[Floats]) -> int:
    return sum(len(group) for group in groups)


def _mean(metric: Metric, groups: list[Floats], error: float) -> Estimate:
    finite = [group[np.isfinite(group)] for group in groups]
    left_out = _count(groups) - _count(finite)
    means = np.array([np.mean(group) for group in finite if len(group)], dtype=np.float64)
    note = f"{left_out} of {_count(groups)} that failed or did not finish are left out" if left_out else ""
    if not len(means):
        return Estimate(
            metric.unit, math.inf, None, None, len(groups), _count(groups), "none", note, left_out
        )
    found = _estimate(metric, mean_bounds(means, error), len(means), _count(finite), "t", note)
    return replace(found, left_out=left_out)


def _observed(metric: Metric, groups: list[Floats], stat: str) -> Estimate:
    values = np.concatenate(groups)
    value = float(values.min() if stat == "min" else values.max())
    return Estimate(metric.unit, value, None, None, len(groups), len(values), "observed")


def _quantile(metric: Metric, stat: str, groups: list[Floats], error: float, key: str) -> Estimate:
    level = level_of(stat)
    needed, observations = minimum_sample(level), _count(groups)
    if min(len(group) for group in groups) >= needed:
        each = np.array([quantile(group, level) for group in groups])
        if not np.all(np.isfinite(each)):
            return _unbounded(metric, groups, each, stat)
        return _estimate(metric, mean_bounds(each, error), len(groups), observations, "t", "")
    if observations < needed:
        note = f"{stat} needs {needed} observations, there are {observations}"
        return Estimate(metric.unit, None, None, None, len(groups), observations, "none", note)
    bounds = pooled_quantile(groups, level, error, key)
    note = "pooled over replications, as one holds too few" if math.isfinite(bounds.value) else _UNBOUNDED
    return _estimate(metric, bounds, len(groups), observations, "pooled", note)


_UNBOUNDED = "more failed or did not finish than the percentile leaves room for"


def _unbounded(metric: Metric, groups: list[Floats], each: Floats, stat: str) -> Estimate:
    several = f"in {int(np.sum(~np.isfinite(each)))} of {len(each)} replications the {stat} is unbounded: "
    return Estimate(
        metric.unit, math.inf, None, None, len(groups), _count(groups), "none", several + _UNBOUNDED
    )


def _estimate(metric: Metric, bounds: Bounds, n: int, observations: int, method: str, note: str) -> Estimate:
    return Estimate(metric.unit, bounds.value, bounds.low, bounds.high, n, observations, method, note)
