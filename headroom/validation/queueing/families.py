"""The rows of Q: every family of exact values, and how many of them the model's 99 % intervals hold.

The aim is that of the reference: at least 97 of 100 values in the interval. With `thorough`, replications are
added until half-widths are at most 2 % (or `_JOBS_MAX` have been served); without, intervals are as wide as
twenty replications leave them. Values without randomness must be met exactly.
"""

import csv
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from headroom.validation.estimates import mean_of
from headroom.validation.queueing import engines, networks, stations
from headroom.validation.row import Row, Settings

Sample = Callable[[dict[str, Any], int, np.random.Generator], Mapping[str, float]]
Exact = Callable[[dict[str, Any]], Mapping[str, float]]
_SHARE_MIN = 0.97
_HALF_WIDTH_MAX = 0.02
_REPLICATIONS = 20
_JOBS_MAX = 60_000_000
_ROUNDING = 1e-9
_MISSED_SHOWN = 3
_SHARES = ("P_all_idle", "P_wait", "ErlangC_P_wait", "utilization", "U_max")

SAMPLES: dict[str, Sample] = {
    "M/M/1": stations.exponential_servers,
    "M/M/c": stations.exponential_servers,
    "M/D/1": stations.one_server(stations.constant),
    "M/E2/1": stations.one_server(stations.erlang),
    "M/H2/1 (balanced, SCV=4)": stations.one_server(stations.hyperexponential),
    "M/U(0,2)/1": stations.one_server(stations.uniform),
    "M/LogNormal/1 (sigma=1, mean 1)": stations.one_server(stations.lognormal),
    "M^[K]/M/1 constant batch": stations.batches,
    "M/M/1 non-preemptive priority": engines.priorities,
    "M/M/c//N machine repairman": networks.repairman,
    "closed product form, 3 FCFS stations": networks.product_form,
    "closed product form, balanced 3 stations": networks.product_form,
    "closed: engine 0.05s, api 0.02s, think 5s": networks.product_form,
    "closed: think + c-server worker pool + 1 engine": networks.worker_pool,
    "Jackson open network": networks.jackson,
    "tandem M/M/1": stations.tandem,
    "fork-join, 2 x M/M/1": stations.fork_join,
    "n iid Exp(1) tasks at t=0 on c servers": stations.makespans,
    "chain of k Exp(1) steps": engines.chains,
    "retry with limit": engines.retries,
}
EXACT: dict[str, Exact] = {
    "n equal deterministic tasks at t=0 on c servers": engines.equal_tasks,
    "token bucket (qps,burst) N requests at t=0, bucket full": engines.token_bucket,
    "exponential backoff": engines.backoff,
}


@dataclass(frozen=True, slots=True)
class Value:
    """One value of theory, and whether the model's interval holds it."""

    metric: str
    holds: bool
    half_width: float  # relative
    n: int


def rows(settings: Settings) -> Iterator[Row]:
    """Judge every family that the reference data gives; nothing without it."""
    if settings.data is None:
        return
    families: dict[str, dict[str, dict[str, float]]] = {}
    with (settings.data / "queueing_exact.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            family = families.setdefault(line["model"], {})
            family.setdefault(line["params"], {})[line["metric"]] = float(line["value"])
    every: list[Value] = []
    for name, configurations in families.items():
        if name not in SAMPLES and name not in EXACT:
            continue
        values = [
            value
            for parameters, exact in configurations.items()
            for value in _judge(name, parameters, exact, settings)
        ]
        every += values
        yield _row(name, values, max(map(len, configurations.values())))
    yield _row("all of these families", every, 0)


def _row(name: str, values: list[Value], largest: int) -> Row:
    narrow = sum(value.half_width <= _HALF_WIDTH_MAX for value in values)
    missed = [value.metric for value in values if not value.holds]
    what = f"{name}: share of {len(values)} values in the interval ({narrow} at a half-width within 2 %)"
    what += f"; not {', '.join(missed)}" if missed and len(missed) <= _MISSED_SHOWN else ""
    # Values of one configuration miss together: of a family, one configuration may, by chance.
    share = sum(value.holds for value in values) / len(values)
    least = min(_SHARE_MIN, 1 - largest / len(values))
    low = least / _SHARE_MIN
    n = max(value.n for value in values)
    return Row(
        "Q", what, "", _SHARE_MIN, "prediction", share, None, None, n, (low, inf), "queueing_exact.csv"
    )


def _judge(name: str, parameters: str, exact: Mapping[str, float], settings: Settings) -> Iterator[Value]:
    given = json.loads(parameters)
    if name in EXACT:
        found = EXACT[name](given)
        for metric, value in exact.items():
            close = abs(found[metric] - value) <= _ROUNDING * max(1.0, abs(value))
            yield Value(f"{metric} at {_point(given)}", close, 0.0, 1)
        return
    samples = _replicate(SAMPLES[name], f"{name}{parameters}", given, exact, settings)
    for metric, value in exact.items():
        mean, low, high, n = mean_of([one[metric] for one in samples])
        assert low is not None
        assert high is not None
        # A share that no run of this length can tell from 0 or 1 is met by these.
        blur = 10 / (n * _jobs(given, thorough=settings.thorough)) if metric in _SHARES else 0.0
        blur += _ROUNDING * abs(value)
        within = low - blur <= value <= high + blur
        yield Value(f"{metric} at {_point(given)}", within, (high - low) / 2 / abs(mean) if mean else 0.0, n)


def _point(given: Mapping[str, Any]) -> str:
    """Name a configuration by what varies within its family."""
    for name in ("rho", "lambda", "lambda1", "N", "n_tasks", "k"):
        if name in given:
            seats = f" c={given['c']}" if "c" in given else ""
            return f"{name}={given[name]}{seats}"
    return "its only point"


def _replicate(
    sample: Sample, name: str, given: dict[str, Any], exact: Mapping[str, float], settings: Settings
) -> list[Mapping[str, float]]:
    """Add replications until the intervals are narrow enough, if that is wanted."""
    jobs = _jobs(given, thorough=settings.thorough)
    key = zlib.crc32(name.encode())
    samples: list[Mapping[str, float]] = []
    while True:
        for number in range(len(samples), max(_REPLICATIONS, 2 * len(samples))):
            seeds = np.random.SeedSequence([settings.seed, number, key])
            samples.append(sample(given, jobs, np.random.Generator(np.random.PCG64(seeds))))
        if not settings.thorough or len(samples) * jobs >= _JOBS_MAX:
            return samples
        widths = [_half_width([one[metric] for one in samples]) for metric in exact]
        if max(widths) <= _HALF_WIDTH_MAX:
            return samples


def _half_width(values: list[float]) -> float:
    mean, low, high, _ = mean_of(values)
    return (high - low) / 2 / abs(mean) if mean and high is not None and low is not None else 0.0


def _jobs(given: Mapping[str, Any], *, thorough: bool) -> int:
    """Return how many jobs a replication serves: many times what a busy station needs to forget its start."""
    load = float(given.get("rho", 0)) or float(given.get("lambda", 0.5)) / float(given.get("mu", 1))
    seats = int(given.get("c", given.get("N", 1)))
    needed = round(200 / (1 - min(load, 0.95)) ** 2) * max(1, seats // 4)
    return min(max(needed, 5_000), 120_000) * (10 if thorough else 1)
