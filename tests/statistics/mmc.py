"""M/M/c queues by the Kiefer-Wolfowitz recursion, with the same customers for every number of servers."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from reports.columns import Executions, Floats, PointRuns, Replication, RunData

SECOND_NS = 1_000_000_000
BLOCK = 40  # replications made at a time


class Customers:
    """Customers of replications: they come and are served alike whatever serves them."""

    def __init__(self, seed: int, rate: float, jobs: int, warmup: int) -> None:
        self.seed, self.rate, self.jobs, self.warmup = seed, rate, jobs, warmup
        self._blocks: list[tuple[Floats, Floats]] = []

    def block(self, number: int) -> tuple[Floats, Floats]:
        """Times between arrivals and service times of one block of replications."""
        while len(self._blocks) <= number:
            dice = np.random.default_rng([self.seed, len(self._blocks)])
            shape = (self.warmup + self.jobs, BLOCK)
            self._blocks.append((dice.exponential(1 / self.rate, shape), dice.exponential(1.0, shape)))
        return self._blocks[number]


class Queue:
    """The waits of those customers in front of so many servers."""

    def __init__(self, customers: Customers, servers: int) -> None:
        self.customers, self.servers = customers, servers
        self._waits: list[Floats] = []

    def waits(self, replications: int) -> Sequence[Floats]:
        """Waits of at least so many replications, one array each, without the warm-up."""
        while len(self._waits) < replications:
            between, service = self.customers.block(len(self._waits) // BLOCK)
            self._waits += list(waits(between, service, self.servers)[self.customers.warmup :].T)
        return self._waits[:replications]


def waits(between: Floats, service: Floats, servers: int) -> Floats:
    """Return each customer's wait; rows are customers, columns are replications."""
    busy = np.zeros((between.shape[1], servers))  # of each server: the work before a customer who comes now
    found = np.empty_like(between)
    for row, (gap, work) in enumerate(zip(between, service, strict=True)):
        np.maximum(busy - gap[:, None], 0.0, out=busy)
        first = busy.argmin(axis=1)
        lanes = np.arange(len(first))
        found[row] = busy[lanes, first]
        busy[lanes, first] += work
    return found


class Waited(Replication):
    """A replication whose start delays are the waits of a queue."""

    def __init__(self, values: Floats) -> None:
        super().__init__(Path(), cast("Any", {}), cast("Executions", None), cast("Any", None), {}, {})
        object.__setattr__(self, "values", values)

    @cached_property
    def start_delay_s(self) -> Floats:
        return cast("Floats", self.__dict__["values"])


def as_run(groups: Sequence[Floats]) -> RunData:
    """Return waits as a run directory would hold them: start delays of the executions of one point."""
    return RunData(Path(), (PointRuns(0, {}, tuple(Waited(group) for group in groups)),))
