"""Where a series of results changed, beyond what their intervals allow.

Binary segmentation with a stated test. For each place k of a series of N values (logarithms where all are
positive) the means before and after it differ by d, with variance V(k) from the values' own standard
errors. The greatest d^2 / V is a change if its t probability, times the N - 1 places that were tried
(Bonferroni), is at most alpha; then both parts are searched in the same way. Where nothing has changed, a
series shows a change with probability alpha at most.

Results with the same dice (root seed) share their error, and how far is not known. V(k) is the larger one of
two: errors all independent, or the same for the same dice. It is linear in the correlation, so that no
correlation between these makes it larger: many runs with one seed, then many with another, prove nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from reports.columns import Floats
from reports.intervals import t_tail

ALPHA = 0.05


@dataclass(frozen=True)
class Result:
    """One value of a series."""

    value: float
    error: float  # standard error of the value
    freedom: int  # degrees of freedom of the error
    dice: str  # results with equal dice may share their error


@dataclass(frozen=True)
class Change:
    """Between `place - 1` and `place` the series changed."""

    place: int
    change: float  # relative where all values are positive (0.03: 3 % more), else the difference
    low: float
    high: float
    relative: bool
    probability: float  # that a series in which nothing changed shows so much


@dataclass(frozen=True)
class _Series:
    values: Floats
    errors: Floats
    freedom: tuple[int, ...]
    dice: tuple[str, ...]


def find_changes(results: Sequence[Result], alpha: float = ALPHA) -> list[Change]:
    """Return the changes of a series in order of place."""
    relative = all(item.value > 0 for item in results)
    values = np.array([math.log(it.value) if relative else it.value for it in results], dtype=np.float64)
    errors = np.array([it.error / it.value if relative else it.error for it in results], dtype=np.float64)
    series = _Series(values, errors, tuple(it.freedom for it in results), tuple(it.dice for it in results))
    found: list[Change] = []
    _search(series, 0, len(results), relative=relative, alpha=alpha, found=found)
    return sorted(found, key=lambda change: change.place)


def _search(
    series: _Series, start: int, end: int, *, relative: bool, alpha: float, found: list[Change]
) -> None:
    """Find the greatest change in a part of the series, then look before and after it."""
    if end - start < 2:
        return
    tried = [_at(series, start, place, end) for place in range(start + 1, end)]
    # Where no value has an error, every difference is certain: the one that explains most is taken.
    ranked = [
        (abs(d) / s if s else math.inf if d else 0.0, d * d * (k - start) * (end - k), -k)
        for k, d, s in tried
    ]
    statistic, _, place = max(ranked)
    place = -place
    _, difference, deviation = tried[place - start - 1]
    freedom = min(series.freedom[start:end])
    probability = min(1.0, (len(series.values) - 1) * 2 * t_tail(-statistic, freedom))
    if probability > alpha:
        return
    reach = float(stdtrit(freedom, 1 - alpha / 2)) * deviation
    bounds = [difference, difference - reach, difference + reach]
    change, low, high = (math.expm1(it) for it in bounds) if relative else bounds
    found.append(Change(place, change, low, high, relative, probability))
    _search(series, start, place, relative=relative, alpha=alpha, found=found)
    _search(series, place, end, relative=relative, alpha=alpha, found=found)


def _at(series: _Series, start: int, place: int, end: int) -> tuple[int, float, float]:
    """Return the place, the difference of the means there, and its greatest standard deviation."""
    weights = np.empty(end - start)
    weights[: place - start] = -1 / (place - start)
    weights[place - start :] = 1 / (end - place)
    difference = float(weights @ series.values[start:end])
    if abs(difference) < 1e-12:  # equal values, but for rounding
        difference = 0.0
    parts = weights * series.errors[start:end]
    shared: dict[str, float] = {}
    for dice, part in zip(series.dice[start:end], parts, strict=True):
        shared[dice] = shared.get(dice, 0.0) + float(part)
    variance = max(float(parts @ parts), sum(part * part for part in shared.values()))
    return place, difference, math.sqrt(variance)
