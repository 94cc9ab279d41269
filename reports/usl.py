"""The Universal Scalability Law: throughput against concurrency, with contention and coherency.

X(N) = l N / (1 + s (N - 1) + k N (N - 1)), with s and k never below zero (N. J. Gunther, Guerrilla Capacity
Planning, 2007). It is fitted by weighted least squares in the throughput. Where the best fit has k = 0 the
law has no finite peak, and none is claimed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from reports.columns import Floats

LEAST_POINTS = 6
_ROUNDS = 100
_DAMPING_FIRST, _DAMPING_LEAST, _DAMPING_MOST = 1e-3, 1e-12, 1e12
_SETTLED = 1e-12  # relative step at which a fit has settled

_SAME = 1e-9  # relative difference of errors that is no difference: the simpler law is taken

# N / X is linear in 1/l, s/l and k/l. Columns say which of the three are free, and tied to which: the faces
# of the region that is allowed, where the least error lies if it does not lie inside, then the inside.
_FACES = (
    np.array([[0], [0], [1]]),  # infinite alone, falling from the first load on: no law at all
    np.array([[1], [0], [0]]),  # neither contention nor coherency: linear
    np.array([[1], [1], [0]]),  # everything waits for everything: constant
    np.array([[1, 0], [0, 1], [0, 0]]),  # no coherency
    np.array([[1, 0], [0, 0], [0, 1]]),  # no contention
    np.array([[1, 0], [1, 0], [0, 1]]),  # nothing but contention, and coherency
    np.eye(3),
)


@dataclass(frozen=True)
class UslFit:
    """A fitted law: `rate` is the throughput of one alone, in the unit of the throughputs given."""

    rate: float
    contention: float
    coherency: float
    loads: tuple[float, ...]
    throughputs: tuple[float, ...]

    def throughput(self, load: float) -> float:
        """Return the law's throughput at a load."""
        return float(law(np.array([load]), self.rate, self.contention, self.coherency)[0])

    @property
    def peak_load(self) -> float | None:
        """The load of the greatest throughput; None if the law has no finite peak."""
        if self.coherency <= 0:
            return None
        return math.sqrt(max(1 - self.contention, 0.0) / self.coherency)

    @property
    def peak_throughput(self) -> float | None:
        """The greatest throughput; None if the law has no finite peak."""
        return None if self.peak_load is None else self.throughput(self.peak_load)

    @property
    def limit(self) -> float | None:
        """What contention alone would let through at any load; None without contention."""
        return self.rate / self.contention if self.contention > 0 else None

    @property
    def optimal_load(self) -> float | None:
        """Where linear growth would meet the limit of contention; None without contention."""
        return 1 / self.contention if self.contention > 0 else None

    def efficiency(self, load: float) -> float:
        """Return the throughput's share of what `load` times one alone would be."""
        return self.throughput(load) / (self.rate * load)

    @cached_property
    def worst_miss(self) -> float:
        """The greatest distance between law and measurement, as a share of the measurement."""
        pairs = zip(self.loads, self.throughputs, strict=True)
        return max(abs(self.throughput(load) / found - 1) for load, found in pairs)


def law(loads: Floats, rate: Any, contention: Any, coherency: Any) -> Floats:
    """Return the throughputs of a law, or of many (columns of parameters against a row of loads)."""
    found: Floats = rate * loads / (1 + contention * (loads - 1) + coherency * loads * (loads - 1))
    return found


def fit(
    loads: Sequence[float], throughputs: Sequence[float], weights: Sequence[float] | None = None
) -> UslFit:
    """Fit the law to at least three points; `weights` multiply the residuals (1 / half-width).

    Raises:
        ValueError: fewer than three loads, what is not above zero, or what falls from the first load on.
    """
    found = fit_all(np.array(loads, dtype=np.float64), np.array([throughputs], dtype=np.float64), weights)[0]
    if np.isnan(found[0]):
        raise ValueError("the throughput falls from the smallest load on: no law can be told from it")
    return UslFit(
        float(found[0]),
        float(found[1]),
        float(found[2]),
        tuple(map(float, loads)),
        tuple(map(float, throughputs)),
    )


def fit_all(loads: Floats, throughputs: Floats, weights: Sequence[float] | None = None) -> Floats:
    """Fit many sets over the same loads at once, a row each; return rows of rate, contention, coherency.

    A row that no law fits best, as it falls from the smallest load on, comes back as NaN.

    Raises:
        ValueError: fewer than three loads, or something that is not above zero.
    """
    weighing = np.ones(len(loads)) if weights is None else np.array(weights, dtype=np.float64)
    if len(np.unique(loads)) < 3:
        raise ValueError(f"{len(np.unique(loads))} different loads, expected three or more")
    if not (np.all(loads > 0) and np.all(throughputs > 0) and np.all(weighing > 0)):
        raise ValueError("loads, throughputs and weights must be above zero")
    load_scale, rate_scale = float(loads.max()), throughputs.max(axis=1, keepdims=True)
    basis = np.stack([np.ones_like(loads), loads - 1, loads * (loads - 1)]) * (load_scale / loads)
    seen, best, error = (
        throughputs / rate_scale,
        np.empty((len(throughputs), 3)),
        np.full(len(throughputs), np.inf),
    )
    least = len(loads) * np.finfo(np.float64).eps ** 2  # nobody can tell smaller errors from none
    for face in _FACES:
        reduced, missed = _least_error(face.T @ basis, seen, weighing / weighing.max())
        found = reduced @ face.T
        allowed = (found[:, 0] >= 0) & (found[:, 1:] >= 0).all(axis=1) & (found[:, 1] <= found[:, 0])
        better = allowed & (missed < error * (1 - _SAME) - least)
        best[better], error[better] = found[better], missed[better]
    best[best[:, 0] <= 0] = np.nan
    rate = rate_scale[:, 0] / load_scale / best[:, 0]
    return np.stack([rate, best[:, 1] / best[:, 0], best[:, 2] / best[:, 0]], axis=1)


def _least_error(basis: Floats, seen: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Fit 1 / (coefficients . basis) to each row of `seen`; return coefficients and squared errors."""
    scales = np.abs(basis).max(axis=1, keepdims=True)
    basis = basis / scales
    found, error = _descend(_linear_start(basis, seen, weights), basis, seen, weights)
    even = _even_start(basis, seen)
    tilts = [np.ones(len(basis))]
    if len(basis) > 1:  # points that scatter much can have more than one valley: look from each side
        tilts += [np.where(np.arange(len(basis)) == at, 2.5, 0.1) for at in range(len(basis))]
    for tilt in tilts:
        again, other = _descend(even * tilt, basis, seen, weights)
        better = other < error
        found[better], error[better] = again[better], other[better]
    return found / scales[:, 0], error


def _linear_start(basis: Floats, seen: Floats, weights: Floats) -> Floats:
    """Return the fit of 1 / seen, weighted as an error of `seen` makes itself felt there."""
    weighing = (weights * seen**2) ** 2
    normal = np.einsum("ij,bj,kj->bik", basis, weighing, basis)
    right = np.einsum("ij,bj->bi", basis, weighing / seen)
    found: Floats = np.linalg.solve(normal, right[..., None])[..., 0]
    return found


def _even_start(basis: Floats, seen: Floats) -> Floats:
    level = (1 / seen).mean(axis=1) / basis.sum(axis=0).mean()
    return np.repeat(level[:, None], len(basis), axis=1)


def _descend(start: Floats, basis: Floats, seen: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Levenberg and Marquardt's method, for all rows at once; what fits nothing has an infinite error."""
    found, damping = start, np.full(len(start), _DAMPING_FIRST)
    predicted, error = _judge(found, basis, seen, weights)
    diagonal = np.arange(len(basis))
    for _ in range(_ROUNDS):
        slopes = weights * np.where(np.isfinite(error)[:, None], predicted, 0.0) ** 2
        normal = np.einsum("ij,bj,kj->bik", basis, slopes**2, basis)
        normal[:, diagonal, diagonal] *= 1 + damping[:, None]
        normal[:, diagonal, diagonal] += np.finfo(np.float64).tiny
        right = np.einsum("ij,bj->bi", basis, slopes * weights * (predicted - seen))
        step = np.linalg.solve(normal, np.where(np.isfinite(right), right, 0.0)[..., None])[..., 0]
        tried, missed = _judge(found + step, basis, seen, weights)
        better = missed < error
        found, predicted = (
            np.where(better[:, None], found + step, found),
            np.where(better[:, None], tried, predicted),
        )
        error = np.where(better, missed, error)
        damping = np.clip(np.where(better, damping / 10, damping * 10), _DAMPING_LEAST, _DAMPING_MOST)
        if np.all(np.abs(step) <= _SETTLED * np.abs(found)):
            break
    return found, error


def _judge(found: Floats, basis: Floats, seen: Floats, weights: Floats) -> tuple[Floats, Floats]:
    below = found @ basis
    predicted = 1 / np.where(below > 0, below, np.nan)
    missed = ((weights * (seen - predicted)) ** 2).sum(axis=1)
    return predicted, np.where(np.isnan(missed), np.inf, missed)
