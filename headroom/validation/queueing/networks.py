"""Networks of stations, open and closed, on the agenda: customers go from one to the next."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from headroom.validation.queueing.stations import SECOND_NS, WARM_UP, Parameters, Random
from simulator.agenda import Agenda
from simulator.stations import Seats

_BLOCK = 65_536


class _Station:
    """Seats with exponential service, and what theory asks of them once the warm-up is over."""

    def __init__(self, agenda: Agenda, seats: int, mean_s: float, draws: Iterator[float]) -> None:
        self.seats = Seats("station", seats)
        self._agenda = agenda
        self._mean_ns = mean_s * SECOND_NS
        self._draws = draws
        self.start_over()

    def start_over(self) -> None:
        """Forget what was observed; who is here stays."""
        self._since = self._changed = self._agenda.now
        self._busy_then = self.seats.busy_until(self._agenda.now)
        self._here = getattr(self, "_here", 0)
        self._area = self._empty_ns = 0
        self.visits = self._stays_ns = 0

    def visit(self, then: Callable[[], None]) -> None:
        """Serve a customer, then call `then`."""
        now = self._agenda.now
        service = round(next(self._draws) * self._mean_ns)
        stay = self.seats.reserve(now, service) + service - now
        self._count(1)
        self._agenda.after(stay, partial(self._leave, stay, then))

    def _leave(self, stay: int, then: Callable[[], None], _entry: Any) -> None:
        self._count(-1)
        self.visits += 1
        self._stays_ns += stay
        then()

    def _count(self, change: int) -> None:
        now = self._agenda.now
        self._area += self._here * (now - self._changed)
        self._empty_ns += (now - self._changed) * (not self._here)
        self._here += change
        self._changed = now

    @property
    def elapsed_ns(self) -> int:
        """How long it has been observed."""
        return self._agenda.now - self._since

    def found(self) -> dict[str, float]:
        """Return throughput, mean number and stay, utilisation, and the share of time without anybody."""
        self._count(0)
        elapsed = self.elapsed_ns
        busy = self.seats.busy_until(self._agenda.now) - self._busy_then
        return {
            "X": self.visits / elapsed * SECOND_NS,
            "L": self._area / elapsed,
            "R": self._stays_ns / self.visits / SECOND_NS,
            "U": busy / elapsed / self.seats.seats,
            "P_empty": self._empty_ns / elapsed,
        }


def exponentials(random: Random) -> Iterator[float]:
    """Yield draws of mean 1, without end."""
    while True:
        yield from random.exponential(1.0, _BLOCK).tolist()


def _closed(
    customers: int, think_s: float, stations: Sequence[tuple[int, float]], cycles: int, random: Random
) -> tuple[list[_Station], float, float]:
    """Let customers think, visit every station in turn, and begin again; return stations, X and R."""
    agenda = Agenda()
    draws = exponentials(random)
    places = [_Station(agenda, seats, mean, draws) for seats, mean in stations]
    over = agenda.event()
    done = responded_ns = 0
    warm = round(WARM_UP * cycles)

    def think(begun: int | None, _entry: Any = None) -> None:
        nonlocal done, responded_ns
        if begun is not None:
            done += 1
            responded_ns += agenda.now - begun
            if done == warm:
                responded_ns = 0
                for place in places:
                    place.start_over()
            elif done == cycles:
                over.succeed()
        agenda.after(round(next(draws) * think_s * SECOND_NS), submit)

    def submit(_entry: Any) -> None:
        go(agenda.now, 0)

    def go(begun: int, number: int) -> None:
        if number == len(places):
            think(begun)
        else:
            places[number].visit(partial(go, begun, number + 1))

    for number in range(customers):  # spread out, since a network forgets its start slowly
        if think_s and number % (len(places) + 1) == 0:
            think(None)
        else:
            go(0, number % len(places))
    agenda.run(until=over)
    observed = done - warm
    return places, observed / places[0].elapsed_ns * SECOND_NS, responded_ns / observed / SECOND_NS


def repairman(given: Parameters, jobs: int, random: Random) -> dict[str, float]:
    """M/M/c//N: machines run, break, and are repaired by c."""
    places, rate, response = _closed(
        int(given["N"]),
        1 / float(given["think_rate"]),
        [(int(given["c"]), 1 / float(given["mu"]))],
        jobs,
        random,
    )
    found = places[0].found()
    return {
        "throughput": rate,
        "L": found["L"],
        "R": response,
        "utilization": found["U"],
        "P_all_idle": found["P_empty"],
    }


def product_form(given: Parameters, jobs: int, random: Random) -> dict[str, float]:
    """A closed network of single servers and a place to think."""
    stations = [(1, float(demand)) for demand in given["demands"]]
    return _closed_found(int(given["N"]), float(given["think"]), stations, jobs, random)


def worker_pool(given: Parameters, jobs: int, random: Random) -> dict[str, float]:
    """A closed network of one engine and a pool of workers."""
    stations = [(1, float(given["engine_demand"])), (int(given["workers"]), float(given["worker_demand"]))]
    return _closed_found(int(given["N"]), float(given["think"]), stations, jobs, random)


def _closed_found(
    customers: int, think_s: float, stations: list[tuple[int, float]], jobs: int, random: Random
) -> dict[str, float]:
    places, rate, response = _closed(customers, think_s, stations, jobs // len(stations), random)
    # By its demand: the largest of several estimates would be too large on average.
    busiest = places[max(range(len(stations)), key=lambda number: stations[number][1] / stations[number][0])]
    return {"X": rate, "R": response, "U_max": busiest.found()["U"]}


def jackson(given: Parameters, jobs: int, random: Random) -> dict[str, float]:
    """Gateway, then engine; from there to a worker and back with probability 0.7, else out."""
    agenda = Agenda()
    draws = exponentials(random)
    seats = {"gateway": (1, 1 / 2), "engine": (1, 1 / 3), "worker": (4, 1 / 0.5)}  # as `nodes` says
    places = {name: _Station(agenda, count, mean, draws) for name, (count, mean) in seats.items()}
    over = agenda.event()
    arrived = left = stays_ns = since = 0
    warm = round(WARM_UP * jobs)

    def arrive(_entry: Any) -> None:
        nonlocal arrived
        arrived += 1
        begun = agenda.now
        places["gateway"].visit(lambda: engine(begun))
        agenda.after(round(next(draws) / float(given["lambda"]) * SECOND_NS), arrive)

    def engine(begun: int) -> None:
        places["engine"].visit(lambda: decide(begun))

    def decide(begun: int) -> None:
        nonlocal left, stays_ns, since
        if random.random() < 0.7:
            places["worker"].visit(lambda: engine(begun))
            return
        left += 1
        stays_ns += agenda.now - begun
        if left == warm:
            stays_ns, since = 0, agenda.now
            for place in places.values():
                place.start_over()
        elif left == jobs:
            over.succeed()

    arrive(None)
    agenda.run(until=over)
    found = {name: place.found() for name, place in places.items()}
    result = {f"lambda_{name}": one["X"] for name, one in found.items()}
    result |= {f"L_{name}": one["L"] for name, one in found.items()}
    result |= {f"W_{name}": one["R"] for name, one in found.items()}
    result["L_total"] = sum(one["L"] for one in found.values())
    result["W_total"] = stays_ns / (left - warm) / SECOND_NS
    return result
