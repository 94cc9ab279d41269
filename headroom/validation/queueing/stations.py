"""One first-come station under Poisson arrivals: the seats of the API server, and of much else."""

from collections.abc import Callable
from typing import Any

import numpy as np

from simulator.stations import Seats

Random = np.random.Generator
Parameters = dict[str, Any]
Values = "np.ndarray[Any, np.dtype[np.float64]]"
SECOND_NS = 1_000_000_000
WARM_UP = 0.1  # of what arrives, cut from the front of every replication
_PERCENTILES = (50, 90, 95, 99)


def visits(arrivals: Any, services: Any, seats: int) -> Any:
    """Return when each arrival's service begins; all in ns, arrivals in order of time."""
    station = Seats("station", seats)
    pairs = zip(arrivals.tolist(), services.tolist(), strict=True)
    return np.array([station.reserve(arrival, service) for arrival, service in pairs])


def poisson(rate: float, count: int, random: Random) -> Any:
    """Return instants of arrival in ns."""
    return np.cumsum(nanoseconds(random.exponential(1 / rate, count)))


def nanoseconds(seconds: Any) -> Any:
    """Return whole nanoseconds."""
    return np.rint(seconds * SECOND_NS).astype(np.int64)


def described(waits: Any, services: Any, elapsed_s: float) -> dict[str, float]:
    """Return what theory speaks of: means, variances and percentiles of waits and stays, and mean lengths."""
    stays = waits + services
    found = {
        "Wq": waits.mean(),
        "W": stays.mean(),
        "W_job": stays.mean(),
        "Lq": waits.sum() / elapsed_s,
        "L": stays.sum() / elapsed_s,
        "P_wait": (waits > 0).mean(),
        "ErlangC_P_wait": (waits > 0).mean(),
        "var_Wq": waits.var(),
        "var_W": stays.var(),
    }
    for percent in _PERCENTILES:
        found[f"Wq_p{percent}"] = np.percentile(waits, percent)
        found[f"W_p{percent}"] = np.percentile(stays, percent)
    return {name: float(value) for name, value in found.items()}


def _observed(arrivals: Any, services: Any, seats: int) -> dict[str, float]:
    begins = visits(arrivals, services, seats)
    cut = round(WARM_UP * len(arrivals))
    elapsed = (arrivals[-1] - arrivals[cut]) / SECOND_NS
    return described((begins - arrivals)[cut:] / SECOND_NS, services[cut:] / SECOND_NS, elapsed)


def exponential_servers(given: Parameters, jobs: int, random: Random) -> dict[str, float]:
    """M/M/c."""
    rate, mu, seats = float(given["lambda"]), float(given["mu"]), int(given.get("c", 1))
    services = nanoseconds(random.exponential(1 / mu, jobs))
    return _observed(poisson(rate, jobs, random), services, seats)


def one_server(draw: Callable[[Parameters, int, Random], Any]) -> Callable[..., dict[str, float]]:
    """M/G/1 with mean service 1 s, whose service times `draw` gives in seconds."""

    def sample(given: Parameters, jobs: int, random: Random) -> dict[str, float]:
        services = nanoseconds(draw(given, jobs, random))
        return _observed(poisson(float(given["rho"]), jobs, random), services, 1)

    return sample


def constant(_given: Parameters, jobs: int, _random: Random) -> Any:
    """D."""
    return np.ones(jobs)


def erlang(given: Parameters, jobs: int, random: Random) -> Any:
    """E_k."""
    return random.gamma(int(given["k"]), 1 / int(given["k"]), jobs)


def hyperexponential(given: Parameters, jobs: int, random: Random) -> Any:
    """H2."""
    first = random.random(jobs) < float(given["p1"])
    return random.exponential(1.0, jobs) / np.where(first, float(given["mu1"]), float(given["mu2"]))


def uniform(_given: Parameters, jobs: int, random: Random) -> Any:
    """U(0, 2)."""
    return random.uniform(0.0, 2.0, jobs)


def lognormal(given: Parameters, jobs: int, random: Random) -> Any:
    """Lognormal."""
    return random.lognormal(float(given["mu_log"]), float(given["sigma"]), jobs)


def batches(given: Parameters, jobs: int, random: Random) -> dict[str, float]:
    """M^[K]/M/1: whole batches arrive at once."""
    size = int(given["batch"])
    arrivals = np.repeat(poisson(float(given["batch_rate"]), jobs // size, random), size)
    return _observed(arrivals, nanoseconds(random.exponential(1 / float(given["mu"]), len(arrivals))), 1)


def tandem(given: Parameters, jobs: int, random: Random) -> dict[str, float]:
    """One station after another; the stay is that in all of them."""
    arrivals = reached = poisson(float(given["lambda"]), jobs, random)
    for mu in map(float, given["mus"]):
        services = nanoseconds(random.exponential(1 / mu, jobs))
        reached = visits(reached, services, 1) + services
    stays = (reached - arrivals)[round(WARM_UP * jobs) :] / SECOND_NS
    found = {f"W_p{percent}": float(np.percentile(stays, percent)) for percent in _PERCENTILES}
    return {"W_total": float(stays.mean()), **found}


def fork_join(given: Parameters, jobs: int, random: Random) -> dict[str, float]:
    """Each job has a part at both of two stations, and is over when both are."""
    arrivals = poisson(float(given["lambda"]), jobs, random)
    over = arrivals
    for _ in range(2):
        services = nanoseconds(random.exponential(1 / float(given["mu"]), jobs))
        over = np.maximum(over, visits(arrivals, services, 1) + services)
    return {"R": float((over - arrivals)[round(WARM_UP * jobs) :].mean()) / SECOND_NS}


def makespans(given: Parameters, jobs: int, random: Random) -> dict[str, float]:
    """So many tasks at once on c servers, again and again."""
    tasks, seats = int(given["n_tasks"]), int(given["c"])
    arrivals = np.zeros(tasks, dtype=np.int64)
    spans = []
    for _ in range(max(20, jobs // tasks)):
        services = nanoseconds(random.exponential(1 / float(given["mu"]), tasks))
        spans.append((visits(arrivals, services, seats) + services).max() / SECOND_NS)
    return _makespan(np.array(spans))


def _makespan(spans: Any) -> dict[str, float]:
    found = {f"makespan_p{percent}": float(np.percentile(spans, percent)) for percent in _PERCENTILES}
    return {"E_makespan": float(spans.mean()), "var_makespan": float(spans.var(ddof=1)), **found}
