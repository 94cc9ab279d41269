"""Paired comparison: a replication has the same dice under both settings, so only the change differs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from reports.columns import Floats, PointRuns, Replication
from reports.estimates import value_of
from reports.intervals import mean_bounds, t_tail
from reports.metrics import Metric

EQUIVALENCE = 0.03


class Finding(StrEnum):
    """What a comparison shows about second : first."""

    LOWER = "lower"  # beyond the equivalence margin
    HIGHER = "higher"
    EQUIVALENT = "equivalent"  # within the margin
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no data"


@dataclass(frozen=True)
class PairedEffect:
    """What a change did. `change` is after / before - 1 of the geometric mean, as are its bounds."""

    finding: Finding
    change: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0  # pairs with a ratio
    probability: float = 1.0  # of seeing this if the finding were wrong; one test alone
    reason: str = ""


def paired(
    metric: Metric,
    stat: str,
    before: PointRuns | None,
    after: PointRuns | None,
    alpha: float,
    margin: float = EQUIVALENCE,
) -> PairedEffect:
    """Compare a stat of a metric replication by replication: paired t on the log ratios.

    `alpha` is the error probability of the two-sided interval and of the finding; changes within `margin`
    (a share, both ways) count as none.
    """
    first, second = _by_number(before), _by_number(after)
    pairs = [
        (_value(metric, stat, first[number]), _value(metric, stat, second[number]))
        for number in sorted(first.keys() & second.keys())
    ]
    return effect_of(pairs, alpha, margin)


def effect_of(
    pairs: Sequence[tuple[float, float]], alpha: float, margin: float = EQUIVALENCE
) -> PairedEffect:
    """Compare pairs (before, after), one a replication; a pair without a ratio makes it inconclusive."""
    usable = [(a, b) for a, b in pairs if math.isfinite(a) and math.isfinite(b) and a > 0 and b > 0]
    reason = _left_out(pairs)
    if not usable:
        why = f": {reason}" if pairs else ""
        return PairedEffect(Finding.NO_DATA, reason=f"no pair of replications has both values{why}")
    logs = np.array([math.log(b / a) for a, b in usable], dtype=np.float64)
    bounds = mean_bounds(logs, alpha / 2)
    change = math.expm1(bounds.value)
    if bounds.low is None or bounds.high is None:
        reason = "one pair of replications has no interval"
        return PairedEffect(Finding.INCONCLUSIVE, change, n=len(usable), reason=reason)
    finding, probability = _finding(logs, alpha, margin)
    if finding is Finding.INCONCLUSIVE and not reason:
        reason = "the interval holds a border of the equivalence margin"
    return PairedEffect(
        finding=Finding.INCONCLUSIVE if len(usable) < len(pairs) else finding,
        change=change,
        low=math.expm1(bounds.low),
        high=math.expm1(bounds.high),
        n=len(usable),
        probability=probability,
        reason=reason,
    )


def _left_out(pairs: Sequence[tuple[float, float]]) -> str:
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


def _by_number(point: PointRuns | None) -> dict[int, Replication]:
    return {} if point is None else {item.number: item for item in point.replications}


def _value(metric: Metric, stat: str, item: Replication) -> float:
    values: Floats = metric.take(item)
    return value_of(stat, values) if len(values) else math.nan


def _finding(logs: Floats, alpha: float, margin: float) -> tuple[Finding, float]:
    """Return the likeliest of the three findings and the probability of seeing this if it were wrong."""
    n, center = len(logs), float(logs.mean())
    spread = float(logs.std(ddof=1)) / math.sqrt(n)
    edge = math.log1p(margin)
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
