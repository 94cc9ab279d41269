"""The agenda as a plain heap that also wakes the engine: an oracle for `simulator.agenda` and `.driver`.

It shares nothing with SimPy or with the driver: nobody tells it of deadlines, it asks the engine for the next
one before whatever runs next.

Ties: a deadline waits for an alarm, and alarms and entries of one instant run in the order in which they were
made. An alarm is made when the next deadline is found to be earlier than every alarm that is set, and is
never taken back; so a deadline that is put off takes its place only when the alarm it had before has run.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from engine.core.host import Host


class HeapAgenda:
    """Entries and alarms by instant, then by order of making."""

    def __init__(self) -> None:
        self.now = 0
        self.entries_count = 0
        self.host: Host | None = None  # whom the alarms wake
        self._heap: list[tuple[int, int, Callable[[Any], None]]] = []
        self._alarms_ns: set[int] = set()

    def after(self, delay_ns: int, callback: Callable[[Any], None]) -> None:
        assert delay_ns >= 0
        self.entries_count += 1
        heappush(self._heap, (self.now + delay_ns, self.entries_count, callback))

    def run(self, until: int | None = None) -> None:
        """Run until nothing is left, or through everything before `until`."""
        self._look()
        while self._heap and (until is None or self._heap[0][0] < until):
            self.now, _, callback = heappop(self._heap)
            callback(None)
            self._look()
        if until is not None:
            self.now = until

    def _look(self) -> None:
        at_ns = self.host.engine.next_deadline() if self.host else None
        if at_ns is not None and all(at_ns < alarm_ns for alarm_ns in self._alarms_ns):
            self._alarms_ns.add(at_ns)
            self.after(at_ns - self.now, self._ring)

    def _ring(self, _entry: None) -> None:
        self._alarms_ns.remove(self.now)
        if self.host:
            self.host.wake()
