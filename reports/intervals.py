"""Confidence bounds. Replications are the sample; observations inside one run never are.

Every function takes `error`, the error probability of *one* bound: a two-sided interval at 95 % has two
bounds of 0.025 each.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, stdtr, stdtrit

from reports.columns import Floats

RESAMPLES = 999
_MISSES_FOR_T = 5  # replications with a miss (and with a hit) from which a share is near enough to normal


@dataclass(frozen=True)
class Bounds:
    """A value with its two bounds; None where the sample allows none."""

    value: float
    low: float | None
    high: float | None


def mean_bounds(values: Floats, error: float) -> Bounds:
    """Student t over the replications."""
    n = len(values)
    center = float(np.mean(values))
    if n < 2 or not math.isfinite(center):
        return Bounds(center, None, None)
    reach = float(stdtrit(n - 1, 1 - error)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Bounds(center, center - reach, center + reach)


def share_bounds(hits: float, n: int, error: float) -> Bounds:
    """Clopper-Pearson: exact for whole hits; a fractional hit lies between its neighbours."""
    low = 0.0 if hits <= 0 else float(betaincinv(hits, n - hits + 1, error))
    high = 1.0 if hits >= n else float(betaincinv(hits + 1, n - hits, 1 - error))
    return Bounds(hits / n, low, high)


def shares_bounds(shares: Floats, error: float) -> tuple[Bounds, str]:
    """Bound the mean of per-replication shares; returns the method too.

    Student t where at least five replications hold a miss and five hold a hit. Otherwise the shares are
    nearly all alike and t would claim too much: the exact bound that counts a replication as one observation.
    """
    if min(int(np.sum(shares < 1)), int(np.sum(shares > 0))) >= _MISSES_FOR_T:
        bounds = mean_bounds(shares, error)
        if bounds.low is not None and bounds.high is not None:
            return Bounds(bounds.value, max(bounds.low, 0.0), min(bounds.high, 1.0)), "t"
    return share_bounds(float(np.sum(shares)), len(shares), error), "exact"


def minimum_sample(level: float) -> int:
    """Return how many observations hold one beyond the quantile with 95 %: 59 for p95, 299 for p99."""
    return math.ceil(math.log(0.05) / math.log(level))


def quantile(values: Floats, level: float) -> float:
    """Return the smallest observation that at least `level` of them do not exceed."""
    rank = math.ceil(level * len(values) - 1e-9)
    return float(np.partition(values, rank - 1)[rank - 1])


def pooled_quantile(groups: Sequence[Floats], level: float, error: float, key: str) -> Bounds:
    """Quantile of all observations with a bootstrap over the groups (replications), seeded by `key`."""
    values = np.concatenate(groups)
    center = quantile(values, level)
    n = len(groups)
    if n < 2:
        return Bounds(center, None, None)
    order = np.argsort(values, kind="stable")
    owner = np.repeat(np.arange(n), [len(group) for group in groups])[order]
    values = values[order]
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    draws = np.random.Generator(np.random.PCG64(seed)).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    found = np.empty(RESAMPLES)
    for row, weights in enumerate(draws):
        below = np.cumsum(weights[owner])
        found[row] = values[np.searchsorted(below, level * below[-1] - 1e-9)]
    return Bounds(center, quantile(found, error), quantile(found, 1 - error))


def t_tail(statistic: float, freedom: int) -> float:
    """Return P(T <= statistic)."""
    return float(stdtr(freedom, statistic))


def holm(probabilities: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given."""
    order = sorted(range(len(probabilities)), key=lambda index: probabilities[index])
    adjusted = [1.0] * len(probabilities)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * probabilities[index]))
        adjusted[index] = largest
    return adjusted
