"""Limits as plain state: slots, and the queues for them. They know the time only as they are told it.

A queue is a heap by rank, then by order of arrival; an entry whose owner has meanwhile been stopped is
dropped when it surfaces.
"""

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")
Rank = tuple[int, ...]  # the smallest goes first; all of one queue are of one length


@dataclass(slots=True)
class StationTotals:
    """What a limit has seen so far: the fields of a sample row."""

    seats: int  # 0: unlimited
    arrivals_count: int = 0
    busy_ns: int = 0
    wait_ns: int = 0
    queue_length_max: int = 0


class Queue(Generic[T]):
    """Waiting owners by rank; those for whom `is_waiting` no longer holds are passed over."""

    __slots__ = ("_heap", "_is_waiting", "_pushed_count", "length", "length_max")

    def __init__(self, is_waiting: Callable[[T], bool]) -> None:
        """Start empty."""
        self._heap: list[tuple[Rank, int, T]] = []  # owners are never compared: the number is unique
        self._is_waiting = is_waiting
        self._pushed_count = 0
        self.length = 0  # how many wait
        self.length_max = 0

    def push(self, rank: Rank, owner: T) -> None:
        """Let `owner` wait."""
        self._pushed_count = number = self._pushed_count + 1
        heappush(self._heap, (rank, number, owner))
        self.length = length = self.length + 1
        if length > self.length_max:  # noqa: PLR1730 - max() would cost a call an event
            self.length_max = length

    def peek(self) -> T | None:
        """Return who is next, and leave them there; None where nobody waits."""
        heap = self._heap
        while heap:
            owner = heap[0][2]
            if self._is_waiting(owner):
                return owner
            heappop(heap)
        return None

    def pop(self) -> T | None:
        """Return who is next and no longer waits, or None."""
        heap = self._heap
        while heap:
            owner = heappop(heap)[2]
            if self._is_waiting(owner):
                self.length -= 1
                return owner
        assert self.length == 0, "somebody who stopped waiting has not left"
        return None

    def leave(self) -> None:
        """Note that one owner has stopped waiting by itself."""
        self.length -= 1


class Slots(Generic[T]):
    """A limit on how many owners are busy at once (None: no limit), and the queue for it."""

    __slots__ = ("_busy_count", "_capacity", "_changed_ns", "busy_count_max", "queue", "totals")

    def __init__(self, capacity: int | None, is_waiting: Callable[[T], bool]) -> None:
        """Start with all slots free."""
        self._capacity = capacity
        self._busy_count = 0
        self._changed_ns = 0
        self.busy_count_max = 0
        self.queue: Queue[T] = Queue(is_waiting)
        self.totals = StationTotals(seats=capacity or 0)

    @property
    def busy_count(self) -> int:
        """How many slots are taken."""
        return self._busy_count

    @property
    def is_free(self) -> bool:
        """Whether one more may start."""
        return self._capacity is None or self._busy_count < self._capacity

    def take(self, waited_ns: int, now: int) -> None:
        """Take a slot for somebody who has waited `waited_ns` for it."""
        totals = self.totals
        totals.arrivals_count += 1
        totals.wait_ns += waited_ns
        totals.busy_ns += (now - self._changed_ns) * self._busy_count
        self._changed_ns = now
        self._busy_count = busy_count = self._busy_count + 1
        if busy_count > self.busy_count_max:  # noqa: PLR1730 - as above
            self.busy_count_max = busy_count

    def release(self, now: int) -> None:
        """Give a slot back."""
        self.totals.busy_ns += (now - self._changed_ns) * self._busy_count
        self._changed_ns = now
        self._busy_count -= 1

    def totals_at(self, now: int) -> StationTotals:
        """Return the totals up to `now`."""
        totals = self.totals
        totals.busy_ns += (now - self._changed_ns) * self._busy_count
        self._changed_ns = now
        totals.queue_length_max = self.queue.length_max
        return totals
