"""Values of replications, with the interval that a row prints."""

from collections.abc import Sequence

import numpy as np

from reports.intervals import mean_bounds

_ERROR = 0.005  # of each bound: an interval at 99 %


def mean_of(values: Sequence[float]) -> tuple[float, float | None, float | None, int]:
    """Return the mean over replications with its 99 % interval (Student t), and their number."""
    bounds = mean_bounds(np.asarray(values, dtype=float), _ERROR)
    return bounds.value, bounds.low, bounds.high, len(values)
