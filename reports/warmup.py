"""Where the warm-up of a stream ends: one cut for all replications, found on their average.

MSER-5 (White, Cobb and Spratt 2000) takes the mean of every five observations and cuts where the standard
error of what remains is smallest. On one replication the noise decides; on the average over all of them
the cut is that of the transient, and it depends on no single run.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from reports.columns import Floats

BATCH: Final = 5
SEARCHED: Final = 0.75  # of the series: what remains beyond is too little to have an error of its own


def ensemble(groups: Sequence[Floats]) -> Floats:
    """Return the mean of the k-th values, as far as every replication has one."""
    shortest = min((len(group) for group in groups), default=0)
    if not shortest:
        return np.empty(0, dtype=np.float64)
    return np.asarray(np.mean([group[:shortest] for group in groups], axis=0), dtype=np.float64)


def mser5(series: Floats) -> int:
    """Return how many observations at the beginning to leave out."""
    count = len(series) // BATCH
    if count < 2:
        return 0
    batches = series[: count * BATCH].reshape(count, BATCH).mean(axis=1)
    batches = batches - batches.mean()  # the sums of squares below would cancel otherwise
    remaining = np.arange(count, 0, -1)
    sums = np.cumsum(batches[::-1])[::-1]
    squares = np.cumsum((batches**2)[::-1])[::-1]
    errors = (squares - sums**2 / remaining) / remaining**2
    searched = max(1, int(SEARCHED * count))
    return int(np.argmin(errors[:searched])) * BATCH


def moving_average(series: Floats, reach: int) -> Floats:
    """Return Welch's moving average: over `reach` neighbours each way, fewer near the ends."""
    if not len(series):
        return series
    sums = np.concatenate(([0.0], np.cumsum(series)))
    places = np.arange(len(series))
    wide = np.minimum(np.minimum(places, len(series) - 1 - places), reach)
    return np.asarray((sums[places + wide + 1] - sums[places - wide]) / (2 * wide + 1), dtype=np.float64)
