"""The power of a check: the smallest violation that it would have found, with a probability of 95 %.

A PASS says that nothing was found. What that is worth depends on what would have been.
"""

import bisect
import math
from dataclasses import dataclass
from typing import Final

from scipy.special import betaincinv, nctdtrinc, ndtri, stdtrit

from reports.formats import quantity
from reports.intervals import share_bounds

POWER: Final = 0.95
POWER_QUANTILE: Final = float(ndtri(POWER))


@dataclass(frozen=True)
class Detectable:
    """The smallest violation; `upper` says that it lies above a limit, and not below."""

    value: float
    unit: str
    what: str  # "mean", "p95", "share", "misses"
    upper: bool

    @property
    def text(self) -> str:
        """In words: `would find a mean ≥ 31.2 s`."""
        sign = "≥" if self.upper else "≤"
        value = quantity(self.value, self.unit)
        if self.what == "misses":
            return f"would find misses in {sign} {value} of replications"
        return f"would find a {self.what} {sign} {value}"


def of_mean(limit: float, low: float, high: float, n: int, error: float, *, upper: bool) -> float | None:
    """Return the true mean whose t test fails with `POWER`, from the interval that the test looked at.

    Exact: the test statistic is then noncentral t, with a noncentrality of so many standard errors.
    """
    if n < 2 or not math.isfinite(high - low):
        return None
    critical = float(stdtrit(n - 1, 1 - error))
    spread = (high - low) / 2 / critical
    distance = float(nctdtrinc(n - 1, 1 - POWER, critical)) * spread if spread > 0 else 0.0
    return limit + distance if upper else limit - distance


def of_bootstrap(limit: float, value: float, bound: float, error: float, *, upper: bool) -> float:
    """Return the same for a bootstrap bound, as if its distance from the value were normal."""
    reach = abs(value - bound)
    distance = reach * (1 + POWER_QUANTILE / float(ndtri(1 - error)))
    return limit + distance if upper else limit - distance


def of_share(attainment: float, n: int, error: float) -> float | None:
    """Return the greatest true share whose exact test fails with `POWER`; None: no sample could fail."""
    most = bisect.bisect_left(range(n + 1), attainment, key=lambda hits: _high(hits, n, error)) - 1
    if most < 0:
        return None
    return float(betaincinv(most + 1, n - most, 1 - POWER))


def _high(hits: int, n: int, error: float) -> float:
    high = share_bounds(hits, n, error).high
    return 1.0 if high is None else high


def of_every(n: int) -> float:
    """Return the least share of replications with a miss of which one is seen with `POWER`."""
    return float(1 - (1 - POWER) ** (1 / n))
