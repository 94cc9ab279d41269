"""Paired comparisons: a replication has the same dice under both settings, so only the change differs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from reports.columns import Floats, PointRuns, Replication, RunData
from reports.estimates import value_of
from reports.formats import ABSENT, json_number, number
from reports.formats import coordinates as write_coordinates
from reports.intervals import holm, mean_bounds, t_tail
from reports.metrics import Metric, find_metric
from reports.questions import Comparison, Questions, matches

EQUIVALENCE = 0.03


class Finding(StrEnum):
    """What a comparison shows about second : first."""

    LOWER = "lower"  # beyond the equivalence margin
    HIGHER = "higher"
    EQUIVALENT = "equivalent"  # within the margin
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no data"


@dataclass(frozen=True)
class Compared:
    """One comparison at one pair of points. `change` is second / first - 1 of the geometric mean."""

    comparison: Comparison
    where: Mapping[str, Any]  # the coordinates that both points share
    points: tuple[int, int] | None
    stat: str
    finding: Finding
    change: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    probability: float = 1.0  # Holm-adjusted, of the finding being wrong
    reason: str = ""

    @property
    def change_text(self) -> str:
        """The change with its interval: `-12.3 % [-14.0, -10.6]`."""
        if self.change is None:
            return ABSENT
        text = f"{_signed(self.change)} %"
        return (
            text
            if self.low is None or self.high is None
            else f"{text} [{_signed(self.low)}, {_signed(self.high)}]"
        )

    @property
    def sides(self) -> str:
        """What is compared: `engine.dispatch: fifo -> critical-path`."""
        item = self.comparison
        return f"{item.path}: {item.first} → {item.second}"

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        item = self.comparison
        return {
            "id": item.id,
            "metric": item.metric,
            "stat": self.stat,
            "path": item.path,
            "first": item.first,
            "second": item.second,
            "where": dict(self.where),
            "points": None if self.points is None else list(self.points),
            "finding": self.finding.value,
            "change_percent": json_number(None if self.change is None else self.change * 100),
            "low_percent": json_number(None if self.low is None else self.low * 100),
            "high_percent": json_number(None if self.high is None else self.high * 100),
            "n": self.n,
            "probability": json_number(self.probability),
            "equivalence_percent": EQUIVALENCE * 100,
            "reason": self.reason,
        }


def _signed(change: float) -> str:
    text = number(change * 100)
    return text if text.startswith("-") or text == "0" else f"+{text}"


def compare_all(questions: Questions, run: RunData) -> tuple[Compared, ...]:
    """Make every comparison at every pair of points; Holm over all of them together."""
    compared = [item for comparison in questions.comparisons for item in _pairs(comparison, questions, run)]
    tested = [index for index, item in enumerate(compared) if item.n > 1]
    for index, probability in zip(tested, holm([compared[i].probability for i in tested]), strict=True):
        item = compared[index]
        if item.finding is not Finding.INCONCLUSIVE and probability > questions.alpha:
            item = replace(item, finding=Finding.INCONCLUSIVE, reason="undecided after Holm's correction")
        compared[index] = replace(item, probability=probability)
    return tuple(compared)


def _pairs(comparison: Comparison, questions: Questions, run: RunData) -> list[Compared]:
    metric = find_metric(comparison.metric)
    stat = comparison.stat or "mean"
    here = [point for point in questions.points if matches(comparison.where, point[1])]
    found = []
    for index, coordinates in here:
        if comparison.path not in coordinates or coordinates[comparison.path] != comparison.first:
            continue
        wanted = {**coordinates, comparison.path: comparison.second}
        other = next((number for number, others in here if dict(others) == wanted), None)
        if metric is None or other is None:
            continue
        shared = {path: value for path, value in coordinates.items() if path != comparison.path}
        blank = Compared(comparison, shared, (index, other), stat, Finding.NO_DATA)
        found.append(_compare(blank, metric, run.point(index), run.point(other), questions.alpha))
    if found:
        return found
    reason = (
        f"there is no metric {comparison.metric!r}"
        if metric is None
        else "the sweep holds no such pair of points"
    )
    return [Compared(comparison, dict(comparison.where), None, stat, Finding.NO_DATA, reason=reason)]


def _compare(
    blank: Compared, metric: Metric, first: PointRuns | None, second: PointRuns | None, alpha: float
) -> Compared:
    before, after = _by_number(first), _by_number(second)
    pairs = [
        (_value(metric, blank.stat, before[number]), _value(metric, blank.stat, after[number]))
        for number in sorted(before.keys() & after.keys())
    ]
    usable = [(a, b) for a, b in pairs if math.isfinite(a) and math.isfinite(b) and a > 0 and b > 0]
    if not usable:
        why = f": {_left_out(pairs)}" if pairs else ""
        return replace(blank, reason=f"no pair of replications has both values{_place(blank)}{why}")
    logs = np.array([math.log(b / a) for a, b in usable], dtype=np.float64)
    bounds = mean_bounds(logs, alpha / 2)
    change = math.expm1(bounds.value)
    if bounds.low is None or bounds.high is None:
        reason = "one pair of replications has no interval"
        return replace(blank, finding=Finding.INCONCLUSIVE, change=change, n=len(usable), reason=reason)
    finding, probability = _finding(logs, alpha)
    left_out = len(pairs) - len(usable)
    reason = _left_out(pairs)
    if finding is Finding.INCONCLUSIVE and not reason:
        reason = "the interval holds a border of the equivalence margin"
    return replace(
        blank,
        finding=Finding.INCONCLUSIVE if left_out else finding,
        change=change,
        low=math.expm1(bounds.low),
        high=math.expm1(bounds.high),
        n=len(usable),
        probability=probability,
        reason=reason,
    )


def _left_out(pairs: list[tuple[float, float]]) -> str:
    """Say why pairs have no ratio."""
    unfinished = sum(math.inf in pair for pair in pairs)
    unknown = sum(math.inf not in pair and any(math.isnan(value) for value in pair) for pair in pairs)
    zero = sum(all(math.isfinite(value) for value in pair) and min(pair) <= 0 for pair in pairs)
    counts = (
        (unfinished, "hold an execution that never completed"),
        (unknown, "hold a value that is not known"),
        (zero, "hold a value of 0, which has no ratio"),
    )
    return ", ".join(f"{count} of {len(pairs)} pairs {words}" for count, words in counts if count)


def _place(item: Compared) -> str:
    return f" at {write_coordinates(item.where)}" if item.where else ""


def _by_number(point: PointRuns | None) -> dict[int, Replication]:
    return {} if point is None else {item.number: item for item in point.replications}


def _value(metric: Metric, stat: str, item: Replication) -> float:
    values: Floats = metric.take(item)
    return value_of(stat, values) if len(values) else math.nan


def _finding(logs: Floats, alpha: float) -> tuple[Finding, float]:
    """Return the likeliest of the three findings and the probability of seeing this if it were wrong."""
    n, center = len(logs), float(logs.mean())
    spread = float(logs.std(ddof=1)) / math.sqrt(n)
    edge = math.log1p(EQUIVALENCE)
    below, above = _tail(center + edge, spread, n), _tail(edge - center, spread, n)
    options = [
        (below, Finding.LOWER),
        (above, Finding.HIGHER),
        (max(1 - below, 1 - above), Finding.EQUIVALENT),
    ]
    probability, finding = min(options, key=lambda option: option[0])
    return (finding if probability <= alpha else Finding.INCONCLUSIVE), probability


def _tail(distance: float, spread: float, n: int) -> float:
    if spread == 0:
        return 0.0 if distance < 0 else 1.0
    return t_tail(distance / spread, n - 1)
