"""The seats of one priority level: first come as long as one is free, by fair queuing once they are full.

While a seat is free a request takes it, and when it will be done is known: that costs no more than any
first-come station. The first request that finds none brings the level's queues into being
(`simulator.cluster.fairqueue`); they are forgotten when the level is idle again.
"""

from collections.abc import Callable
from heapq import heappop, heappush, heapreplace
from typing import Final

from simulator.agenda import Agenda
from simulator.cluster.fairqueue import Entry, Queues, Queuing
from simulator.cluster.flow import Flow
from simulator.stations import Seats

QUEUED: Final = -1
"""Not known yet when service begins: whoever asked is to `enter`."""


class FirstCome(Seats):
    """Seats that are first come, first served, whoever asks; zero seats: unlimited."""

    __slots__ = ()

    def reserve(self, now: int, service_ns: int, _flow: Flow | None = None, _width: int = 1) -> int:
        """Take the next free seat for `service_ns`; return when service begins (>= now)."""
        return super().reserve(now, service_ns)


class FairSeats:
    """A limited priority level; its `limit` changes when levels lend and borrow."""

    __slots__ = (
        "_agenda", "_changed_at", "_executing", "_limited_ns", "_queue_ns", "_queued_at", "_queues",
        "_queuing", "_taken", "_waiting_count", "_waiting_since_ns", "arrivals_count", "busy_ns",
        "expired_count", "in_use_max", "limit", "name", "queue_length_max", "refused_count", "wait_ns",
    )  # fmt: skip

    def __init__(self, agenda: Agenda, name: str, seats: int, queuing: Queuing) -> None:
        """Start with all seats free at time 0."""
        self.name = name
        self.limit = seats  # at present
        self._limited_ns = 0  # the integral of the limit over time, up to the last change of it
        self._changed_at = 0
        self._agenda = agenda
        self._queuing = queuing
        self._executing: list[Entry] = []  # a heap: who has seats, and perhaps some that have ended
        self._taken = 0  # the seats of those
        self._queues: Queues | None = None
        self._waiting_count = 0
        self._waiting_since_ns = 0  # the sum of the arrivals of those that wait
        self._queued_at = 0
        self._queue_ns = 0  # the time integral of how many wait, up to then
        self.arrivals_count = 0
        self.busy_ns = 0  # of seats, so a wide request counts more than once
        self.wait_ns = 0
        self.queue_length_max = 0
        self.refused_count = 0
        self.expired_count = 0  # of those refused: for having waited too long
        self.in_use_max = 0  # since it was last set to zero

    def reserve(self, now: int, service_ns: int, flow: Flow, width: int = 1) -> int:
        """Take a seat (or `width`) if there is one, and return when service begins; else `QUEUED`."""
        self.arrivals_count = number = self.arrivals_count + 1
        if self._queues is not None and not self._forgotten(now):
            return QUEUED
        executing = self._executing
        taken = self._taken
        if width == 1 and executing and taken <= self.limit:
            first = executing[0]
            if first[0] <= now and first[4] == 1:  # a seat that is free again: the commonest case
                heapreplace(executing, (now + service_ns, number, flow, now, 1))
                self.busy_ns += service_ns
                return now
        if taken + width > self.limit:
            self.tidy(now)
            taken = self._taken
            if taken + width > self.limit:
                return QUEUED
        heappush(executing, (now + service_ns, number, flow, now, width))
        self._taken = taken + width
        self.busy_ns += service_ns * width
        return now

    def tidy(self, now: int) -> int:
        """Let go of what has ended; return the most seats that were taken at once since the last time."""
        most = self._taken
        while self._executing and self._executing[0][0] <= now:
            self._taken -= heappop(self._executing)[4]
        self.in_use_max = max(self.in_use_max, most)
        return self.in_use_max

    def enter(
        self,
        now: int,
        service_ns: int,
        flow: Flow,
        width: int,
        begun: Callable[[int], None],
        refused: Callable[[], None],
    ) -> None:
        """Wait in a queue after `QUEUED`; `begun` is called with the instant of service, or `refused`."""
        if self._queues is None:
            executing, self._executing, self._taken = self._executing, [], 0  # what has ended is gone
            self._queues = Queues(self._agenda, self._queuing, self.limit, executing, self)
        self._queues.arrive(now, self.arrivals_count, service_ns, flow, width, begun, refused)

    def resize(self, seats: int) -> None:
        """Have so many seats from now on; those that are taken stay so until they are free."""
        now = self._agenda.now
        self._limited_ns += self.limit * (now - self._changed_at)
        self._changed_at = now
        self.limit = seats
        if self._queues is None:
            self.tidy(self._agenda.now)
        else:
            self._queues.resize(seats)

    def demand(self, now: int) -> tuple[float, float, int] | None:
        """Return mean, deviation and maximum of the seats asked for since last asked; None: never full."""
        return None if self._queues is None else self._queues.demand(now)

    # What its queues tell.

    def note_waiting(self, now: int) -> None:
        """Count one in that waits."""
        self._queue_ns, self._queued_at = self.queue_until(now), now
        self._waiting_count += 1
        self._waiting_since_ns += now
        self.queue_length_max = max(self.queue_length_max, self._waiting_count)

    def note_waited(self, now: int, since: int) -> None:
        """Count one out that has waited."""
        self._queue_ns, self._queued_at = self.queue_until(now), now
        self._waiting_count -= 1
        self._waiting_since_ns -= since
        self.wait_ns += now - since

    def note_begun(self, seat_ns: int) -> None:
        """Count what is served."""
        self.busy_ns += seat_ns

    def note_refused(self, *, expired: bool) -> None:
        """Count one that was sent away."""
        self.refused_count += 1
        self.expired_count += expired

    def _forgotten(self, now: int) -> bool:
        """Forget the queues if nobody waits and nobody is served; say whether they are."""
        assert self._queues is not None
        if not self._queues.is_idle(now):
            return False
        self._queues = None
        return True

    # What reports ask.

    @property
    def seats(self) -> int:
        """The seats that there were on average, rounded up: what is served does not exceed them."""
        now = self._agenda.now
        if not self._changed_at:
            return self.limit
        return -(-(self._limited_ns + self.limit * (now - self._changed_at)) // now)

    @property
    def is_pressed(self) -> bool:
        """Whether it is full, or at least half of its seats have been taken at once of late."""
        return self._queues is not None or 2 * self._taken > self.limit

    @property
    def waiting_count(self) -> int:
        """Requests in its queues."""
        return self._waiting_count

    def in_use(self, now: int) -> int:
        """Return the seats that are taken."""
        return sum(end > now for end in self._ends())

    def busy_until(self, at_ns: int) -> int:
        """Return the service given up to `at_ns`, over all seats; what is promised beyond does not count."""
        return self.busy_ns - sum(end - at_ns for end in self._ends() if end > at_ns)

    def _ends(self) -> list[int]:
        """Return when each seat that is taken is free."""
        executing = self._executing if self._queues is None else self._queues.executing
        return [entry[0] for entry in executing for _ in range(entry[4])]

    def waited_until(self, at_ns: int) -> int:
        """Return the waiting done up to `at_ns`, over all arrivals; it is not before the last change."""
        return self.wait_ns + self._waiting_count * at_ns - self._waiting_since_ns

    def queue_until(self, at_ns: int) -> int:
        """Return the time integral of how many wait up to `at_ns`; it is not before the last change."""
        return self._queue_ns + self._waiting_count * (at_ns - self._queued_at)
