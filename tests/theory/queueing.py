"""Waits at the modelled API server, from whole calls or from its seats alone, and intervals over them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from scipy import stats

from engine.core.causes import Cause
from simulator.agenda import Agenda
from simulator.attribution import root
from simulator.cluster.apiserver import Call, Client, Level
from simulator.cluster.service import ServiceTimes
from simulator.stations import Seats, TokenBucket
from simulator.streams import Sampler, Stream, Streams, sampler

SECOND_NS = 1_000_000_000
WARM_UP = 0.1  # of the jobs, cut from the front of every replication
Waits = np.ndarray[Any, np.dtype[np.float64]]
Source = Callable[["Queue", int, int], Waits]


@dataclass(frozen=True)
class Queue:
    """M/M/c with mean service 1 s and `rate` arrivals a second."""

    seats: int
    rate: float

    @classmethod
    def of(cls, parameters: str) -> "Queue":
        """Read the parameters of a row."""
        values = json.loads(parameters)
        assert float(values["mu"]) == 1.0
        return cls(int(values.get("c", 1)), float(values["lambda"]))

    @property
    def load(self) -> float:
        return self.rate / self.seats

    def draws(self, replication: int) -> tuple[Stream, Sampler, Stream, Sampler]:
        """Arrivals and services of a replication: (stream, inverse) each, keyed by the job's number."""
        streams = Streams(20260101, replication)
        gaps = sampler({"dist": "exponential", "mean_s": 1 / self.rate})
        services = sampler({"dist": "exponential", "mean_s": 1.0})
        return streams.stream("arrivals"), gaps, streams.stream("apiserver.service"), services


def waits_of_calls(queue: Queue, jobs: int, replication: int) -> Waits:
    """Send every job as a read through client, priority level and seats, on the agenda."""
    agenda = Agenda()
    arrivals, gap, services, service = queue.draws(replication)
    level = Level(agenda, "queue", queue.seats)
    unlimited = TokenBucket("client", None, 1)
    client = Client(level, ServiceTimes(services, service, service, 0), unlimited, Cause.CLIENT_THROTTLE)
    waits: list[int] = []

    def answered(call: Call) -> None:
        """The chain is root -> (API queue) -> API service; a call that did not queue has no such link."""
        before = call.link[0]
        assert call.link[1] is Cause.API_SERVICE
        assert before is not None
        waits.append(before[2] - before[0][2] if before[0] is not None else 0)

    def arrive(number: int) -> None:
        call = client.read(lambda _link: None, number, root(agenda.now))
        call.done = answered
        if number + 1 < jobs:
            delay = gap(arrivals.uniform(number + 1))
            agenda.after(delay, lambda _entry: arrive(number + 1))

    agenda.after(gap(arrivals.uniform(0)), lambda _entry: arrive(0))
    agenda.run()
    assert len(waits) == jobs
    return np.array(waits) / SECOND_NS


def waits_of_seats(queue: Queue, jobs: int, replication: int) -> Waits:
    """Reserve the same seats for the same jobs, without the calls around them."""
    return _visits(queue, jobs, replication)[0]


def stays_of_seats(queue: Queue, jobs: int, replication: int) -> Waits:
    """The same, wait and service together."""
    waits, services = _visits(queue, jobs, replication)
    return waits + services


def _visits(queue: Queue, jobs: int, replication: int) -> tuple[Waits, Waits]:
    arrivals, gap, services, service = queue.draws(replication)
    seats = Seats("queue", queue.seats)
    waits, served = [], []
    now = 0
    for number in range(jobs):
        now += gap(arrivals.uniform(number))
        duration = service(services.uniform(number))
        waits.append(seats.reserve(now, duration) - now)
        served.append(duration)
    return np.array(waits) / SECOND_NS, np.array(served) / SECOND_NS


@dataclass(frozen=True)
class Interval:
    """A Student-t interval over independent replications."""

    mean: float
    half_width: float
    replications: int

    @classmethod
    def of(cls, values: list[float], confidence: float = 0.99) -> "Interval":
        n = len(values)
        quantile = float(stats.t.ppf((1 + confidence) / 2, n - 1))
        return cls(float(np.mean(values)), quantile * float(np.std(values, ddof=1)) / sqrt(n), n)

    def holds(self, value: float) -> bool:
        return abs(value - self.mean) <= self.half_width

    @property
    def relative(self) -> float:
        return self.half_width / self.mean


@dataclass(frozen=True)
class Estimate:
    """Mean and 95th percentile of the wait."""

    mean: Interval
    p95: Interval


def estimate(
    queue: Queue, source: Source, jobs: int, *, half_width: float = 0.02, replications: tuple[int, int]
) -> Estimate:
    """Replicate until both half-widths are small enough, between (least, most) times, ten at a time."""
    means: list[float] = []
    p95s: list[float] = []
    least, most = replications
    while True:
        for _ in range(10 if means else least):
            waits = source(queue, jobs, len(means))[round(WARM_UP * jobs) :]
            means.append(float(waits.mean()))
            p95s.append(float(np.quantile(waits, 0.95)))
        found = Estimate(Interval.of(means), Interval.of(p95s))
        widths = [found.mean.relative] + ([found.p95.relative] if found.p95.mean else [])
        if max(widths) <= half_width or len(means) >= most:
            return found
