"""Lending of seats between priority levels: every 10 s each gets what it lately needed, in proportion.

As the API server does it (apiserver/pkg/util/flowcontrol: apf_controller.go, conc_alloc.go): of its nominal
seats a level keeps what it may not lend, and what it needed at most since the last time; above that, seats
go by the smoothed demand. So a level that was idle begins with fewer than its nominal seats.
"""

from dataclasses import dataclass, field
from math import sqrt
from typing import Any, Final

from simulator.agenda import Agenda
from simulator.cluster.fairseats import FairSeats

SMOOTHING: Final = 0.977  # seatDemandSmoothingCoefficient: a half-life of 5 minutes
TARGET_MIN: Final = 0.001  # conc_alloc.go MinTarget


@dataclass(slots=True)
class Borrower:
    """A level that lends and borrows."""

    seats: FairSeats
    nominal: int
    lendable_percent: int
    smoothed: float = 0.0
    served_ns: int = field(default=0)

    @property
    def kept(self) -> int:
        """The seats that it never lends; one at least, so that it goes on."""
        return max(1, self.nominal - round(self.nominal * self.lendable_percent / 100))

    def observe(self, since_ns: int, now: int, periods: int) -> int:
        """Take in the demand since then, so many periods ago; return its maximum."""
        told = self.seats.demand(now)
        served_ns = self.seats.busy_until(now)
        if told is None:  # never full: as many at once as arrive in one service, whose variance is their mean
            mean = (served_ns - self.served_ns) / (now - since_ns)
            told = mean, sqrt(mean), self.seats.tidy(now)
        self.served_ns = served_ns
        self.seats.in_use_max = self.seats.in_use(now)
        mean, deviation, most = told
        envelope = mean + deviation
        kept = SMOOTHING**periods
        self.smoothed = max(envelope, kept * self.smoothed + (1 - kept) * envelope)
        return most


class Lending:
    """Shares out the seats of all limited levels, again and again."""

    def __init__(self, agenda: Agenda, period_ns: int) -> None:
        """Begin without levels."""
        self._agenda = agenda
        self._period_ns = period_ns
        self._levels: list[Borrower] = []
        self._periods = 0  # since the demand was last looked at
        self._at_rest = True

    def add(self, level: Borrower) -> None:
        """Let a level take part."""
        self._levels.append(level)

    def start(self) -> None:
        """Share out as for a cluster that has been quiet, and go on from there."""
        self._share([level.kept for level in self._levels])
        self._agenda.after(self._period_ns, self._adjust)

    def _adjust(self, _entry: Any) -> None:
        """Share out anew; not while all is at rest and nobody uses half of what is his."""
        self._agenda.after(self._period_ns, self._adjust)
        self._periods += 1
        if self._at_rest and not any(level.seats.is_pressed for level in self._levels):
            return
        now, periods, self._periods = self._agenda.now, self._periods, 0
        since_ns = now - periods * self._period_ns
        most = [level.observe(since_ns, now, periods) for level in self._levels]
        self._at_rest = not self._share(
            [
                max(level.kept, min(level.nominal, needed))
                for level, needed in zip(self._levels, most, strict=True)
            ]
        )

    def _share(self, lower: list[int]) -> bool:
        """Share out the seats; return whether that changed anything."""
        changed = False
        total = sum(level.nominal for level in self._levels)
        targets = [max(low, level.smoothed) for low, level in zip(lower, self._levels, strict=True)]
        for level, seats in zip(self._levels, allocate(total, lower, targets), strict=True):
            whole = max(1, int(seats + 0.5))
            if whole != level.seats.limit:
                level.seats.resize(whole)
                changed = True
        return changed


def allocate(total: int, lower: list[int], targets: list[float]) -> list[float]:
    """Return shares that sum to `total`: one multiple of each target, but never below its lower bound.

    (computeConcurrencyAllocation; nothing bounds a share from above by default.)
    """
    wanted = [max(target, TARGET_MIN) for target in targets]
    if sum(lower) >= total:
        return [float(low) for low in lower]
    bound = [False] * len(lower)
    while True:
        left = total - sum(low for low, is_bound in zip(lower, bound, strict=True) if is_bound)
        free = sum(target for target, is_bound in zip(wanted, bound, strict=True) if not is_bound)
        proportion = left / free
        short = [
            not is_bound and proportion * target < low
            for low, target, is_bound in zip(lower, wanted, bound, strict=True)
        ]
        if not any(short):
            return [
                float(low) if is_bound else proportion * target
                for low, target, is_bound in zip(lower, wanted, bound, strict=True)
            ]
        bound = [is_bound or is_short for is_bound, is_short in zip(bound, short, strict=True)]
