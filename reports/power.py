"""Power: the smallest regression that a gate would have found with 95 % probability, given what it saw."""

import math
from typing import Final

import numpy as np
from scipy.special import nctdtrinc, stdtrit

from reports.columns import Floats

POWER: Final = 0.95


def detectable(edge: float, spread: float, n: int, alpha: float, power: float = POWER) -> float | None:
    """Return the smallest mean log ratio, beyond 0, that a two-sided t test at `alpha` finds beyond `edge`.

    `spread` is the standard deviation of the log ratios of `n` pairs. Exact by the noncentral t distribution.
    Without spread everything beyond the edge is found; of a single pair nothing is.
    """
    if n < 2 or not math.isfinite(edge):
        return None
    if spread <= 0:
        return edge
    critical = float(stdtrit(n - 1, 1 - alpha / 2))
    shift = float(nctdtrinc(n - 1, 1 - power, critical))
    return edge + shift * spread / math.sqrt(n) if math.isfinite(shift) else None


def reshuffled(before: Floats, after: Floats) -> float | None:
    """Return the spread of the log ratios if a change gave every replication other dice.

    Pairs share their dice only as far as the change leaves them alone; this is what is left if it does not.
    """
    logs = [np.log(values[np.isfinite(values) & (values > 0)]) for values in (before, after)]
    if min(len(one) for one in logs) < 2:
        return None
    return float(math.sqrt(sum(float(np.var(one, ddof=1)) for one in logs)))


def as_share(log_ratio: float | None, sign: int) -> float | None:
    """Return a log ratio in the direction of the worse as a share: 0.03 is 3 % longer, or 3 % less."""
    if log_ratio is None:
        return None
    share = math.expm1(log_ratio) if sign > 0 else -math.expm1(-log_ratio)
    return round(share, 12)  # 3 % is 3 %, there and back
