"""The one agenda of virtual time: everything that happens later is an entry here.

Tie rule: entries of the same instant run in the order in which they were made. SimPy cannot take an entry
back, so whoever makes one that may become void must check when it runs.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

import simpy
from simpy.core import EmptySchedule
from simpy.events import NORMAL, URGENT, Event


class Agenda(simpy.Environment):
    """A SimPy environment in integer nanoseconds, with "call this then" as its common case.

    `now` is the present instant in ns. SimPy's own loop and events cost more than the entries that it runs:
    so the loop is written out here, and what is called then stands in SimPy's queue by itself, without an
    event around it, as (instant, priority, number, None, callback).
    """

    now: int = 0

    def __init__(self) -> None:
        """Start at time 0."""
        super().__init__(0)
        self._eid = count()
        self._entries: list[tuple[Any, ...]] = self._queue  # those of SimPy too
        self.entries_count = 0

    def after(self, delay_ns: int, callback: Callable[[Any], None]) -> None:
        """Call `callback` with None when `delay_ns` have passed, after everything already due then."""
        if delay_ns < 0:
            message = f"an entry {-delay_ns} ns in the past"
            raise ValueError(message)
        self.entries_count = number = next(self._eid)
        heappush(self._entries, (self.now + delay_ns, NORMAL, number, None, callback))

    def run(self, until: Event | float | None = None) -> Any:
        """Run up to an instant, until an event has happened, or until nothing is left.

        Returns the event's value.
        """
        if until is None:
            while self._entries:
                self.step()
            return None
        if not isinstance(until, Event):
            stop = Event(self)
            stop._ok, stop._value = True, None  # noqa: SLF001 - as SimPy's own `run` does
            self.schedule(stop, URGENT, int(until) - self.now)
            until = stop
        self._run_until(until)
        return until.value

    def step(self) -> None:
        """Run the next entry, or raise `EmptySchedule`."""
        if not self._entries:
            raise EmptySchedule
        self._run_entry(heappop(self._entries))

    def _run_until(self, until: Event) -> None:
        entries = self._entries
        while until.callbacks is not None:  # SimPy takes them away from an event that has happened
            if not entries:
                message = f"nothing is left to do, and {until} has not happened"
                raise EmptySchedule(message)
            entry = heappop(entries)
            if entry[3] is None:  # as below, without the call
                self._now = self.now = entry[0]
                entry[4](None)
            else:
                self._run_entry(entry)

    def _run_entry(self, entry: tuple[Any, ...]) -> None:
        self._now = self.now = entry[0]
        event = entry[3]
        if event is None:
            entry[4](None)
            return
        callbacks, event.callbacks = event.callbacks, None  # as SimPy does
        for callback in callbacks:
            callback(event)
        if not event._ok and not event.defused:  # noqa: SLF001 - a failure that nobody took
            raise event._value  # noqa: SLF001
