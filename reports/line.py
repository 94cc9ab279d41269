"""Measured throughput along the axis of load, all else that was swept held: what the laws are put to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reports.columns import SECOND_NS, Floats, PointRuns
from reports.estimates import Estimate
from reports.formats import coordinates as write_coordinates
from reports.metrics import METRICS
from reports.operational import Demand
from reports.resampling import Resampling
from scenarios.units import UnitError, parse_rate

if TYPE_CHECKING:
    from reports.summary import PointSummary, Summary

# What may be the axis of load, the first that is swept over numbers, and what kind of load it is.
AXES: Final[Mapping[str, str]] = {
    "load.burst": "burst",
    "load.closed.users": "closed",
    "load.open.rate": "open",
    "load.trace.speed": "trace",
    "engine.max_concurrency": "limit",
}
THROUGHPUT: Final = "executions_per_second"
RESPONSE: Final = "execution_duration_mean"
SLOTS: Final = "engine.executions"  # the station where executions wait for their turn


@dataclass(frozen=True)
class Reading:
    """What one law says of a line: whether its assumptions hold there, in words; values; its own curves."""

    name: str
    title: str
    holds: bool
    words: str
    values: Mapping[str, Estimate] = field(default_factory=dict)
    throughput: tuple[tuple[float, float], ...] = ()  # (load, executions a second)
    response_s: tuple[tuple[float, float], ...] = ()  # (load, mean duration)

    def to_json(self) -> dict[str, Any]:
        """Return the reading as JSON values."""
        from reports.formats import json_number

        return {
            "law": self.name,
            "holds": self.holds,
            "words": self.words,
            "values": {name: value.to_json() for name, value in self.values.items()},
            "throughput": [[json_number(load), json_number(value)] for load, value in self.throughput],
            "response_s": [[json_number(load), json_number(value)] for load, value in self.response_s],
        }


@dataclass(frozen=True)
class Stations:
    """Service per execution and seat at the stations of a line, in seconds: a column a station."""

    names: tuple[str, ...]
    per_seat: Floats  # a row a point
    drawn: Floats  # draws x points x stations
    seats: tuple[int, ...]

    def demand(self, name: str) -> Demand:
        """Return the least that an execution was seen to ask of a station."""
        place = self.names.index(name)
        seats = self.seats[place]
        return Demand(name, float(self.per_seat[:, place].min()) * seats, seats)


@dataclass(frozen=True, eq=False)
class Line:
    """One line: its points by rising load. Points at which nothing completed are left out."""

    axis: str
    kind: str  # burst | closed | open | trace | limit
    held: Mapping[str, Any]
    loads: tuple[float, ...]
    points: tuple["PointSummary", ...]
    runs: tuple[PointRuns, ...]
    resampling: Resampling

    @property
    def throughputs(self) -> Floats:
        """The mean throughput at each load, per second."""
        return np.array([point.estimates[THROUGHPUT].value for point in self.points], dtype=np.float64)

    @cached_property
    def drawn(self) -> Floats:
        """The same for every draw of the replications, a row a draw."""
        columns = [self.resampling.means(runs, throughput_of(runs)) for runs in self.runs]
        return np.stack(columns, axis=1)

    @property
    def weights(self) -> tuple[float, ...]:
        """One over the half-width of each throughput's interval; none is trusted to better than 1 %."""
        found = [point.estimates[THROUGHPUT] for point in self.points]
        if any(item.half_width is None for item in found):
            return tuple(1 / value for value in self.throughputs)
        widths = [max(item.half_width or 0.0, 0.01 * (item.value or 0.0)) for item in found]
        return tuple(1 / width for width in widths)

    @property
    def responses(self) -> tuple[float, ...]:
        """The mean duration of executions at each load, in seconds; infinite where none completed."""
        found = [point.estimates[RESPONSE].value for point in self.points]
        return tuple(math.inf if value is None else value for value in found)

    @property
    def whole(self) -> bool:
        """Whether every execution at every load completed."""
        return all(point.failed == 0 and point.unfinished == 0 for point in self.points)

    @cached_property
    def stations(self) -> Stations:
        """The stations that serve a limited number at once."""
        rows = [row for runs in self.runs for item in runs.replications for row in item.stations.values()]
        seats: dict[str, int] = {}
        for row in rows:
            seats[row["station"]] = max(seats.get(row["station"], 0), row["seats"])
        ignored = SLOTS if self.kind == "limit" else ""  # its seats are the axis
        names = tuple(sorted(name for name, count in seats.items() if count > 0 and name != ignored))
        found = [_service(runs, names) for runs in self.runs]
        counts = [_completed(runs) for runs in self.runs]
        pairs = list(zip(self.runs, found, counts, strict=True))
        drawn = [
            self.resampling.means(runs, service) / self.resampling.means(runs, count)[:, None]
            for runs, service, count in pairs
        ]
        return Stations(
            names=names,
            per_seat=np.stack(
                [service.mean(axis=0) / count.mean() for service, count in zip(found, counts, strict=True)]
            ),
            drawn=np.stack(drawn, axis=1),
            seats=tuple(seats[name] for name in names),
        )

    def grid(self) -> tuple[float, ...]:
        """Return the loads at which a law is drawn: those measured, and enough between to bend."""
        between = np.geomspace(self.loads[0], self.loads[-1], 25)
        if all(load == round(load) for load in self.loads):
            between = np.round(between)
        return tuple(sorted({*map(float, between), *self.loads}))


def throughput_of(runs: PointRuns) -> Floats:
    """Return the throughput of each replication; 0 where nothing completed or no time passed."""
    taken = [float(METRICS[THROUGHPUT].take(item)[0]) for item in runs.replications]
    return np.nan_to_num(np.array(taken, dtype=np.float64), nan=0.0)


def _completed(runs: PointRuns) -> Floats:
    """Return how many executions completed while the stations were watched: over the whole run.

    Of a steady experiment only a window's executions are known, and with its throughput the others.
    """
    counts = [
        float(item.run["completed_count"])
        if item.window is None
        else float(METRICS[THROUGHPUT].take(item)[0]) * item.run["ended_ns"] / SECOND_NS
        for item in runs.replications
    ]
    return np.array(counts, dtype=np.float64)


def _service(runs: PointRuns, names: Sequence[str]) -> Floats:
    """Return the busy time per seat in seconds: a row a replication, a column a station."""

    def busy(row: Any) -> float:
        return 0.0 if row is None or not row["seats"] else float(row["busy_ns"]) / row["seats"] / SECOND_NS

    rows = [[busy(item.stations.get(name)) for name in names] for item in runs.replications]
    return np.array(rows, dtype=np.float64).reshape(len(runs.replications), len(names))


def lines_of(summary: "Summary") -> tuple[Line, ...]:
    """Return the lines of a sweep, in the order in which it names them; none where no load was swept."""
    axis = next((path for path in AXES if _swept(summary, path)), None)
    if axis is None:
        return ()
    groups: dict[str, list[PointSummary]] = {}
    for point in summary.points:
        if axis in point.coordinates:
            groups.setdefault(write_coordinates(_held(point, axis)), []).append(point)
    lines = [_line(summary, axis, group) for group in groups.values()]
    return tuple(line for line in lines if line is not None)


def _swept(summary: "Summary", path: str) -> bool:
    loads = [load_of(point.coordinates[path]) for point in summary.points if path in point.coordinates]
    return None not in loads and len(set(loads)) > 1


def load_of(value: Any) -> float | None:
    """Return a swept load as a number, rates per second; None for what is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return parse_rate(value)
    except UnitError:
        return None


def _held(point: "PointSummary", axis: str) -> dict[str, Any]:
    return {path: value for path, value in point.coordinates.items() if path != axis}


def _line(summary: "Summary", axis: str, group: Sequence["PointSummary"]) -> Line | None:
    usable: list[tuple[float, PointSummary, PointRuns]] = []
    for point in group:
        load, found = load_of(point.coordinates[axis]), summary.run.point(point.index)
        reached = 0 < (point.estimates[THROUGHPUT].value or 0.0) < math.inf
        if load is not None and load > 0 and found is not None and reached:
            usable.append((load, point, found))
    usable.sort(key=_load)
    loads = tuple(load for load, _, _ in usable)
    if len(loads) < 2 or len(set(loads)) < len(loads):
        return None
    points, runs = tuple(point for _, point, _ in usable), tuple(found for _, _, found in usable)
    held = _held(points[0], axis)
    key = f"{summary.questions.name}:{axis}:{write_coordinates(held)}"
    resampling = Resampling(runs, summary.questions.alpha / 2, key)
    return Line(axis, AXES[axis], held, loads, points, runs, resampling)


def _load(entry: tuple[float, Any, Any]) -> float:
    return entry[0]
