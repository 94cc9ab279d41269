"""Who makes whom wait: the critical paths of executions by cause, the station behind each, and who is there.

A critical path is an execution's own time from submission to end, every nanosecond charged to one cause. Per
replication it is averaged over the executions, or taken of the slowest one alone; the sample is the
replication. What a cause is waited for at is a station, or several of a kind (a kubelet a node).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.core.causes import Cause
from reports.bottleneck import stations_for
from reports.columns import SECOND_NS, PointRuns, Replication
from reports.estimates import Estimate
from reports.formats import json_number, percent
from reports.intervals import mean_bounds

_LEAST_SHARE = 0.02  # of the mean critical path: what is smaller on both paths is left out
_MOST_PARTIES = 5
_ENGINE = "engine."
_API = "api"


@dataclass(frozen=True)
class Party:
    """One of those who wait, or who are waited for, with its part."""

    name: str
    share: float


@dataclass(frozen=True)
class Blame:
    """One cause on the critical paths: how much time, where it is waited for, by whom, and for whom."""

    cause: str
    mean: Estimate  # seconds of an execution
    slowest: Estimate  # seconds of each replication's slowest execution
    station: str  # the one of its kind that is used most; empty: no queue
    stations_count: int
    utilisation: Estimate | None  # of that station; None: not a server
    queue_length: Estimate | None  # mean number that wait there
    wait: Estimate | None  # mean wait of an arrival
    waiting: tuple[Party, ...]  # actions, by how much of the time charged to the cause is theirs
    ahead: tuple[Party, ...]  # who uses it: actions that hold slots, clients that send requests

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "cause": self.cause,
            "seconds_per_execution": self.mean.to_json(),
            "seconds_of_slowest": self.slowest.to_json(),
            "station": self.station,
            "stations_count": self.stations_count,
            "utilisation": _json(self.utilisation),
            "queue_length_mean": _json(self.queue_length),
            "wait_s": _json(self.wait),
            "waiting": _parties(self.waiting),
            "ahead": _parties(self.ahead),
        }


def parties(listed: Sequence[Party]) -> str:
    """Write them: `restart_pod 80 %, wait 20 %`."""
    return ", ".join(f"{it.name} {percent(it.share)}" for it in listed)


def _json(found: Estimate | None) -> dict[str, Any] | None:
    return None if found is None else found.to_json()


def _parties(parties: Sequence[Party]) -> list[dict[str, Any]]:
    return [{"name": it.name, "share_percent": json_number(it.share * 100)} for it in parties]


def blames_of(point: PointRuns | None, error: float) -> tuple[Blame, ...]:
    """Return the causes of a point by the time that they take of an execution, greatest first."""
    runs = [item for item in point.replications if item.executions.causes] if point is not None else []
    if not runs:
        return ()
    mean = {cause.value: _mean(cause, runs, error) for cause in Cause}
    slowest = {cause.value: _slowest(cause, runs, error) for cause in Cause}
    whole = [sum(it.value or 0.0 for it in path.values()) for path in (mean, slowest)]
    told = [
        cause
        for cause in mean
        if any(
            (path[cause].value or 0.0) > _LEAST_SHARE * total
            for path, total in zip((mean, slowest), whole, strict=True)
        )
    ]
    told.sort(key=lambda cause: -(mean[cause].value or 0.0))
    return tuple(_blame(cause, mean[cause], slowest[cause], runs, error) for cause in told)


def _mean(cause: Cause, runs: Sequence[Replication], error: float) -> Estimate:
    return _estimate(
        "s",
        runs,
        error,
        lambda item: float(np.mean([it.get(cause.value, 0) for it in item.executions.causes])) / SECOND_NS,
    )


def _slowest(cause: Cause, runs: Sequence[Replication], error: float) -> Estimate:
    return _estimate(
        "s",
        runs,
        error,
        lambda item: item.executions.causes[_slowest_of(item)].get(cause.value, 0) / SECOND_NS,
    )


def _slowest_of(item: Replication) -> int:
    """Return the place of the execution that took longest, finished or not; the first of equals."""
    rows = item.executions
    return int(np.argmax(rows.ended_ns - rows.submitted_ns))


def _estimate(
    unit: str, runs: Sequence[Replication], error: float, take: Callable[[Replication], float]
) -> Estimate:
    values = np.array([take(item) for item in runs], dtype=np.float64)
    found = mean_bounds(values, error)
    low = None if found.low is None else max(found.low, 0.0)
    high = found.high if found.high is None or unit != "ratio" else min(found.high, 1.0)
    return Estimate(unit, found.value, low, high, len(values), len(values), "t")


def _blame(cause: str, mean: Estimate, slowest: Estimate, runs: Sequence[Replication], error: float) -> Blame:
    names = stations_for(cause, sorted({name for item in runs for name in item.stations}))
    station = max(names, key=lambda name: _use(name, runs)) if names else ""
    there = [item for item in runs if station in item.stations]
    served = [
        item for item in there if item.stations[station]["seats"] > 0 and item.stations[station]["at_ns"] > 0
    ]
    return Blame(
        cause=cause,
        mean=mean,
        slowest=slowest,
        station=station,
        stations_count=len(names),
        utilisation=_estimate("ratio", served, error, lambda item: _utilisation(station, item))
        if served
        else None,
        queue_length=_estimate("", there, error, lambda item: _queue(station, item)) if there else None,
        wait=_estimate("s", there, error, lambda item: _wait(station, item)) if there else None,
        waiting=_waiting(cause, runs),
        ahead=_ahead(station, runs),
    )


def _utilisation(name: str, item: Replication) -> float:
    row = item.stations[name]
    return row["busy_ns"] / (row["seats"] * row["at_ns"])


def _use(name: str, runs: Sequence[Replication]) -> tuple[float, float]:
    """Return what tells which station of a kind is used most: how busy it is, then how much waits there."""
    rows = [item.stations[name] for item in runs if name in item.stations]
    seats = sum(row["seats"] * row["at_ns"] for row in rows)
    return sum(row["busy_ns"] for row in rows) / seats if seats else 0.0, sum(row["wait_ns"] for row in rows)


def _queue(name: str, item: Replication) -> float:
    row = item.stations[name]
    return row.get("queue_ns", row["wait_ns"]) / row["at_ns"] if row["at_ns"] else 0.0


def _wait(name: str, item: Replication) -> float:
    row = item.stations[name]
    return row["wait_ns"] / row["arrivals_count"] / SECOND_NS if row["arrivals_count"] else 0.0


def _waiting(cause: str, runs: Sequence[Replication]) -> tuple[Party, ...]:
    """Return the actions whose steps, on critical paths, the cause is charged to."""
    totals: dict[str, int] = {}
    for item in runs:
        for action, causes in item.steps.critical.items():
            totals[action] = totals.get(action, 0) + causes.get(cause, 0)
    return _shares(totals)


def _ahead(station: str, runs: Sequence[Replication]) -> tuple[Party, ...]:
    """Return who uses a station, as far as records tell."""
    totals: dict[str, int] = {}
    for item in runs:
        used: Mapping[str, int] = {}
        if station.startswith(_ENGINE) and station not in ("engine.decisions", "engine.store"):
            used = item.steps.held
        elif station.partition(".")[0] == _API:
            used = _clients(item)
        for name, amount in used.items():
            totals[name] = totals.get(name, 0) + amount
    return _shares(totals)


def _clients(item: Replication) -> dict[str, int]:
    """Return the requests of each kind of client: those of all kubelets together."""
    found: dict[str, int] = {}
    for name, row in item.stations.items():
        kind, _, rest = name.partition(".")
        if kind == "client":
            client = rest.partition(".")[0]
            found[client] = found.get(client, 0) + row["arrivals_count"]
    return found


def _shares(totals: Mapping[str, int]) -> tuple[Party, ...]:
    whole = sum(totals.values())
    ordered = sorted(totals.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple(Party(name, amount / whole) for name, amount in ordered[:_MOST_PARTIES] if amount)
