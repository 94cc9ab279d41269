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


class Entry(Event):
    """A SimPy event that has been triggered and has one callback; `Agenda.after` makes it.

    What SimPy keeps per event and is the same for all entries is kept per class: they are made by the
    million.
    """

    __slots__ = ()
    _ok = True
    _value = None


class Agenda(simpy.Environment):
    """A SimPy environment in integer nanoseconds, with "call this then" as its common case.

    `now` is the present instant in ns. SimPy's own loop costs more than the entries that it runs, so the
    loop is written out here; what it does to events, SimPy's own included, is the same.
    """

    now: int = 0

    def __init__(self) -> None:
        """Start at time 0."""
        super().__init__(0)
        self._eid = count()
        self.entries_count = 0

    def after(self, delay_ns: int, callback: Callable[[Any], None]) -> None:
        """Call `callback` with its entry when `delay_ns` have passed, after everything already due then."""
        if delay_ns < 0:
            message = f"an entry {-delay_ns} ns in the past"
            raise ValueError(message)
        self.entries_count = number = next(self._eid)
        entry = Entry.__new__(Entry)  # a constructor in Python would cost as much as all the rest
        entry.callbacks = [callback]
        heappush(self._queue, (self.now + delay_ns, NORMAL, number, entry))

    def run(self, until: Event | float | None = None) -> Any:
        """Run up to an instant, until an event has happened, or until nothing is left.

        Returns the event's value.
        """
        if until is None:
            while self._queue:
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
        if not self._queue:
            raise EmptySchedule
        self._run_until(self._queue[0][3])

    def _run_until(self, until: Event) -> None:
        queue = self._queue
        while until.callbacks is not None:  # SimPy takes them away from an event that has happened
            if not queue:
                message = f"nothing is left to do, and {until} has not happened"
                raise EmptySchedule(message)
            at, _, _, event = heappop(queue)
            self._now = self.now = at  # type: ignore[assignment] # starts at an int, and only ints are added
            callbacks: list[Callable[[Any], None]] = event.callbacks
            event.callbacks = None  # type: ignore[assignment] # as SimPy does
            for callback in callbacks:
                callback(event)
            if not event._ok and not event.defused:  # noqa: SLF001 - a failure that nobody took
                raise event._value  # noqa: SLF001
