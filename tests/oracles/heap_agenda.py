"""The agenda as a plain heap: an oracle for `simulator.agenda`, sharing nothing with SimPy."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any


class HeapAgenda:
    """Entries by instant, then by order of making."""

    def __init__(self) -> None:
        self.now = 0
        self.entries_count = 0
        self._heap: list[tuple[int, int, Callable[[Any], None]]] = []

    def after(self, delay_ns: int, callback: Callable[[Any], None]) -> None:
        assert delay_ns >= 0
        self.entries_count += 1
        heappush(self._heap, (self.now + delay_ns, self.entries_count, callback))

    def run(self, until: int | None = None) -> None:
        """Run until nothing is left, or through everything before `until`."""
        while self._heap and (until is None or self._heap[0][0] < until):
            self.now, _, callback = heappop(self._heap)
            callback(None)
        if until is not None:
            self.now = until
