"""What the scalability law and the operational bounds say of a line, with intervals, or why nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from reports.columns import Floats
from reports.estimates import Estimate
from reports.formats import number, percent, quantity
from reports.line import SLOTS, Line, Reading
from reports.operational import Asymptotes, Demand
from reports.usl import LEAST_POINTS, UslFit, fit, fit_all, law

EXPLAINED_LEAST: Final = 0.9  # share of the throughput's variation that a law must account for
LINEAR_LEAST: Final = 0.9  # share of linear growth at the greatest load from which nothing has bent yet
FALL_LEAST: Final = 0.02  # of the greatest throughput, by which it must fall before it is said to peak
SURELY: Final = 0.95  # share of the draws
STEADY_MOST: Final = 0.2  # growth of a demand over the loads up to which it counts as constant

KNOWN: Final = {
    "burst": "a burst drains, so that fewer than its size run at once towards its end: this is the throughput"
    " of whole bursts",
    "closed": "users who wait for their own are the constant population that the law speaks of",
    "limit": "with work always waiting, the limit is the population that the law speaks of",
}
_PARAMETERS = (("rate", "1/s"), ("contention", "count"), ("coherency", "count"))


@dataclass(frozen=True)
class Usl:
    """The fitted law of a line and its reading."""

    reading: Reading
    fit: UslFit | None = None
    peaks: Floats | None = None  # the peak's load in every draw; infinite where there is none in range


def read_usl(line: Line) -> Usl:
    """Fit the Universal Scalability Law where it may be fitted."""
    refused = _no_usl(line)
    if refused:
        return Usl(nothing("usl", refused))
    try:
        found = fit(line.loads, tuple(map(float, line.throughputs)), line.weights)
    except ValueError as error:
        return Usl(nothing("usl", f"not fitted: {error}"))
    drawn = fit_all(np.array(line.loads), line.drawn, line.weights)
    explained = explained_by(found, line.weights)
    values = {
        name: line.resampling.estimate(unit, getattr(found, name), drawn[:, place])
        for place, (name, unit) in enumerate(_PARAMETERS)
    }
    peaks = _peaks(line, drawn)
    words, peak = _peak(line, found, peaks, drawn)
    outside = _outside(line, found, explained)
    curve = tuple((load, found.throughput(load)) for load in line.grid())
    return Usl(
        Reading(
            name="usl",
            title=TITLES["usl"],
            holds=not outside,
            words=f"{outside or KNOWN[line.kind]}; {words};"
            f" it accounts for {percent(explained)} of the variation and misses no point by more than"
            f" {percent(found.worst_miss)}",
            values=values | peak,
            throughput=() if outside else curve,
        ),
        None if outside else found,
        peaks,
    )


def _no_usl(line: Line) -> str:
    if line.kind not in KNOWN:
        return "not fitted: the load is offered at a rate, and the law speaks of how many are there at once"
    if len(line.loads) < LEAST_POINTS:
        return (
            f"not fitted: {len(line.loads)} loads were measured, and it needs {LEAST_POINTS} about the knee"
        )
    return ""


def _outside(line: Line, found: UslFit, explained: float) -> str:
    """Say why the points do not carry the law; empty if they do."""
    first, last = line.loads[0], line.loads[-1]
    if found.efficiency(last) >= LINEAR_LEAST:
        share = percent(found.efficiency(last))
        return f"not drawn: nothing bends, throughput is at {share} of linear growth at load {number(last)}"
    bend = min(value for value in (found.optimal_load, found.peak_load, np.inf) if value is not None)
    if first > bend:
        return f"not drawn: all loads lie beyond {number(bend)}, where the law bends, and none before it"
    if explained < EXPLAINED_LEAST:
        return f"not drawn: this curve does not follow the law, which accounts for {percent(explained)} of it"
    return ""


def explained_by(found: UslFit, weights: tuple[float, ...]) -> float:
    """Return R squared with the weights of the fit."""
    squares = np.array(weights) ** 2
    seen = np.array(found.throughputs)
    missed = seen - np.array([found.throughput(load) for load in found.loads])
    around = seen - np.average(seen, weights=squares)
    total = float(np.sum(squares * around**2))
    return max(0.0, 1 - float(np.sum(squares * missed**2)) / total) if total > 0 else 1.0


def _peaks(line: Line, drawn: Floats) -> Floats:
    """Return the load of the peak in every draw: infinite where it does not lie among the loads measured."""
    with np.errstate(divide="ignore", invalid="ignore"):
        peaks = np.sqrt(np.maximum(1 - drawn[:, 1], 0) / drawn[:, 2])
    peaks[np.isnan(drawn[:, 0])] = np.nan
    peaks[(drawn[:, 2] <= 0) | (peaks > line.loads[-1])] = np.inf
    return np.asarray(peaks, dtype=np.float64)


def _peak(line: Line, found: UslFit, peaks: Floats, drawn: Floats) -> tuple[str, dict[str, Estimate]]:
    """Name the peak if it lies in the range that was measured, and never one that does not."""
    reach = f"{number(line.loads[0])} to {number(line.loads[-1])}"
    if found.peak_load is None:
        return "no finite peak: throughput never falls with the load", {}
    if found.peak_load > line.loads[-1]:
        return f"no finite peak in the range measured, {reach}", {}
    if not _falls(line):
        return f"no finite peak in the range measured, {reach}: throughput was not seen to fall", {}
    at = line.resampling.estimate("count", found.peak_load, peaks)
    if at.high is not None and not np.isfinite(at.high):
        none, of = int(np.isinf(peaks).sum()), int((~np.isnan(peaks)).sum())
        return (
            f"whether it peaks in the range measured, {reach}, is open: in {none} of {of} draws it does not",
            {},
        )
    inside = np.where(np.isfinite(peaks), peaks, np.nan)
    most = line.resampling.estimate("1/s", found.throughput(found.peak_load), law(inside, *drawn.T))
    words = f"throughput peaks at load {at.full} with {most.full}"
    return words, {"peak_load": at, "peak_throughput": most}


def _falls(line: Line) -> bool:
    """Tell whether the throughput measured at the greatest load lies below the greatest one, surely.

    A law that bends down is the best fit of many a curve that merely flattens out.
    """
    fallen = 1 - line.drawn[:, -1] / line.drawn.max(axis=1)
    measured = 1 - line.throughputs[-1] / line.throughputs.max()
    return bool(measured >= FALL_LEAST and np.mean(fallen > 0) >= SURELY)


@dataclass(frozen=True)
class Bounds:
    """The operational bounds of a line and their reading."""

    reading: Reading
    asymptotes: Asymptotes | None = None
    knees: Floats | None = None  # where the bounds meet, in every draw


def read_bounds(line: Line) -> Bounds:
    """Bound the throughput by one execution that waits for nobody and by the station that saturates first."""
    demand, drawn = _binding(line)
    if demand is None:
        return Bounds(nothing("bounds", "no bound: no station served a limited number at once"))
    offered = line.kind in ("open", "trace")
    alone, away, cycles = _alone(line)
    found = Asymptotes(alone, away, demand)
    ceiling = line.resampling.estimate("1/s", found.ceiling, 1 / drawn)
    values = {
        "ceiling": ceiling,
        "demand": line.resampling.estimate("s", demand.per_seat_s, drawn),
    }
    knees = 1 / drawn if line.kind == "open" else cycles / drawn
    if line.kind != "trace":
        knee = found.ceiling if line.kind == "open" else found.knee
        values["knee"] = line.resampling.estimate("1/s" if offered else "count", knee, knees)
    if not offered:
        values["cycle"] = line.resampling.estimate("s", alone + away, cycles)
    most = _most(line, found)
    return Bounds(
        Reading(
            name="bounds",
            title=TITLES["bounds"],
            holds=True,
            words="; ".join(
                part for part in (_ceiling_words(line, demand, ceiling), _growth(line, demand)) if part
            ),
            values=values,
            throughput=tuple((load, most(load)) for load in line.grid()) if most else (),
            response_s=tuple((load, found.response_at_least(load)) for load in line.grid())
            if line.kind == "closed"
            else (),
        ),
        found,
        knees,
    )


def _alone(line: Line) -> tuple[float, float, Floats]:
    """Return how long one takes at the least load, how long it is away, and both together in every draw.

    The sum is what the throughput there tells: load / throughput. Of it, users think for what they do not
    wait for their execution; a batch never thinks.
    """
    cycle = line.loads[0] / float(line.throughputs[0])
    alone = min(line.responses[0], cycle) if line.kind == "closed" else cycle
    return alone, cycle - alone, line.loads[0] / line.drawn[:, 0]


def _most(line: Line, found: Asymptotes) -> Callable[[float], float] | None:
    if line.kind == "trace":  # how fast the trace would have been played is no rate
        return lambda _load: found.ceiling
    if line.kind == "open":
        return lambda load: min(load, found.ceiling)
    return found.throughput_at_most


def _binding(line: Line) -> tuple[Demand | None, Floats]:
    """Return the station that saturates first, and its service per execution and seat in every draw.

    At each station the least that was seen at any load counts: what executions cost more elsewhere, such as
    retries or what goes on anyway while they wait, lowers the throughput further and bounds nothing.
    """
    stations = line.stations
    if not stations.names:
        return None, np.empty(0)
    least = stations.per_seat.min(axis=0)
    place = int(np.argmax(least))
    if least[place] <= 0:
        return None, np.empty(0)
    return stations.demand(stations.names[place]), stations.drawn[:, :, place].min(axis=1)


def _ceiling_words(line: Line, demand: Demand, ceiling: Estimate) -> str:
    asked = quantity(demand.service_s, "s")
    if demand.station == SLOTS:
        why = f"an execution holds one of {demand.seats} slots for {asked} or more"
    else:
        why = f"an execution asks {asked} or more of it" + (
            f", on {demand.seats} seats" if demand.seats > 1 else ""
        )
    words = f"no load gets more than {ceiling.full} through {demand.station}: {why}"
    if line.kind in KNOWN and line.loads[0] > 1:
        words += f"; the rise is that of the smallest load, {number(line.loads[0])}, and may hold waits"
    return words


def spread_of(line: Line, demand: Demand) -> float:
    """Return by how much the most that executions ask of a station exceeds the least, over the loads."""
    per_seat = line.stations.per_seat[:, line.stations.names.index(demand.station)]
    return float(per_seat.max() / per_seat.min() - 1)


def _growth(line: Line, demand: Demand) -> str:
    per_seat = line.stations.per_seat[:, line.stations.names.index(demand.station)]
    growth = float(per_seat[-1] / per_seat.min() - 1)
    if growth <= STEADY_MOST:
        return ""
    return f"at the greatest load an execution asks {percent(growth)} more of it, so that the bound lies high"


TITLES: Final = {
    "usl": "Universal Scalability Law",
    "bounds": "operational bounds",
    "mva": "closed network (exact MVA)",
    "erlang": "Erlang C",
}


def nothing(name: str, words: str) -> Reading:
    """Return the reading of a law that does not apply, and why."""
    return Reading(name, TITLES[name], holds=False, words=words)
