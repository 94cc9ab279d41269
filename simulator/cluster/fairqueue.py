"""Fair queuing for server requests, as the API server does it (apiserver/pkg/util/flowcontrol/fairqueuing).

A flow (one user under one flow schema) is dealt a hand of a level's queues by its hash, and each of its
requests joins the one with the least work. Queues are served by virtual time: each is charged an estimate for
what it begins, corrected when that is done, and the one whose next request would end first is next. So a flow
that asks for much delays itself. A full queue refuses, and so does one in which a request waited too long.

Virtual time is kept in integers: seat-nanoseconds over the least common multiple of all that it is ever
divided by, so it is exact.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from heapq import heapify, heappop, heappush
from math import lcm
from typing import Any, Final, Protocol

from simulator.agenda import Agenda
from simulator.cluster.flow import Flow
from simulator.cluster.seatdemand import Demand

Entry = tuple[int, int, Flow, int, int]
"""A request in its seats: (end, number, flow, begin, width)."""

_NEVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Queuing:
    """How a level queues; without queues it refuses what finds no seat."""

    queues: int
    hand_size: int
    queue_length: int
    wait_limit_ns: int
    estimate_ns: int
    unit: int = field(init=False)

    def __post_init__(self) -> None:
        """Find the unit of virtual time."""
        object.__setattr__(self, "unit", lcm(*range(1, max(1, self.queues) + 1)))


class Told(Protocol):
    """Who keeps the totals."""

    def note_waiting(self, now: int) -> None:
        """Count one in that waits."""

    def note_waited(self, now: int, since: int) -> None:
        """Count one out that has waited."""

    def note_begun(self, seat_ns: int) -> None:
        """Count what is served."""

    def note_refused(self, *, expired: bool) -> None:
        """Count one that was sent away."""


class _Request:
    """One that waits."""

    __slots__ = ("arrival_r", "arrived_ns", "begun", "flow", "number", "refused", "service_ns", "width")

    def __init__(
        self,
        at: tuple[int, int, int],
        service_ns: int,
        flow: Flow,
        width: int,
        begun: Callable[[int], None],
        refused: Callable[[], None],
    ) -> None:
        self.arrived_ns, self.arrival_r, self.number = at
        self.service_ns = service_ns
        self.flow = flow
        self.width = width
        self.begun = begun
        self.refused = refused


class _Queue:
    """One queue of a level."""

    __slots__ = ("executing_count", "next_r", "seats_in_use", "waiting", "width_waiting")

    def __init__(self) -> None:
        self.waiting: deque[_Request] = deque()
        self.width_waiting = 0
        self.executing_count = 0
        self.seats_in_use = 0
        self.next_r = 0  # the virtual time at which its next request is dispatched


class Queues:
    """The queues of a level that is or was full, until it is idle."""

    def __init__(
        self, agenda: Agenda, queuing: Queuing, seats: int, executing: list[Entry], told: Told
    ) -> None:
        """Begin at the present with what is executing, whose queues are charged as if it had just begun."""
        self.executing = executing
        self._agenda = agenda
        self._queuing = queuing
        self._seats = seats
        self._told = told
        self._estimate_r = queuing.estimate_ns * queuing.unit
        self._queues: dict[int, _Queue] = {}  # by number, as they are needed
        self._place: dict[int, _Queue] = {}  # of what is executing, by number of request
        self._waiting: dict[int, _Queue] = {}  # those that are not empty
        self._robin = 0
        self._r = 0
        self._at = agenda.now
        self._in_use = 0
        self._width_waiting = 0
        self._active_count = 0
        self._wakes_at = self._expires_at = _NEVER
        self._demand = Demand(agenda.now)
        heapify(self.executing)
        for _, number, flow, _, width in sorted(self.executing, key=_by_number):
            if queuing.queues:
                hand = flow.hand(queuing.queues, queuing.hand_size)
                self._robin = hand[(number - 1) % len(hand)]
                self._charge(self._queue(self._robin), number, width)
            else:
                self._in_use += width

    def arrive(
        self,
        now: int,
        number: int,
        service_ns: int,
        flow: Flow,
        width: int,
        begun: Callable[[int], None],
        refused: Callable[[], None],
    ) -> None:
        """Take a request in: begin it, let it wait, or refuse it."""
        self._advance(now)
        if not self._queuing.queues:
            self._begin_or_refuse(now, _Request((now, 0, number), service_ns, flow, width, begun, refused))
            return
        if self._expires_at <= now:
            self._send_away(now)
        index = self._shuffled(flow, number)
        queue = self._queue(index)
        if self._in_use >= self._seats and len(queue.waiting) >= self._queuing.queue_length:
            self._told.note_refused(expired=False)
            refused()
            self._rest(now)
            return
        if not queue.waiting and not queue.executing_count:
            queue.next_r = self._r
            self._active_count += 1
        queue.waiting.append(_Request((now, self._r, number), service_ns, flow, width, begun, refused))
        queue.width_waiting += width
        self._width_waiting += width
        self._waiting[index] = queue
        self._told.note_waiting(now)
        self._bound(queue)
        self._dispatch(now)
        self._rest(now)

    def resize(self, seats: int) -> None:
        """Have so many seats from now on."""
        now = self._agenda.now
        self._advance(now)
        self._seats = seats
        self._dispatch(now)
        self._rest(now)

    def demand(self, now: int) -> tuple[float, float, int]:
        """Return mean, deviation and maximum of the seats asked for since this was last asked."""
        self._advance(now)
        return self._demand.reset(now, self._in_use + self._width_waiting)

    def is_idle(self, now: int) -> bool:
        """Say whether nobody waits and nobody is served."""
        if self._waiting:
            return False
        self._advance(now)
        return not self.executing

    # Time.

    def _advance(self, now: int) -> None:
        """Come to the present: what has ended gives back its seats, which others take at that instant."""
        executing = self.executing
        while executing and executing[0][0] <= now:
            at = executing[0][0]
            self._sync(at)
            self._end(heappop(executing))
            self._dispatch(at)
        self._sync(now)

    def _sync(self, now: int) -> None:
        """Let virtual time pass at the rate at which each active queue is served."""
        elapsed = now - self._at
        if not elapsed:
            return
        self._demand.note(now, self._in_use + self._width_waiting)
        self._at = now
        if self._active_count:
            rate = min(self._in_use + self._width_waiting, self._seats)
            self._r += elapsed * rate * (self._queuing.unit // self._active_count)

    def _rest(self, now: int) -> None:
        """See to it that what comes next is not missed."""
        if not self._waiting:
            return
        if self.executing and self.executing[0][0] < self._wakes_at:
            self._wakes_at = at = self.executing[0][0]
            self._agenda.after(at - now, partial(self._wake, at))
        if self._expires_at == _NEVER:
            oldest = min(queue.waiting[0].arrived_ns for queue in self._waiting.values())
            self._expires_at = oldest + self._queuing.wait_limit_ns
            self._agenda.after(self._expires_at - now, self._expire)

    def _wake(self, at: int, _entry: Any) -> None:
        if self._wakes_at == at:
            self._wakes_at = _NEVER
            self._advance(at)
            self._rest(at)

    def _expire(self, _entry: Any) -> None:
        now = self._agenda.now
        if self._expires_at <= now:
            self._advance(now)
            self._send_away(now)
            self._rest(now)

    def _send_away(self, now: int) -> None:
        """Refuse what has waited too long."""
        self._expires_at = _NEVER
        for index in sorted(self._waiting):
            queue = self._waiting[index]
            while queue.waiting and queue.waiting[0].arrived_ns + self._queuing.wait_limit_ns <= now:
                request = self._take(index, queue)
                if not queue.waiting and not queue.executing_count:
                    self._active_count -= 1
                self._bound(queue)
                self._told.note_waited(now, request.arrived_ns)
                self._told.note_refused(expired=True)
                request.refused()
        self._dispatch(now)

    # Queues.

    def _queue(self, index: int) -> _Queue:
        queue = self._queues.get(index)
        if queue is None:
            queue = self._queues[index] = _Queue()
        return queue

    def _shuffled(self, flow: Flow, number: int) -> int:
        """Return the queue of the flow's hand with the least work waiting, looked at in rotation."""
        hand = flow.hand(self._queuing.queues, self._queuing.hand_size)
        offset = (number - 1) % len(hand)
        best, least = hand[offset], _NEVER
        for index in (*hand[offset:], *hand[:offset]):
            queue = self._queues.get(index)
            work = 0 if queue is None else queue.width_waiting
            if work < least:
                best, least = index, work
        return best

    def _take(self, index: int, queue: _Queue) -> _Request:
        request = queue.waiting.popleft()
        queue.width_waiting -= request.width
        self._width_waiting -= request.width
        if not queue.waiting:
            del self._waiting[index]
        return request

    def _bound(self, queue: _Queue) -> None:
        """Let no queue save up: a dispatch in virtual time does not precede the arrival."""
        if queue.waiting and queue.next_r < queue.waiting[0].arrival_r:
            queue.next_r = queue.waiting[0].arrival_r

    def _dispatch(self, now: int) -> None:
        """Begin what can begin."""
        while self._waiting and self._in_use < self._seats:
            index = self._next()
            queue = self._waiting[index]
            if not self._has_room(queue.waiting[0].width):
                return
            self._robin = index
            request = self._take(index, queue)
            queue.next_r += request.width * self._estimate_r
            self._bound(queue)
            self._seat(now, queue, request)

    def _next(self) -> int:
        """Return the queue whose next request ends first in virtual time; of equals the next in rotation."""
        estimate_r, count, first = self._estimate_r, self._queuing.queues, self._robin + 1
        best, least = -1, (0, 0)
        for index, queue in self._waiting.items():
            ends = (queue.next_r + queue.waiting[0].width * estimate_r, (index - first) % count)
            if best < 0 or ends < least:
                best, least = index, ends
        return best

    def _has_room(self, width: int) -> bool:
        if width > self._seats:
            return not self.executing
        return self._in_use + width <= self._seats

    # Seats.

    def _seat(self, now: int, queue: _Queue, request: _Request) -> None:
        self._place[request.number] = queue
        queue.executing_count += 1
        queue.seats_in_use += request.width
        self._in_use += request.width
        self._told.note_waited(now, request.arrived_ns)
        self._begin(now, request)

    def _begin(self, now: int, request: _Request) -> None:
        service_ns, width = request.service_ns, request.width
        heappush(self.executing, (now + service_ns, request.number, request.flow, now, width))
        self._told.note_begun(service_ns * width)
        request.begun(now)

    def _begin_or_refuse(self, now: int, request: _Request) -> None:
        """Without queues."""
        if self._has_room(request.width):
            self._in_use += request.width
            self._begin(now, request)
        else:
            self._told.note_refused(expired=False)
            request.refused()

    def _charge(self, queue: _Queue, number: int, width: int) -> None:
        """Put a request that found a free seat into its queue's account."""
        if not queue.executing_count:
            self._active_count += 1
        self._place[number] = queue
        queue.executing_count += 1
        queue.seats_in_use += width
        queue.next_r += width * self._estimate_r
        self._in_use += width

    def _end(self, entry: Entry) -> None:
        """Give back the seats, and charge what it took in place of the estimate."""
        end, number, _, begin, width = entry
        self._in_use -= width
        queue = self._place.pop(number, None)
        if queue is None:
            return  # of a level without queues
        queue.executing_count -= 1
        queue.seats_in_use -= width
        queue.next_r -= width * (self._estimate_r - (end - begin) * self._queuing.unit)
        self._bound(queue)
        if not queue.executing_count and not queue.waiting:
            self._active_count -= 1


def _by_number(entry: Entry) -> int:
    return entry[1]
