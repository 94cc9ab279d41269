"""Exact solutions of closed queueing networks of product form: throughput and response time at a population.

Mean value analysis where every station has one seat (Reiser and Lavenberg 1980); normalising constants by
convolution where some have several (Buzen 1973), in logarithms, as the constants outgrow any float.
Both hold for stations served first come first served with exponential times, or shared equally, and for
any delays in between; nobody is turned away, and nobody holds one seat while waiting for another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.columns import Floats
from reports.operational import Demand


@dataclass(frozen=True)
class Solution:
    """The network at one population. Queue lengths count who is served; None where several have seats."""

    population: int
    throughput: float
    response_s: float
    queue_lengths: tuple[float, ...] | None = None


def solve(demands: Sequence[Demand], delay_s: float, population: int) -> tuple[Solution, ...]:
    """Solve for every population from 1 up; `delay_s` is think time and all else that nobody waits for.

    Raises:
        ValueError: a population below 1, a time below 0, or no time at all.
    """
    if population < 1 or min([delay_s, *(demand.service_s for demand in demands)]) < 0:
        raise ValueError(f"population {population}: expected 1 or more, and no negative time")
    if delay_s + sum(demand.service_s for demand in demands) <= 0:
        raise ValueError("no time passes anywhere: the throughput has no bound")
    if all(demand.seats == 1 for demand in demands):
        return _mean_values(demands, delay_s, population)
    return _convolution(demands, delay_s, population)


def _mean_values(demands: Sequence[Demand], delay_s: float, population: int) -> tuple[Solution, ...]:
    service = np.array([demand.service_s for demand in demands])
    queues = np.zeros(len(demands))
    solutions = []
    for count in range(1, population + 1):
        stays = service * (1 + queues)
        response = float(stays.sum())
        throughput = count / (delay_s + response)
        queues = throughput * stays
        solutions.append(Solution(count, throughput, response, tuple(map(float, queues))))
    return tuple(solutions)


def _convolution(demands: Sequence[Demand], delay_s: float, population: int) -> tuple[Solution, ...]:
    scale = delay_s + sum(demand.service_s for demand in demands)
    counts = np.arange(population + 1, dtype=np.float64)
    constants = _terms(delay_s / scale, np.maximum(counts, 1))
    for demand in demands:
        servers = np.clip(counts, 1, demand.seats)
        constants = _convolved(constants, _terms(demand.service_s / scale, servers))
    throughputs = np.exp(constants[:-1] - constants[1:]) / scale
    return tuple(
        Solution(count, float(rate), max(count / float(rate) - delay_s, 0.0))
        for count, rate in enumerate(throughputs, start=1)
    )


def _terms(service: float, servers: Floats) -> Floats:
    """Return log(service^n / (servers at 1 x ... x servers at n)) for n = 0 upwards."""
    terms = np.full(len(servers), -np.inf)
    terms[0] = 0.0
    if service > 0:
        terms[1:] = np.cumsum(np.log(service) - np.log(servers[1:]))
    return terms


def _convolved(first: Floats, second: Floats) -> Floats:
    """Return the logarithms of the convolution of two series of logarithms."""
    found = np.empty_like(first)
    for count in range(len(first)):
        found[count] = np.logaddexp.reduce(first[: count + 1] + second[count::-1])
    return found
