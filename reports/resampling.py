"""Intervals of what is computed from a whole curve: a bootstrap over the replications.

Points share their random numbers replication by replication, so a replication is drawn, or not, at all of
its points at once: what lifts or lowers a whole curve is not mistaken for what bends it.
"""

import hashlib
import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from scipy.special import ndtr, stdtrit

from reports.columns import Floats, PointRuns
from reports.estimates import Estimate
from reports.intervals import RESAMPLES, quantile

LEAST_REPLICATIONS = 5  # fewer say next to nothing about how far apart they lie
_LOST_MOST = 0.05  # share of the draws from which the value cannot be told, beyond which there is no interval


class Resampling:
    """Draws of the replications of several points, the same for all that is computed from them."""

    def __init__(self, points: Sequence[PointRuns], error: float, key: str) -> None:
        """Draw, seeded by `key`; `error` is that of each bound."""
        numbers = sorted({item.number for point in points for item in point.replications})
        self._places = {number: place for place, number in enumerate(numbers)}
        self.n = min((len(point.replications) for point in points), default=0)
        self.total = sum(len(point.replications) for point in points)
        self._error = error
        self._key = key

    @cached_property
    def _draws(self) -> Floats:
        """One replication less is drawn than there are, as a sample of n varies less around its own mean."""
        n = len(self._places)
        seed = int.from_bytes(hashlib.sha256(self._key.encode()).digest()[:8], "big")
        generator = np.random.Generator(np.random.PCG64(seed))
        return generator.multinomial(max(n - 1, 1), np.full(n, 1 / n), size=RESAMPLES).astype(np.float64)

    def weights(self, point: PointRuns) -> Floats:
        """Return how often each replication of the point was drawn: a row a draw."""
        chosen = self._draws[:, [self._places[item.number] for item in point.replications]]
        chosen[chosen.sum(axis=1) == 0] = 1.0  # none of a point's own: all of them
        return chosen

    def means(self, point: PointRuns, values: Floats) -> Floats:
        """Return the mean over the point's replications, a value a draw; `values` has a row a replication."""
        weights = self.weights(point)
        totals = weights @ values
        share = weights.sum(axis=1)
        found: Floats = totals / (share if values.ndim == 1 else share[:, None])
        return found

    def estimate(self, unit: str, value: float, drawn: Floats, note: str = "") -> Estimate:
        """Return a value with the interval that its draws give; a draw of NaN is one that gave no value.

        The percentiles are moved outwards as Student's t lies outside the normal distribution (the expanded
        percentile interval: T. Hesterberg, What Teachers Should Know About the Bootstrap, 2015).
        """
        known = drawn[~np.isnan(drawn)]
        if self.n < LEAST_REPLICATIONS:
            note = "; ".join(
                [*([note] if note else []), f"no interval: fewer than {LEAST_REPLICATIONS} replications"]
            )
            return Estimate(unit, value, None, None, self.n, self.total, "bootstrap", note)
        if len(known) < (1 - _LOST_MOST) * len(drawn):
            lost = f"no interval: it cannot be told from {len(drawn) - len(known)} of {len(drawn)} draws"
            note = "; ".join([*([note] if note else []), lost])
            return Estimate(unit, value, None, None, self.n, self.total, "bootstrap", note)
        level = float(ndtr(-stdtrit(self.n - 1, 1 - self._error)))
        low, high = quantile(known, level), quantile(known, 1 - level)
        if math.isinf(high):
            beyond = f"above all measured in {int(np.isinf(known).sum())} of {len(known)} draws"
            note = "; ".join([*([note] if note else []), beyond])
        return Estimate(unit, value, min(low, value), max(high, value), self.n, self.total, "bootstrap", note)
