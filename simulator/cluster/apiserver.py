"""The API server: seats per priority level, service times, and the clients that call it.

A call passes: the client's token bucket -> a seat of its priority level -> service (for a write, the etcd
commit included) -> the operation on the store. Seats are first-come first-served, so both waits are known
on arrival and a call costs one agenda entry (two if the bucket makes it wait).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from engine.core.causes import Cause
from engine.core.errors import ApiError
from simulator.agenda import Agenda
from simulator.attribution import Link
from simulator.stations import Seats, TokenBucket
from simulator.streams import Sampler, Stream, entity

# Bound once: looking a member up on an enum class costs more than all else that is done to a link.
_API_QUEUE: Final = Cause.API_QUEUE
_API_SERVICE: Final = Cause.API_SERVICE

Operation = Callable[[Link], Any]
"""What a call does to the store at its commit; raises an `ApiError` to refuse."""


def _nobody(_call: "Call") -> None:
    """Nobody waits for this call."""


class Call:
    """One request; `done` is called with it once `value` or `error` is known, and `link` ends then."""

    __slots__ = ("_level", "_operation", "_service_ns", "done", "error", "link", "value")

    def __init__(self, level: "Level", operation: Operation, service_ns: int, link: Link) -> None:
        """Describe a request; `Client` sends it."""
        self._level = level
        self._operation = operation
        self._service_ns = service_ns
        self.link = link
        self.done: Callable[[Call], None] = _nobody
        self.value: Any = None
        self.error: ApiError | None = None

    def arrive(self, _event: Any = None) -> None:
        """Reach the server: take a seat, be served."""
        level = self._level
        now = level.agenda.now
        service_ns = self._service_ns
        begin = level.seats.reserve(now, service_ns)
        if begin > now:
            self.link = (self.link, _API_QUEUE, begin, None)
        end = begin + service_ns
        self.link = (self.link, _API_SERVICE, end, None)
        level.agenda.after(end - now, self._finish)

    def _finish(self, _event: Any) -> None:
        try:
            self.value = self._operation(self.link)
        except ApiError as error:
            self.error = error
        self.done(self)


class Level:
    """One priority level of the API server."""

    __slots__ = ("agenda", "seats")

    def __init__(self, agenda: Agenda, name: str, seats: int) -> None:
        """Give the level its seats."""
        self.agenda = agenda
        self.seats = Seats(f"api.{name}", seats)


class ServiceTimes:
    """How long the server works on a request, keyed by who asks for what."""

    __slots__ = ("_per_object_ns", "_read", "write")

    def __init__(self, stream: Stream, read: Sampler, write: Sampler, per_object_ns: int) -> None:
        """Use one distribution for reads, one for writes, and a constant per object listed."""
        self._read = stream.sampled(read)
        self._per_object_ns = per_object_ns
        self.write = stream.sampled(write)
        """Of a write, its etcd commit included, by its key."""

    def read(self, key: int, objects: int = 0) -> int:
        """Return the service time of a read that lists `objects` objects."""
        return self._read(key) + objects * self._per_object_ns


class Client:
    """One user of the API server, with its own token bucket and priority level."""

    __slots__ = ("_agenda", "_level", "_repeats", "_throttle", "bucket", "times")

    def __init__(self, level: Level, times: ServiceTimes, bucket: TokenBucket, throttle: Cause) -> None:
        """Charge the bucket's waits to `throttle`."""
        self._agenda = level.agenda
        self._level = level
        self._throttle = throttle
        self._repeats: dict[str, int] = {}
        self.bucket = bucket
        self.times = times

    @property
    def requests_count(self) -> int:
        """Requests made so far."""
        return self.bucket.arrivals_count

    def repeated(self, name: str) -> int:
        """Return the key of the next of many requests about one thing, such as the status of an object."""
        ordinal = self._repeats[name] = self._repeats.get(name, 0) + 1
        return entity(name) + ordinal

    def read(self, operation: Operation, key: int, link: Link, objects: int = 0) -> Call:
        """Send a read; `key` identifies the request for its service time."""
        return self._send(operation, self.times.read(key, objects), link)

    def write(self, operation: Operation, key: int, link: Link) -> Call:
        """Send a write."""
        return self._send(operation, self.times.write(key), link)

    def unattended(self, key: int, served: Callable[[int], None], *, writes: bool = True) -> None:
        """Send a request that changes nothing the model reads.

        `served` is told the instant of its end once the server has it. Nobody acts on the answer, so it costs
        no agenda entry, unless the bucket makes it wait.
        """
        now = self._agenda.now
        service_ns = self.times.write(key) if writes else self.times.read(key)
        start = self.bucket.reserve(now)
        if start > now:
            self._agenda.after(start - now, partial(self._serve, service_ns, served))
        else:
            served(self._level.seats.reserve(now, service_ns) + service_ns)

    def _serve(self, service_ns: int, served: Callable[[int], None], _entry: Any) -> None:
        served(self._level.seats.reserve(self._agenda.now, service_ns) + service_ns)

    def _send(self, operation: Operation, service_ns: int, link: Link) -> Call:
        call = Call(self._level, operation, service_ns, link)
        now = self._agenda.now
        start = self.bucket.reserve(now)
        if start > now:
            call.link = (call.link, self._throttle, start, None)
            self._agenda.after(start - now, call.arrive)
        else:
            call.arrive()
        return call
