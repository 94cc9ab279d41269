"""The API server: seats per priority level, service times, and the clients that call it.

A call passes: the client's token bucket -> a seat of its priority level -> service (for a write, the etcd
commit included) -> the operation on the store. While a seat is free both waits are known on arrival, and a
call costs one agenda entry (two if the bucket makes it wait); a level that is full queues its requests and
refuses what is too much (429), which client-go makes again after what the server asks for.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from engine.core.causes import Cause
from engine.core.errors import ActionError, TooManyRequests
from simulator.agenda import Agenda
from simulator.attribution import Link
from simulator.cluster.fairqueue import Queuing
from simulator.cluster.fairseats import FairSeats, FirstCome
from simulator.cluster.flow import Flow
from simulator.cluster.injection import GET, LIST, UPDATE, Dice, Injection, Trouble, What, busy
from simulator.cluster.service import ServiceTimes
from simulator.stations import TokenBucket
from simulator.streams import Stream, entity

# Bound once: looking a member up on an enum class costs more than all else that is done to a link.
_API_QUEUE: Final = Cause.API_QUEUE
_API_SERVICE: Final = Cause.API_SERVICE

RETRIES_MAX: Final = 10  # client-go rest/request.go
NOWHERE: Final = Stream(0)  # for a server that nothing is injected into

Operation = Callable[[Link], Any]
"""What a call does to the store at its commit; raises an `ApiError` to refuse."""


def _nobody(_call: "Call") -> None:
    """Nobody waits for this call."""


class Refused(Exception):
    """A request that a story cannot go on without has failed."""

    def __init__(self, error: ActionError, link: Link) -> None:
        """`link` ends when that was known."""
        super().__init__(str(error))
        self.error = error
        self.link = link


class Call:
    """One request; `done` is called with it once `value` or `error` is known, and `link` ends then."""

    __slots__ = (
        "_client", "_retries_left", "done", "error", "link", "operation", "service_ns", "value",
    )  # fmt: skip
    _retries_left: int  # once it has been refused

    width: int = 1  # the seats that it takes

    def __init__(self, client: "Client", operation: Operation, service_ns: int, link: Link) -> None:
        """Describe a request; `Client` sends it."""
        self._client = client
        self.operation = operation
        self.service_ns = service_ns
        self.link = link
        self.done: Callable[[Call], None] = _nobody
        self.value: Any = None
        self.error: ActionError | None = None

    def check(self) -> None:
        """Raise `Refused` if the request has failed."""
        if self.error is not None:
            raise Refused(self.error, self.link)

    def arrive(self, _event: Any = None) -> None:
        """Reach the server: take a seat, or wait for one."""
        client = self._client
        level = client.level
        now = level.agenda.now
        service_ns = self.service_ns
        begin = level.seats.reserve(now, service_ns, client.flow, self.width)
        if begin < now:
            level.enter(service_ns, client.flow, self.width, self._begun, self._turned_away)
            return
        if begin > now:
            self.link = (self.link, _API_QUEUE, begin, None)
        end = begin + service_ns
        self.link = (self.link, _API_SERVICE, end, None)
        level.agenda.after(end - now, self._finish)

    def _begun(self, now: int) -> None:
        """Be served after a wait in a queue."""
        if now > self.link[2]:
            self.link = (self.link, _API_QUEUE, now, None)
        self.link = (self.link, _API_SERVICE, now + self.service_ns, None)
        self._client.level.agenda.after(self.service_ns, self._finish)

    def _turned_away(self, _entry: Any) -> None:
        """Be refused by flow control, at once or after a wait."""
        now = self._client.level.agenda.now
        if now > self.link[2]:
            self.link = (self.link, _API_QUEUE, now, None)
        self._failed(busy(self._client.level.retry_after_ns))

    def _finish(self, _event: Any) -> None:
        try:
            self.value = self.operation(self.link)
        except ActionError as error:
            self._failed(error)
        else:
            self.done(self)

    def _failed(self, error: ActionError) -> None:
        if isinstance(error, TooManyRequests) and error.retry_after_ns and self._client.retries_max:
            self._refused(error)
        else:
            self.error = error
            self.done(self)

    def _refused(self, error: TooManyRequests) -> None:
        """Make the request again after what the server asks for, as client-go does, so often and no more."""
        try:
            left = self._retries_left
        except AttributeError:
            left = self._client.retries_max
        self._retries_left = left - 1
        agenda = self._client.level.agenda
        if not left:
            self.error = error
            self.done(self)
            return
        self.link = (self.link, _API_QUEUE, agenda.now + error.retry_after_ns, None)
        agenda.after(error.retry_after_ns, self._again)

    def _again(self, _entry: Any) -> None:
        self._client.send_again(self)


class WideCall(Call):
    """A request that takes more than one seat: a list of many objects."""

    __slots__ = ("width",)


class Level:
    """One priority level of the API server; without `queuing` its seats are first come, first served."""

    __slots__ = ("_width_max", "agenda", "objects_per_seat", "retry_after_ns", "seats")

    def __init__(
        self,
        agenda: Agenda,
        name: str,
        seats: int,
        queuing: Queuing | None = None,
        retry_after_ns: int = 0,
        width: tuple[int, int] = (1 << 62, 1),
    ) -> None:
        """Give the level its seats; `width`: how many objects listed take one, and how many at most."""
        self.agenda = agenda
        self.seats: FirstCome | FairSeats = (
            FirstCome(f"api.{name}", seats)
            if queuing is None
            else FairSeats(agenda, f"api.{name}", seats, queuing)
        )
        self.retry_after_ns = retry_after_ns
        self.objects_per_seat, self._width_max = width

    def width(self, objects: int) -> int:
        """Return the seats that a list of so many objects takes (request/list_work_estimator.go)."""
        return max(1, min(self._width_max, -(-objects // self.objects_per_seat)))

    def enter(
        self,
        service_ns: int,
        flow: Flow,
        width: int,
        begun: Callable[[int], None],
        turned_away: Callable[[Any], None],
    ) -> None:
        """Wait for a seat where none was free; who is refused is told by an entry of its own."""
        assert isinstance(self.seats, FairSeats)
        agenda = self.agenda
        self.seats.enter(agenda.now, service_ns, flow, width, begun, lambda: agenda.after(0, turned_away))


class ApiServer:
    """What all clients of one API server share."""

    __slots__ = ("_dice", "injections")

    def __init__(self, dice: Dice) -> None:
        """Start in good health."""
        self.injections: list[Injection] = []
        """What goes wrong with requests, asked in this order until one fails; empty: nothing is asked."""
        self._dice = dice

    def trouble(self, client: str, trouble: Trouble) -> tuple[Operation, int]:
        """Return what becomes of a request and how long it is served, while there are injections."""
        for injection in self.injections:
            if not injection.concerns(client, trouble.what):
                continue
            hits, toss = self._dice.throw(trouble.key)
            if hits < injection.probability and trouble.hit(injection, toss):
                break
        return trouble, trouble.service_ns


class Client:
    """One user of the API server, with its own token bucket and priority level."""

    __slots__ = (
        "_agenda",
        "_repeats",
        "_server",
        "_throttle",
        "bucket",
        "flow",
        "level",
        "retries_max",
        "times",
    )

    def __init__(
        self,
        level: Level,
        times: ServiceTimes,
        bucket: TokenBucket,
        throttle: Cause,
        server: ApiServer | None = None,
        flow: Flow | None = None,
    ) -> None:
        """Charge the bucket's waits to `throttle`."""
        self._agenda = level.agenda
        self._throttle = throttle
        self._repeats: dict[str, int] = {}
        self._server = server or ApiServer(Dice(NOWHERE))
        self.flow = flow or Flow("", bucket.name)
        self.level = level
        self.bucket = bucket
        self.times = times
        self.retries_max = RETRIES_MAX
        """How often a request refused with a time to retry after is made again before its sender is told."""

    @property
    def name(self) -> str:
        """Who it is, such as `scheduler` or `kubelet.worker-1`."""
        return self.bucket.name.removeprefix("client.")

    @property
    def requests_count(self) -> int:
        """Requests made so far."""
        return self.bucket.arrivals_count

    def repeated(self, name: str) -> int:
        """Return the key of the next of many requests about one thing, such as the status of an object."""
        ordinal = self._repeats[name] = self._repeats.get(name, 0) + 1
        return entity(name) + ordinal

    def read(
        self, operation: Operation, key: int, link: Link, objects: int = 0, what: What | None = None
    ) -> Call:
        """Send a read; `key` identifies the request for its service time."""
        service_ns = self.times.read(key, objects)
        if self._server.injections:
            trouble = Trouble(operation, service_ns, key, what or (LIST if objects else GET))
            operation, service_ns = self._server.trouble(self.name, trouble)
        if objects > self.level.objects_per_seat:
            call = WideCall(self, operation, service_ns, link)
            call.width = self.level.width(objects)
            return self._take(call)
        return self._take(Call(self, operation, service_ns, link))

    def write(self, operation: Operation, key: int, link: Link, what: What = UPDATE) -> Call:
        """Send a write."""
        service_ns = self.times.write(key)
        if self._server.injections:
            trouble = Trouble(operation, service_ns, key, what)
            operation, service_ns = self._server.trouble(self.name, trouble)
        return self._take(Call(self, operation, service_ns, link))

    def unattended(self, key: int, served: Callable[[int], None], *, writes: bool = True) -> None:
        """Send a request that changes nothing the model reads.

        `served` is told the instant of its end once the server has it. Nobody acts on the answer, so it costs
        no agenda entry, unless the bucket makes it wait.
        """
        now = self._agenda.now
        service_ns = self.times.write(key) if writes else self.times.read(key)
        start = self.bucket.reserve(now)
        if start > now:
            self._agenda.after(start - now, partial(self._serve, service_ns, served, self.retries_max))
            return
        begin = self.level.seats.reserve(now, service_ns, self.flow)
        if begin < now:
            self._enter(service_ns, served, self.retries_max)
        else:
            served(begin + service_ns)

    def _serve(
        self, service_ns: int, served: Callable[[int], None], retries_left: int, _entry: Any = None
    ) -> None:
        begin = self.level.seats.reserve(self._agenda.now, service_ns, self.flow)
        if begin >= 0:
            served(begin + service_ns)
        else:
            self._enter(service_ns, served, retries_left)

    def _enter(self, service_ns: int, served: Callable[[int], None], retries_left: int) -> None:
        self.level.enter(
            service_ns,
            self.flow,
            1,
            lambda now: served(now + service_ns),
            partial(self._refused, service_ns, served, retries_left),
        )

    def _refused(
        self, service_ns: int, served: Callable[[int], None], retries_left: int, _entry: Any
    ) -> None:
        """Try again what flow control refused, if it is not to be given up."""
        if retries_left:
            wait_ns = self.level.retry_after_ns
            self._agenda.after(wait_ns, partial(self._again, service_ns, served, retries_left - 1))
        else:
            served(self._agenda.now)

    def _again(self, service_ns: int, served: Callable[[int], None], retries_left: int, _entry: Any) -> None:
        now = self._agenda.now
        start = self.bucket.reserve(now)
        self._agenda.after(start - now, partial(self._serve, service_ns, served, retries_left))

    def _take(self, call: Call) -> Call:
        """Take a token for a call, and let it reach the server then."""
        now = self._agenda.now
        start = self.bucket.reserve(now)
        if start > now:
            call.link = (call.link, self._throttle, start, None)
            self._agenda.after(start - now, call.arrive)
        else:
            call.arrive()
        return call

    def send_again(self, call: Call) -> None:
        """Take a token for a call that was refused, and let it reach the server once more."""
        if isinstance(call.operation, Trouble):
            trouble = call.operation.renewed()
            call.operation, call.service_ns = self._server.trouble(self.name, trouble)
        self._take(call)
