"""Many M/M/c queues side by side, first come first served, started empty: what a steady experiment records.

A lane is one replication. Truth is exact: Erlang's formula gives the mean and every quantile of the time in
the system.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from reports.columns import Executions, Floats, PointRuns, Replication, Steps
from tests.statistics.mmc import waits

SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True)
class System:
    """An M/M/c queue with a mean service time of 1 s."""

    servers: int
    utilisation: float

    @property
    def name(self) -> str:
        return f"M/M/{self.servers}"

    @property
    def rate(self) -> float:
        """Arrivals a second."""
        return self.servers * self.utilisation

    @property
    def waiting(self) -> float:
        """Erlang's C: the probability of having to wait."""
        blocked = 1.0
        for count in range(1, self.servers + 1):
            blocked = self.rate * blocked / (count + self.rate * blocked)
        return blocked / (1 - self.utilisation * (1 - blocked))

    @property
    def mean(self) -> float:
        """Mean time in the system."""
        return 1 + self.waiting / (self.servers - self.rate)

    def beyond(self, time: float) -> float:
        """P(time in the system > `time`): a wait (exponential with probability C) and a service."""
        drain = self.servers - self.rate
        never = (1 - self.waiting) * math.exp(-time)
        if abs(drain - 1) < 1e-9:
            return never + self.waiting * (1 + time) * math.exp(-time)
        both = (drain * math.exp(-time) - math.exp(-drain * time)) / (drain - 1)
        return never + self.waiting * both

    def quantile(self, level: float) -> float:
        """The time that so many do not exceed, by bisection."""
        low, high = 0.0, 1e4
        while high - low > 1e-9 * high:
            middle = (low + high) / 2
            low, high = (middle, high) if self.beyond(middle) > 1 - level else (low, middle)
        return high


def point(system: System, replications: int, jobs: int, seed: list[int]) -> PointRuns:
    """Return replications of so many jobs each."""
    dice = np.random.default_rng(seed)
    shape = (jobs, replications)
    between, service = dice.exponential(1 / system.rate, shape), dice.exponential(1.0, shape)
    took = waits(between, service, system.servers) + service
    came = np.cumsum(between, axis=0)
    runs = [replication(number, came[:, number], took[:, number]) for number in range(replications)]
    return PointRuns(0, {}, tuple(runs))


def replication(number: int, came_s: Floats, took_s: Floats) -> Replication:
    """Return one replication as it would be read from its records."""
    submitted = (came_s * SECOND_NS).astype(np.int64)
    ended = submitted + (took_s * SECOND_NS).astype(np.int64)
    count, blank = len(submitted), np.zeros(len(submitted), dtype=np.int64)
    executions = Executions(
        identity=("",) * count,
        completed=np.ones(count, dtype=np.bool_),
        unfinished=np.zeros(count, dtype=np.bool_),
        submitted_ns=submitted,
        admitted_ns=submitted,
        started_ns=submitted,
        ended_ns=ended,
        gap_ns=blank,
        steps_completed=blank,
        causes=({},) * count,
    )
    none = np.empty(0, dtype=np.int64)
    run: dict[str, Any] = {"replication": number, "ended_ns": int(ended.max())}
    return Replication(
        Path(), cast("Any", run), executions, Steps(np.empty(0), none, none), stations={}, faults={}
    )
