"""Samples of the stations: totals up to an instant, at the end of a run and once a second where asked."""

from collections.abc import Sequence
from typing import Any

from engine.core.admission import StationTotals
from engine.core.machine import WorkflowEngine
from engine.core.records import SampleRow
from simulator.agenda import Agenda
from simulator.stations import Station

SECOND_NS = 1_000_000_000
SAMPLES_MAX = 600


class Sampling:
    """Reads the totals of all stations."""

    def __init__(self, agenda: Agenda, stations: Sequence[Station], engine: WorkflowEngine) -> None:
        """Read `stations`, and the engine's own limits."""
        self._agenda = agenda
        self._stations = stations
        self._engine = engine
        self._taken: list[list[SampleRow]] = []
        self._every_ns = SECOND_NS

    def every_second(self) -> None:
        """Take a sample each second of virtual time.

        A run that is too long for that has `SAMPLES_MAX` at most: each time they are reached, every other
        one is dropped, and from then on they are taken half as often.
        """
        self._agenda.after(self._every_ns, self._tick)

    def _tick(self, _event: Any) -> None:
        self._taken.append(self._take(self._agenda.now))
        if len(self._taken) == SAMPLES_MAX:
            self._taken = self._taken[1::2]
            self._every_ns *= 2
        self._agenda.after(self._every_ns, self._tick)

    def rows(self, at_ns: int) -> list[SampleRow]:
        """Return the samples taken, then one of every station at `at_ns`."""
        return [*(row for rows in self._taken for row in rows), *self._take(at_ns)]

    def _take(self, at_ns: int) -> list[SampleRow]:
        rows = [
            _row(
                at_ns,
                station.name,
                StationTotals(
                    seats=station.seats,
                    arrivals_count=station.arrivals_count,
                    busy_ns=station.busy_until(at_ns),
                    wait_ns=station.waited_until(at_ns),
                    queue_length_max=station.queue_length_max,
                ),
                station.queue_until(at_ns),
            )
            for station in self._stations
            if station.arrivals_count
        ]
        rows.extend(_row(at_ns, name, totals) for name, totals in self._engine.stations(at_ns).items())
        return rows


def _row(at_ns: int, name: str, totals: StationTotals, queue_ns: int | None = None) -> SampleRow:
    row = SampleRow(
        type="sample",
        at_ns=at_ns,
        station=name,
        seats=totals.seats,
        arrivals_count=totals.arrivals_count,
        busy_ns=totals.busy_ns,
        wait_ns=totals.wait_ns,
        queue_length_max=totals.queue_length_max,
    )
    if queue_ns is not None:
        row["queue_ns"] = queue_ns
    return row
