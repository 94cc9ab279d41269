"""A baseline: the values that a reviewed run had, one a replication, so that a gate can pair them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from reports.columns import Floats, PointRuns, Replication, RunData
from reports.estimates import value_of
from reports.metrics import Metric, find_metric
from reports.questions import matches
from scenarios.regression_schema import Rule

SCHEMA: Final = 1
KIND: Final = "headroom baseline"
KEPT_MAX: Final = 80  # replications of a point
HISTORY_DIGITS: Final = 12  # of each history's digest: enough to see that two are the same


@dataclass(frozen=True)
class Series:
    """One stat of one metric at one point: a value per replication.

    NaN: the metric had none. Infinite: an execution never completed.
    """

    metric: str
    stat: str
    unit: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class BaselinePoint:
    """One point of the sweep: which replications it has, and what they measured."""

    coordinates: Mapping[str, Any]  # the swept paths only
    replications: tuple[int, ...]
    histories: tuple[str, ...]  # the beginning of each history's digest
    series: tuple[Series, ...]
    cut_ns: int | None = None  # where a steady experiment begins to count; None: all of it counts

    def find(self, metric: str, stat: str) -> Series | None:
        """Return the series of a stat of a metric, if it was kept."""
        return next((item for item in self.series if (item.metric, item.stat) == (metric, stat)), None)


@dataclass(frozen=True)
class Baseline:
    """What was accepted, and why."""

    scenario: str
    reason: str
    version: str
    code_digest: str
    scenario_digest: str
    fingerprint: Mapping[str, str]
    points: tuple[BaselinePoint, ...]
    configuration: Mapping[str, Any]

    def point(self, coordinates: Mapping[str, Any]) -> BaselinePoint | None:
        """Return the point with these coordinates."""
        return next((item for item in self.points if dict(item.coordinates) == dict(coordinates)), None)


def taken(metric: Metric, stat: str, item: Replication) -> float:
    """Return a stat of a metric in one replication; NaN if it has none there."""
    values: Floats = metric.take(item)
    values = values[~np.isnan(values)]  # what is not known is no value
    return value_of(stat, values) if len(values) else math.nan


def swept(coordinates: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """Return the coordinates on swept paths; paths that only a target or a rule names move no point."""
    return {path: value for path, value in coordinates.items() if path in paths}


def points_of(
    run: RunData, rules: Sequence[Rule], paths: Sequence[str], kept: int = KEPT_MAX
) -> tuple[BaselinePoint, ...]:
    """Take of a run what the rules look at, `kept` replications of each point at most."""
    points = []
    for point in run.points:
        wanted = dict.fromkeys(
            (rule.metric, rule.stat) for rule in rules if matches(rule.where, point.coordinates)
        )
        if wanted:
            points.append(_point(point, list(wanted), paths, kept))
    return tuple(points)


def _point(
    point: PointRuns, wanted: Sequence[tuple[str, str]], paths: Sequence[str], kept: int
) -> BaselinePoint:
    items = point.replications[:kept]
    series = []
    for name, stat in wanted:
        metric = find_metric(name)
        if metric is not None:
            values = tuple(taken(metric, stat, item) for item in items)
            series.append(Series(name, stat, metric.unit, values))
    return BaselinePoint(
        coordinates=swept(point.coordinates, paths),
        replications=tuple(item.number for item in items),
        histories=tuple(item.run["history_digest"][:HISTORY_DIGITS] for item in items),
        series=tuple(series),
        cut_ns=None if point.settling is None else point.settling.cut_ns,
    )
