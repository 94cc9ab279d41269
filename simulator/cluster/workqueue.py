"""A controller's work queue, as client-go's: keys, not events; one worker a key; back-off per key.

A key that is queued already is not queued twice; a key that is being worked on is queued again afterwards
if it was added meanwhile. A sync that asks for it, or that is refused a request (`Refused`), is tried again
after a back-off, as often as it takes. What a sync does is charged to the last event that reached its key
before it began.
"""

from collections import deque
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Final

from engine.core.causes import Cause
from simulator.agenda import Agenda
from simulator.attribution import Link, extend
from simulator.cluster.apiserver import Refused
from simulator.cluster.store import Key
from simulator.stations import Meter
from simulator.tasks import Attempt, Waitable

Sync = Callable[[Key, Link], Generator["int | Waitable", Any, bool]]
"""One pass over a key; returns whether it is to be tried again after a back-off."""

_CONTROLLER_QUEUE: Final = Cause.CONTROLLER_QUEUE  # looking it up on its class costs more than its use

# client-go/util/workqueue/default_rate_limiters.go: 5 ms x 2^n, at most 1000 s.
BACKOFF_NS = 5_000_000
BACKOFF_NS_MAX = 1_000 * 1_000_000_000


def backoff_ns(failures: int) -> int:
    """Return how long a key waits after `failures` failures in a row, and one more."""
    return min(BACKOFF_NS << min(failures, 18), BACKOFF_NS_MAX)


class WorkQueue:
    """Keys waiting for one of `workers`."""

    def __init__(self, agenda: Agenda, name: str, workers: int, sync_ns: int, sync: Sync) -> None:
        """Let each sync take `sync_ns` of a worker before its first call."""
        self.meter = Meter(f"controller.{name}", workers)
        self._agenda = agenda
        self._sync_ns = sync_ns
        self._sync = sync
        self._halted = False
        self._workers = workers
        self._idle = workers  # less than none while the queue is halted
        self._queue: deque[Key] = deque()
        self._links: dict[Key, Link] = {}
        self._busy: dict[Key, bool] = {}
        self._failures: dict[Key, int] = {}

    @property
    def now(self) -> int:
        """The present instant in ns."""
        return self._agenda.now

    def add(self, key: Key, link: Link) -> None:
        """Queue a key because of the event that `link` leads to."""
        queued = key in self._links
        self._links[key] = link
        if queued or key in self._busy:
            return
        self._enqueue(key)

    def add_after(self, delay_ns: int, key: Key, link: Link, cause: Cause = Cause.CONTROLLER_QUEUE) -> None:
        """Queue a key once `delay_ns` has passed, because of `cause`."""
        due = self._agenda.now + delay_ns
        later = extend(link, cause, due)
        self._agenda.after(delay_ns, lambda _event: self.add(key, later))

    def _enqueue(self, key: Key) -> None:
        self.meter.arrive(self._agenda.now)
        self._queue.append(key)
        if self._idle > 0:
            self._start()

    def halt(self) -> None:
        """Take nothing from the queue until `resume`, as if its controller were down.

        What is being worked on is finished; what changes meanwhile waits.
        """
        if not self._halted:
            self._halted = True
            self._idle -= self._workers

    def resume(self) -> None:
        """Let the workers take keys again."""
        if self._halted:
            self._halted = False
            self._idle += self._workers
            self._fill()

    def _fill(self) -> None:
        while self._idle > 0 and self._queue:
            self._start()

    def _start(self) -> None:
        key = self._queue.popleft()
        self._idle -= 1
        self._busy[key] = True
        self.meter.begin(self._agenda.now)
        # Even if a sync takes no time: a long queue is then worked off without recursion.
        self._agenda.after(self._sync_ns, partial(self._work, key))

    def _work(self, key: Key, _entry: Any) -> None:
        link = extend(self._links.pop(key), _CONTROLLER_QUEUE, self._agenda.now)
        Attempt(self._agenda, self._sync(key, link), partial(self._finish, key, link))

    def _finish(self, key: Key, link: Link, again: Any) -> None:
        self.meter.end(self._agenda.now)
        self._idle += 1
        del self._busy[key]
        if key in self._links:
            self._enqueue(key)
        if again:
            if isinstance(again, Refused):
                link = again.link
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
            self.add_after(backoff_ns(failures), key, extend(link, Cause.CONTROLLER_QUEUE, self._agenda.now))
        elif key in self._failures:
            del self._failures[key]
        while self._idle > 0 and self._queue:
            self._start()
