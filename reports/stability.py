"""Whether a stream is steady at all: does the number in the system go on growing?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reports.columns import Floats, Integers
from reports.intervals import mean_bounds

INSTANTS: Final = 200
ERROR: Final = 0.01  # of saying that it grows where it does not
LEAST_GROWTH: Final = 0.2  # over the second half, as a share of the mean there; at the capacity itself: 0.34


@dataclass(frozen=True)
class Trend:
    """The number in the system over the second half of the load: growth as a share of its mean."""

    growth: float | None
    grows: bool


def in_system(submitted_ns: Integers, ended_ns: Integers, at_ns: Integers) -> Integers:
    """Return how many had been submitted and had not ended, at each instant."""
    came = np.searchsorted(np.sort(submitted_ns), at_ns, side="right")
    left = np.searchsorted(np.sort(ended_ns), at_ns, side="right")
    return np.asarray(came - left, dtype=np.int64)


def trend_of(runs: Sequence[tuple[Integers, Integers]], end_ns: int) -> Trend:
    """Judge the trend of (submitted, ended) of each replication, over the second half up to `end_ns`.

    The slope of each replication is one observation. The number grows where their mean is significantly
    positive and adds up to more than a fifth of what is there.
    """
    if len(runs) < 2 or end_ns <= 0:
        return Trend(None, grows=False)
    at = np.linspace(end_ns // 2, end_ns, INSTANTS).astype(np.int64)
    lengths = np.array([in_system(*run, at) for run in runs], dtype=np.float64)
    mean = float(lengths.mean())
    if mean <= 0:
        return Trend(0.0, grows=False)
    slopes = _slopes(lengths)
    bounds = mean_bounds(slopes, ERROR)
    growth = bounds.value / mean
    return Trend(growth, grows=bounds.low is not None and bounds.low > 0 and growth > LEAST_GROWTH)


def _slopes(lengths: Floats) -> Floats:
    """Return the growth of each row from its first to its last column, by least squares."""
    position = np.linspace(-0.5, 0.5, lengths.shape[1])
    return np.asarray(lengths @ position / float(position @ position), dtype=np.float64)
