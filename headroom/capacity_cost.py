"""What a capacity costs: the price of the nodes over the time that the executions took."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

import scenarios
from headroom.capacity_search import Probe, Search
from headroom.errors import HarnessError
from reports import exits
from reports.columns import SECOND_NS, Replication
from reports.estimates import Estimate
from reports.intervals import mean_bounds
from scenarios import Scenario
from scenarios.units import UnitError, parse_price

PER: Final = 1000  # executions
_HOUR_S: Final = 3600.0


def cost(search: Search, scenario: Scenario, prices: Sequence[str]) -> dict[str, Any] | None:
    """Return what 1,000 executions cost at the answer; None if no node has a price."""
    return None if search.answer is None else cost_at(search.answer, scenario, prices)


def cost_at(probe: Probe, scenario: Scenario, prices: Sequence[str]) -> dict[str, Any] | None:
    """Return what a cluster costs an hour, and 1,000 executions on it with interval and n."""
    summary = probe.detail.summary
    given, spec = prices_of(prices), probe.detail.spec
    if summary is None or spec is None or not summary.run.points:
        return None
    counts, own = nodes_of(spec)
    rates = {**own, **given}
    if not rates:
        return None
    hourly = sum(counts[name] * price for name, price in rates.items())
    each = [_of(item, hourly if given else None) for item in summary.run.points[0].replications]
    values = np.array([value for value in each if value is not None], dtype=np.float64)
    found: dict[str, Any] = {
        "per_hour": round(hourly, 6),
        "nodes": dict(counts),
        "prices_per_hour": rates,
        "without_price": [name for name in counts if name not in rates],
    }
    if len(values):
        bounds = mean_bounds(values, (1 - scenario.experiment.confidence) / 2)
        estimate = Estimate("", bounds.value, bounds.low, bounds.high, len(values), len(values), "t")
        found |= {"per_1000_executions": estimate.to_json(), "text": f"{estimate.full} per 1,000 executions"}
    return found


def check_prices(spec: scenarios.RunSpec, prices: Sequence[str]) -> None:
    """Refuse prices of pools that there are not."""
    counts, _ = nodes_of(spec)
    for name in prices_of(prices):
        if name not in counts:
            raise HarnessError(
                f"--price {name}: no pool '{name}'", exits.USAGE, f"one of {', '.join(counts)}"
            )


def nodes_of(spec: scenarios.RunSpec) -> tuple[dict[str, int], dict[str, float]]:
    """Return how many nodes each pool has, and what one of them costs where that is said."""
    counts = {pool["name"]: int(pool["count"]) for pool in spec.cluster.pools}
    own = {
        it["name"]: float(it["price_per_hour"])
        for it in spec.cluster.pools
        if it["price_per_hour"] is not None
    }
    if not counts:  # nobody asked for an account: pools are told by the names of their nodes
        for item in spec.cluster.objects:
            if item["kind"] == "Node":
                name = str(item["metadata"]["name"]).rpartition("-")[0] or str(item["metadata"]["name"])
                counts[name] = counts.get(name, 0) + 1
    return counts, own


def prices_of(texts: Sequence[str]) -> Mapping[str, float]:
    """Read `POOL=0.20/h`; `HarnessError` for anything else."""
    found: dict[str, float] = {}
    for text in texts:
        name, separator, written = text.rpartition("=")
        try:
            price = parse_price(written)
        except UnitError as error:
            raise HarnessError(f"--price {text}: {error.message}", exits.USAGE, "POOL=0.20/h") from None
        if not separator:
            raise HarnessError(f"--price {text}: of which nodes?", exits.USAGE, "POOL=0.20/h")
        found[name] = price
    return found


def _of(item: Replication, hourly: float | None) -> float | None:
    """Return the price of 1,000 executions in one replication; None where none completed."""
    completed = item.run["completed_count"]
    if not completed:
        return None
    if hourly is None:
        return PER * sum(row["cost"] for row in item.pools) / completed
    return PER * hourly * item.run["makespan_ns"] / SECOND_NS / _HOUR_S / completed
