"""First-come stations whose waits are known at arrival: seats and token buckets.

Both answer at arrival when service (or the token) will be had, so that a visit costs one agenda entry. They
keep the totals from which utilisation, waits and Little's law are reported.
"""

from collections import deque
from heapq import heapreplace
from typing import Protocol


class Line:
    """Who waits at a first-come station: the instants at which they will be served, in order.

    The integral of its length over time is counted as it grows and shrinks, apart from the waits, so that
    Little's law says something.
    """

    __slots__ = ("_at", "_integral_ns", "_starts")

    def __init__(self) -> None:
        """Start empty at time 0."""
        self._starts: deque[int] = deque()
        self._at = 0
        self._integral_ns = 0

    def join(self, now: int, start: int) -> int:
        """Let one wait from now until `start`; return how many wait."""
        starts, at = self._starts, self._at
        integral = 0
        while starts and starts[0] <= now:
            integral += len(starts) * (starts[0] - at)
            at = starts.popleft()
        self._integral_ns += integral + len(starts) * (now - at)
        self._at = now
        starts.append(start)
        return len(starts)

    def clear(self, now: int) -> None:
        """Send all away."""
        self._integral_ns = self.integral_until(now)
        self._at = now
        self._starts.clear()

    def ahead_of(self, at_ns: int) -> int:
        """Return the waiting that is still to be done after an instant."""
        return sum(start - at_ns for start in self._starts if start > at_ns)

    def integral_until(self, at_ns: int) -> int:
        """Return the time integral of the length up to an instant, which is not before the last change."""
        integral, at, length = self._integral_ns, self._at, len(self._starts)
        for start in self._starts:
            if start > at_ns:
                break
            integral += length * (start - at)
            at, length = start, length - 1
        return integral + length * (at_ns - at)


class Seats:
    """A first-come first-served station of `seats` equal servers (zero: unlimited)."""

    __slots__ = (
        "_free_at",
        "_queue",
        "arrivals_count",
        "busy_ns",
        "name",
        "queue_length_max",
        "seats",
        "wait_ns",
    )

    def __init__(self, name: str, seats: int) -> None:
        """Start with all seats free at time 0."""
        self.name = name
        self.seats = seats
        self._free_at = [0] * seats
        self._queue = Line()
        self.arrivals_count = 0
        self.busy_ns = 0
        self.wait_ns = 0
        self.queue_length_max = 0

    def reserve(self, now: int, service_ns: int) -> int:
        """Take the next free seat for `service_ns`; return when service begins (>= now)."""
        self.arrivals_count += 1
        self.busy_ns += service_ns
        if not self.seats:
            return now
        free_at = self._free_at
        start = free_at[0]
        if start <= now:
            heapreplace(free_at, now + service_ns)
            return now
        heapreplace(free_at, start + service_ns)
        self._wait(now, start)
        return start

    def vacate(self, now: int) -> None:
        """Free all seats: whoever held or awaited one has gone down with its machine."""
        self.busy_ns = self.busy_until(now)
        self.wait_ns = self.waited_until(now)
        self._free_at = [min(free_at, now) for free_at in self._free_at]
        self._queue.clear(now)

    def _wait(self, now: int, start: int) -> None:
        self.wait_ns += start - now
        self.queue_length_max = max(self.queue_length_max, self._queue.join(now, start))

    def busy_until(self, at_ns: int) -> int:
        """Return the service given up to `at_ns`, over all seats; later reservations do not count."""
        return self.busy_ns - sum(free_at - at_ns for free_at in self._free_at if free_at > at_ns)

    def waited_until(self, at_ns: int) -> int:
        """Return the waiting done up to `at_ns`, over all arrivals."""
        return self.wait_ns - self._queue.ahead_of(at_ns)

    def queue_until(self, at_ns: int) -> int:
        """Return the time integral of the queue length up to `at_ns`."""
        return self._queue.integral_until(at_ns)


class TokenBucket:
    """client-go's limiter: `burst` tokens at the start, `qps` more a second; callers reserve, then wait.

    Exact in integers: the bucket is kept as the instant at which it would be full (the theoretical arrival
    time of the generic cell rate algorithm, ITU-T I.371), in units of 1/qps.
    """

    __slots__ = (
        "_full_at", "_interval", "_queue", "_slack", "arrivals_count", "busy_ns", "name", "queue_length_max",
        "seats", "wait_ns",
    )  # fmt: skip

    def __init__(self, name: str, qps: float | None, burst: int) -> None:
        """Give `qps` None for no limit; `burst` is at least 1."""
        self.name = name
        self.seats = 0 if qps is None else 1
        self._interval = 0 if qps is None else round(1e9 / qps)
        self._slack = self._interval * (burst - 1)
        self._full_at = 0
        self._queue = Line()
        self.arrivals_count = 0
        self.busy_ns = 0
        self.wait_ns = 0
        self.queue_length_max = 0

    def reserve(self, now: int) -> int:
        """Take one token; return when it is had (>= now)."""
        self.arrivals_count += 1
        interval = self._interval
        if not interval:
            return now
        full_at = self._full_at
        full_at = full_at if full_at > now else now  # noqa: FURB136 - max() would cost a call
        self._full_at = full_at + interval
        self.busy_ns += interval
        start = full_at - self._slack
        if start <= now:
            return now
        self.wait_ns += start - now
        self.queue_length_max = max(self.queue_length_max, self._queue.join(now, start))
        return start

    def busy_until(self, at_ns: int) -> int:
        """Return for how long the bucket was refilling up to `at_ns`: its use as a server of tokens."""
        return self.busy_ns - max(0, self._full_at - at_ns)

    def waited_until(self, at_ns: int) -> int:
        """Return the waiting done up to `at_ns`, over all calls."""
        return self.wait_ns - self._queue.ahead_of(at_ns)

    def queue_until(self, at_ns: int) -> int:
        """Return the time integral of the queue length up to `at_ns`."""
        return self._queue.integral_until(at_ns)


class Meter:
    """The totals of a queue whose waits are not known at arrival, such as a controller's work queue."""

    __slots__ = (
        "_at",
        "_queue_ns",
        "_serving",
        "_stamps_ns",
        "_waiting",
        "arrivals_count",
        "busy_ns",
        "name",
        "queue_length_max",
        "seats",
    )

    def __init__(self, name: str, seats: int) -> None:
        """Start empty; `seats` is how many are served at once (zero: unlimited)."""
        self.name = name
        self.seats = seats
        self.arrivals_count = 0
        self.busy_ns = 0
        self.queue_length_max = 0
        self._at = 0
        self._serving = 0
        self._waiting = 0
        self._queue_ns = 0
        self._stamps_ns = 0  # the instants at which service began, less those of arrival

    def _advance(self, now: int) -> None:
        elapsed = now - self._at
        self.busy_ns += self._serving * elapsed
        self._queue_ns += self._waiting * elapsed
        self._at = now

    def arrive(self, now: int) -> None:
        """Count one in."""
        if now != self._at:
            self._advance(now)
        self.arrivals_count += 1
        self._stamps_ns -= now
        self._waiting = waiting = self._waiting + 1
        if waiting > self.queue_length_max:  # noqa: PLR1730 - max() would cost a call
            self.queue_length_max = waiting

    def begin(self, now: int) -> None:
        """Count one from waiting to being served."""
        if now != self._at:
            self._advance(now)
        self._stamps_ns += now
        self._waiting -= 1
        self._serving += 1

    def end(self, now: int) -> None:
        """Count one out."""
        if now != self._at:
            self._advance(now)
        self._serving -= 1

    def busy_until(self, at_ns: int) -> int:
        """Return the service given up to `at_ns`, which is not before the last change."""
        return self.busy_ns + self._serving * (at_ns - self._at)

    def waited_until(self, at_ns: int) -> int:
        """Return the waiting done up to `at_ns`, which is not before the last change: from the instants."""
        return self._stamps_ns + self._waiting * at_ns

    def queue_until(self, at_ns: int) -> int:
        """Return the time integral of the queue length up to `at_ns`: from the lengths."""
        return self._queue_ns + self._waiting * (at_ns - self._at)


class Station(Protocol):
    """What reports ask of any station."""

    name: str
    arrivals_count: int
    busy_ns: int
    queue_length_max: int

    @property
    def seats(self) -> int:
        """How many are served at once (zero: unlimited)."""

    def busy_until(self, at_ns: int) -> int:
        """Return the service given up to an instant."""

    def waited_until(self, at_ns: int) -> int:
        """Return the waiting done up to an instant."""

    def queue_until(self, at_ns: int) -> int:
        """Return the time integral of the queue length up to an instant, counted apart from the waits."""
