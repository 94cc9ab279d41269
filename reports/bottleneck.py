"""What holds a point back: the cause that critical paths spend most time on, and its station."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from engine.core.causes import Cause
from reports.columns import SECOND_NS, Floats, PointRuns
from reports.estimates import Estimate
from reports.formats import json_number, percent
from reports.intervals import mean_bounds

# Where a cause is waited for, by pattern of name; the first pattern that some station has is the one meant.
_STATIONS: Mapping[str, tuple[str, ...]] = {
    Cause.ADMISSION: ("engine.executions",),
    Cause.DISPATCH_QUEUE: ("engine.steps", "engine.slots"),
    Cause.LOCK: ("lock*", "engine.locks"),
    Cause.CLIENT_THROTTLE: ("client.engine",),
    Cause.API_QUEUE: ("api.workload-*", "api*"),
    Cause.API_SERVICE: ("api.workload-*", "api*"),
    Cause.WATCH_DELAY: ("watch*",),
    Cause.CONTROLLER_THROTTLE: ("client.*-controller", "client.controller*"),
    Cause.CONTROLLER_QUEUE: ("controller*",),
    Cause.SCHEDULING: ("scheduler",),
    Cause.SCHEDULING_BACKOFF: ("scheduler",),
    Cause.IMAGE_PULL: ("registry*", "kubelet*"),
    Cause.CONTAINER_START: ("kubelet*",),
    Cause.ENGINE_DECISION: ("engine.decision*",),
    Cause.STORE_COMMIT: ("engine.store",),
}
# Waits that belong to the workload or to the workflow: no setting of the engine or the cluster shortens them.
OWN_WAITS = frozenset(
    {Cause.READINESS, Cause.TERMINATION_GRACE, Cause.DECLARED_WORK, Cause.JOB_RUN, Cause.PAUSE}
)


@dataclass(frozen=True)
class Station:
    """One station at one point, means over the replications."""

    name: str
    seats: int
    utilisation: float | None  # None: not a server
    wait_s: float  # mean wait per arrival
    arrivals: float
    queue_length_max: int

    def to_json(self) -> dict[str, Any]:
        """Return the station as JSON values."""
        return {
            "station": self.name,
            "seats": self.seats,
            "utilisation": json_number(self.utilisation),
            "wait_s": json_number(self.wait_s),
            "arrivals": json_number(self.arrivals),
            "queue_length_max": self.queue_length_max,
        }


@dataclass(frozen=True)
class Bottleneck:
    """The cause with the greatest share of the time."""

    cause: str
    share: Estimate  # of the executions' time, per replication
    station: Station | None

    @property
    def text(self) -> str:
        """The bottleneck in words: `client throttle 62 %`."""
        return f"{self.cause} {percent(self.share.value)}"

    @property
    def station_text(self) -> str:
        """Its station in words: `client.engine 97 % busy`."""
        if self.station is None:
            return "the workload's own wait" if self.cause in OWN_WAITS else ""
        if self.station.utilisation is None:
            return self.station.name
        return f"{self.station.name} {percent(self.station.utilisation)} busy"


def shares_of(point: PointRuns, error: float) -> dict[str, Estimate]:
    """Return each cause's share of the executions' time, greatest first; ties by the order of the causes."""
    totals = [sum(item.run["causes"].values()) for item in point.replications]
    kept = [item for item, total in zip(point.replications, totals, strict=True) if total > 0]
    found = {}
    for cause in Cause:
        values = [item.run["causes"].get(cause.value, 0) / sum(item.run["causes"].values()) for item in kept]
        if any(values):
            found[cause.value] = _share(np.array(values), error)
    return dict(sorted(found.items(), key=lambda entry: -(entry[1].value or 0)))


def _share(values: Floats, error: float) -> Estimate:
    bounds = mean_bounds(values, error)
    low = None if bounds.low is None else max(bounds.low, 0.0)
    high = None if bounds.high is None else min(bounds.high, 1.0)
    return Estimate("ratio", bounds.value, low, high, len(values), len(values), "t")


def seconds_of(point: PointRuns) -> dict[str, float]:
    """Return the mean time per execution charged to each cause, in seconds."""
    executions = sum(item.run["submitted_count"] for item in point.replications)
    totals = {
        cause.value: sum(item.run["causes"].get(cause.value, 0) for item in point.replications)
        for cause in Cause
    }
    return {cause: total / executions / SECOND_NS for cause, total in totals.items() if total and executions}


def stations_of(point: PointRuns) -> tuple[Station, ...]:
    """Return the stations of a point in order of name."""
    names = sorted({name for item in point.replications for name in item.stations})
    return tuple(_station(name, point) for name in names)


def _station(name: str, point: PointRuns) -> Station:
    rows = [item.stations[name] for item in point.replications if name in item.stations]
    arrivals = sum(row["arrivals_count"] for row in rows)
    busy = [
        row["busy_ns"] / (row["seats"] * row["at_ns"])
        for row in rows
        if row["seats"] > 0 and row["at_ns"] > 0
    ]
    return Station(
        name=name,
        seats=max(row["seats"] for row in rows),
        utilisation=float(np.mean(busy)) if busy else None,
        wait_s=sum(row["wait_ns"] for row in rows) / arrivals / SECOND_NS if arrivals else 0.0,
        arrivals=arrivals / len(rows),
        queue_length_max=max(row["queue_length_max"] for row in rows),
    )


def bottleneck_of(shares: Mapping[str, Estimate], stations: tuple[Station, ...]) -> Bottleneck | None:
    """Name the bottleneck; None where no time passed."""
    if not shares:
        return None
    cause, share = next(iter(shares.items()))
    names = stations_for(cause, [station.name for station in stations])
    candidates = [station for station in stations if station.name in names]
    chosen = max(candidates, key=lambda item: (item.utilisation or 0.0, item.wait_s), default=None)
    return Bottleneck(cause, share, chosen)


def stations_for(cause: str, names: Sequence[str]) -> list[str]:
    """Return the stations at which a cause is waited for: all of one kind, or none."""
    for pattern in _STATIONS.get(cause, ()):
        found = [name for name in names if fnmatchcase(name, pattern)]
        if found:
            return found
    return []
