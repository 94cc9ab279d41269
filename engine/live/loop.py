"""The one thread that owns the engine: an inbox, timers on the monotonic clock, and nothing else.

Whatever happens elsewhere, an answer of the API, an event of a watch, a request of a person, comes in as a
call that is made here. Time stands still while one is made, as it does in the model.
"""

import heapq
import time
from collections.abc import Callable
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any, Final

Work = Callable[[], None]
IDLE_S: Final = 0.5  # how long the loop sleeps at most, to look whether it is to end


class Loop:
    """An agenda in real time: `simulator.agenda.Agenda`'s twin, as far as `Driver` needs one."""

    def __init__(self, clock_ns: Callable[[], int] = time.monotonic_ns, began_ns: int = 0) -> None:
        """Begin at the instant `began_ns`: an engine that is recovered goes on where it was."""
        self._clock_ns = clock_ns
        self._offset_ns = began_ns - clock_ns()
        self._inbox: SimpleQueue[Work] = SimpleQueue()
        self._timers: list[tuple[int, int, Work]] = []
        self._numbers = count()
        self.now = began_ns

    def post(self, work: Work) -> None:
        """Let the loop make a call; from any thread."""
        self._inbox.put(work)

    def after(self, delay_ns: int, callback: Callable[[Any], None]) -> None:
        """Call `callback` with None when `delay_ns` have passed; from the loop's own thread."""
        entry = (self.now + max(delay_ns, 0), next(self._numbers), lambda: callback(None))
        heapq.heappush(self._timers, entry)

    def run(self, is_over: Callable[[], bool]) -> None:
        """Make calls as they come until there is nothing more to wait for."""
        while not is_over():
            self._tick()
            if self._timers and self._timers[0][0] <= self.now:
                heapq.heappop(self._timers)[2]()
                continue
            try:
                work = self._inbox.get(timeout=self._patience_s())
            except Empty:
                continue
            self._tick()
            work()

    def _tick(self) -> None:
        self.now = max(self.now, self._clock_ns() + self._offset_ns)

    def _patience_s(self) -> float:
        if not self._timers:
            return IDLE_S
        return min(max((self._timers[0][0] - self.now) / 1e9, 0.0), IDLE_S)
