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
        self._rows: list[SampleRow] = []
        self._left = SAMPLES_MAX

    def every_second(self) -> None:
        """Take a sample each second of virtual time, at most `SAMPLES_MAX`."""
        self._agenda.after(SECOND_NS, self._tick)

    def _tick(self, _event: Any) -> None:
        self._rows.extend(self._take(self._agenda.now))
        self._left -= 1
        if self._left:
            self._agenda.after(SECOND_NS, self._tick)

    def rows(self, at_ns: int) -> list[SampleRow]:
        """Return the samples taken, then one of every station at `at_ns`."""
        return [*self._rows, *self._take(at_ns)]

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
            )
            for station in self._stations
            if station.arrivals_count
        ]
        rows.extend(_row(at_ns, name, totals) for name, totals in self._engine.stations(at_ns).items())
        return rows


def _row(at_ns: int, name: str, totals: StationTotals) -> SampleRow:
    return SampleRow(
        type="sample",
        at_ns=at_ns,
        station=name,
        seats=totals.seats,
        arrivals_count=totals.arrivals_count,
        busy_ns=totals.busy_ns,
        wait_ns=totals.wait_ns,
        queue_length_max=totals.queue_length_max,
    )
