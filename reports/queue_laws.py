"""What exact queueing theory says of a line, where its assumptions hold; in words where they do not."""

from typing import Final

import numpy as np

from reports.columns import SECOND_NS
from reports.erlang import waiting
from reports.formats import number, percent, quantity
from reports.laws import STEADY_MOST, TITLES, Bounds, nothing, spread_of
from reports.line import SLOTS, Line, Reading
from reports.mva import solve
from reports.operational import Demand

POPULATION_MAX: Final = 2_000  # users up to which a closed network is solved
SMALLEST_SHARE: Final = 0.05  # of the binding demand, from which a station is a queue and not a delay
BUCKET: Final = "client."  # how the names of the clients' token buckets begin
VARIATION: Final = (0.5, 2.0)  # squared coefficients of variation near enough to the exponential's 1


def read_mva(line: Line, bounds: Bounds) -> Reading:
    """Solve the closed network of the stations seen, where users are the constant population it needs."""
    refused = _no_mva(line, bounds)
    if refused or bounds.asymptotes is None:
        return nothing("mva", refused)
    demands = _queues(line, bounds)
    delay = bounds.asymptotes.alone_s - sum(demand.service_s for demand in demands)
    if delay < 0:
        asked = quantity(sum(demand.service_s for demand in demands), "s")
        alone = quantity(bounds.asymptotes.alone_s, "s")
        return nothing(
            "mva",
            f"not drawn: an execution asks {asked} of the stations in {alone}: it visits several at once",
        )
    solutions = solve(demands, delay + bounds.asymptotes.think_s, round(line.loads[-1]))
    chosen = [solutions[round(load) - 1] for load in line.grid()]
    misses = [
        abs(solutions[round(load) - 1].throughput / seen - 1)
        for load, seen in zip(line.loads, line.throughputs, strict=True)
    ]
    names = ", ".join(demand.station for demand in demands)
    return Reading(
        name="mva",
        title=TITLES["mva"],
        holds=True,
        words=f"queues at {names}, each asked its least demand, all else a delay of {quantity(delay, 's')};"
        f" takes service times for exponential, and misses no throughput by more than {percent(max(misses))}",
        throughput=tuple((float(item.population), item.throughput) for item in chosen),
        response_s=tuple((float(item.population), item.response_s + delay) for item in chosen),
    )


def _no_mva(line: Line, bounds: Bounds) -> str:
    if line.kind != "closed":
        return "not drawn: " + (
            "a burst drains, and the law speaks of a constant population in its steady state"
            if line.kind == "burst"
            else "the load is no constant population of users"
        )
    if bounds.asymptotes is None:
        return "not drawn: no station served a limited number at once"
    if line.loads[-1] > POPULATION_MAX or any(load != round(load) for load in line.loads):
        return f"not drawn: it is solved for whole users, up to {POPULATION_MAX}"
    return _no_network(line, bounds.asymptotes.binding)


def _no_network(line: Line, binding: Demand | None) -> str:
    if binding is not None and binding.station.startswith(BUCKET):
        return (
            f"not drawn: {binding.station} gives out tokens at a rate, nobody stays there to be served, and"
            " the network knows servers only"
        )
    if binding is not None and (spread := spread_of(line, binding)) > STEADY_MOST:
        return f"not drawn: over the loads, executions ask {binding.station} for up to {percent(spread)} more"
    if not line.whole:
        return "not drawn: executions failed or did not finish, and nobody leaves the law's network early"
    if _waited_for_slots(line):
        return "not drawn: executions hold a slot while they queue elsewhere, which no such network knows"
    return ""


def _waited_for_slots(line: Line) -> bool:
    rows = [item.stations.get(SLOTS) for runs in line.runs for item in runs.replications]
    return any(row["wait_ns"] > 0 for row in rows if row is not None)


def _queues(line: Line, bounds: Bounds) -> list[Demand]:
    """Return the stations that matter, slots apart: whoever holds one does so while visiting the others."""
    least = bounds.asymptotes.binding.per_seat_s if bounds.asymptotes and bounds.asymptotes.binding else 0.0
    found = [line.stations.demand(name) for name in line.stations.names if name != SLOTS]
    return [demand for demand in found if demand.per_seat_s >= SMALLEST_SHARE * least]


def read_erlang(line: Line) -> Reading:
    """Give the wait for a slot by Erlang C, where arrivals are Poisson and slots are servers."""
    if line.kind != "open":
        return nothing("erlang", "not drawn: arrivals are no Poisson stream")
    rows = [[item.stations.get(SLOTS) for item in runs.replications] for runs in line.runs]
    seats = {row["seats"] for group in rows for row in group if row is not None}
    if len(seats) != 1 or 0 in seats:
        return nothing("erlang", "not drawn: nothing limits how many executions run at once, nobody queues")
    services = [_services(line, place) for place in range(len(line.loads))]
    means = [float(values.mean()) for values in services]
    if max(means) > (1 + STEADY_MOST) * min(means):
        span = f"{quantity(min(means), 's')} to {quantity(max(means), 's')}"
        return nothing("erlang", f"not drawn: a slot is held for {span}, depending on the load")
    variation = float(np.mean([values.var() / values.mean() ** 2 for values in services]))
    if not VARIATION[0] <= variation <= VARIATION[1]:
        return nothing("erlang", _uneven(variation))
    return _erlang(line, seats.pop(), float(np.mean(means)), variation)


def _uneven(variation: float) -> str:
    if variation < 1:
        way = f"its waits would come out about {number(2 / (1 + variation), 2)} times too long"
    else:
        way = f"its waits would come out about {number((1 + variation) / 2, 2)} times too short"
    return (
        f"not drawn: the squared coefficient of variation of the times for which slots are held is"
        f" {number(variation, 2)}, the formula's is 1, and {way}"
    )


def _services(line: Line, place: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return for how long every execution of a point held its slot, in seconds."""
    found = []
    for item in line.runs[place].replications:
        rows = item.executions
        held = (rows.ended_ns - rows.admitted_ns)[rows.completed & (rows.admitted_ns >= 0)]
        found.append(held / SECOND_NS)
    return np.concatenate(found)


def _erlang(line: Line, slots: int, service_s: float, variation: float) -> Reading:
    states = [(load, waiting(slots, load, service_s)) for load in line.grid()]
    full = slots / service_s
    return Reading(
        name="erlang",
        title=TITLES["erlang"],
        holds=True,
        words=f"{slots} slots, each held for {quantity(service_s, 's')} on average, squared coefficient of"
        f" variation {number(variation, 2)} (the formula's is 1);"
        f" from {quantity(full, '1/s')} on there is no steady state",
        response_s=tuple((load, state.response_s) for load, state in states if state is not None),
    )
