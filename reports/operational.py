"""Operational analysis: what follows from counted visits and measured service alone, whatever the dice.

A station of m seats at which one execution asks for D seconds of service lets through at most m / D
executions a second; n executions of which each takes R seconds alone and thinks Z seconds in between pass
at most n / (R + Z). (Denning and Buzen 1978; Lazowska et al., Quantitative System Performance, chapter 5.)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Demand:
    """What one execution asks of one station, all visits together."""

    station: str
    service_s: float
    seats: int = 1

    @property
    def per_seat_s(self) -> float:
        """The time for which one execution keeps the station from the others: 1 / its greatest throughput."""
        return self.service_s / self.seats


@dataclass(frozen=True)
class Asymptotes:
    """Bounds on throughput and response time of a closed system (think = 0: a batch that is kept up)."""

    alone_s: float  # response time of one execution that waits for nobody
    think_s: float
    binding: Demand | None  # the station that saturates first; None: there is none

    @property
    def ceiling(self) -> float:
        """The throughput that no load exceeds, per second; infinite where nothing is shared."""
        return 1 / self.binding.per_seat_s if self.binding is not None else math.inf

    @property
    def knee(self) -> float:
        """N*: the load at which the two bounds meet; from there on executions must wait."""
        return (self.alone_s + self.think_s) * self.ceiling

    def throughput_at_most(self, load: float) -> float:
        """Return the upper bound at a load."""
        return min(load / (self.alone_s + self.think_s), self.ceiling)

    def throughput_at_least(self, load: float) -> float:
        """Return the lower bound at a load: every execution waits for all others everywhere."""
        return load / (load * self.alone_s + self.think_s)

    def response_at_least(self, load: float) -> float:
        """Return the lower bound of the response time at a load, in seconds."""
        return max(self.alone_s, load / self.ceiling - self.think_s)


def asymptotes(demands: Sequence[Demand], think_s: float = 0.0, delay_s: float = 0.0) -> Asymptotes:
    """Bound a system of stations; `delay_s` is what one execution spends where nobody waits for others.

    Raises:
        ValueError: a demand, a delay or the think time is negative, or everything is zero.
    """
    if min([think_s, delay_s, *(demand.service_s for demand in demands)]) < 0:
        raise ValueError("a negative time among the demands")
    alone = delay_s + sum(demand.service_s for demand in demands)
    if alone + think_s <= 0:
        raise ValueError("no time passes anywhere: there is nothing to bound")
    busy = [demand for demand in demands if demand.per_seat_s > 0]
    return Asymptotes(alone, think_s, max(busy, key=lambda demand: demand.per_seat_s, default=None))
