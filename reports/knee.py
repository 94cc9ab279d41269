"""Where a curve of throughput against load bends: by its shape, by the fitted law, by the bounds.

Each method may say that there is no knee in the range that was measured; none looks beyond it.
"""

from collections.abc import Sequence

import numpy as np

SENSITIVITY = 1.0  # Kneedle's S: by how many mean steps the height must fall behind the knee
RISE_LEAST = 0.1  # a curve that rises by less, as a share of its greatest value, is flat and noise


def kneedle(
    loads: Sequence[float], values: Sequence[float], sensitivity: float = SENSITIVITY
) -> float | None:
    """Return the load at which a rising curve flattens out; None if it does not.

    Kneedle (Satopää, Albrecht, Irwin and Raghavan, "Finding a Kneedle in a Haystack", 2011), without the
    smoothing: both axes are scaled to [0, 1]; the greatest height over the diagonal is the knee if behind
    it the height falls by `sensitivity` times the mean step of the load.
    """
    if len(loads) != len(values) or len(loads) < 2:
        raise ValueError(f"{len(loads)} loads, {len(values)} values: expected as many of both, two or more")
    at, height = np.array(loads, dtype=np.float64), np.array(values, dtype=np.float64)
    if not np.all(np.diff(at) > 0):
        raise ValueError(f"loads {list(loads)}: expected them to rise")
    if height.max() - height[0] <= RISE_LEAST * height.max():
        return None
    across = (at - at[0]) / (at[-1] - at[0])
    over = (height - height.min()) / (height.max() - height.min()) - across
    peak = int(np.argmax(over))
    threshold = over[peak] - sensitivity / (len(at) - 1)
    return float(at[peak]) if peak > 0 and over[peak:].min() < threshold else None
