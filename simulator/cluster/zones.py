"""The state of a zone, and how fast its nodes may be emptied, as the node lifecycle controller reckons.

Source: k/k pkg/controller/nodelifecycle, ComputeZoneState, setLimiterInZone, scheduler/rate_limited_queue.go.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

ZONE: Final = "topology.kubernetes.io/zone"
_FEW: Final = 2  # so many not ready are no disruption


class ZoneState(Enum):
    """How much of a zone is ready."""

    NORMAL = "Normal"
    PARTIAL = "PartialDisruption"
    FULL = "FullDisruption"


@dataclass(frozen=True, slots=True)
class Rates:
    """Nodes that may be tainted NoExecute a second, and from when on a zone is disrupted."""

    normal: float
    secondary: float
    unhealthy_share: float
    large_size: int

    def state(self, ready: Iterable[bool]) -> ZoneState:
        """Return the state of a zone whose nodes are ready or not."""
        flags = list(ready)
        well = sum(flags)
        ill = len(flags) - well
        if not well and ill:
            return ZoneState.FULL
        partly = ill > _FEW and ill / len(flags) >= self.unhealthy_share
        return ZoneState.PARTIAL if partly else ZoneState.NORMAL

    def of(self, state: ZoneState, size: int) -> float:
        """Return the rate in a zone, as long as not every zone is fully disrupted."""
        if state is ZoneState.PARTIAL:
            return self.secondary if size > self.large_size else 0.0
        return self.normal


class Pace:
    """A token bucket of one token: the first comes at once; a rate of 0 gives none."""

    __slots__ = ("_interval_ns", "_next_ns", "rate")

    def __init__(self, rate: float) -> None:
        """Give `rate` tokens a second."""
        self.rate = rate
        self._interval_ns = round(1e9 / rate) if rate else 0
        self._next_ns = 0

    def swap(self, rate: float) -> None:
        """Go on at another rate with a full bucket; the same rate changes nothing."""
        if rate != self.rate:
            self.__init__(rate)  # type: ignore[misc]

    def next_ns(self, now: int) -> int | None:
        """Return when a token can be had, now or later; None if never."""
        return max(now, self._next_ns) if self._interval_ns else None

    def take(self, now: int) -> None:
        """Take the token that is there now."""
        self._next_ns = max(self._next_ns, now) + self._interval_ns
