"""The scheduler's queue, in three parts as kube-scheduler's (backend/queue/scheduling_queue.go).

*Active*: by priority, then by who came first. *Back-off*: those that failed and may try again once their
back-off is over; since Kubernetes 1.33 the next of them is taken early when nothing is active, unless it was
an error that sent it there. *Unschedulable*: until something happens that may help, or five minutes have
passed.
"""

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from typing import Any

from engine.core.causes import Cause
from simulator.agenda import Agenda
from simulator.attribution import Link, extend
from simulator.cluster.store import Key
from simulator.stations import Meter

# scheduler.go: podMaxInUnschedulablePodsDuration, looked at each 30 s (scheduling_queue.go Run).
LEFT_NS_MAX = 300_000_000_000
LEFT_PERIOD_NS = 30_000_000_000


class Waiting:
    """A pod that has no node yet."""

    __slots__ = (
        "attempts", "backoff_until", "in_backoff", "key", "left_at", "link", "order", "plugins", "priority",
    )  # fmt: skip

    def __init__(self, key: Key, priority: int, link: Link) -> None:
        """Begin to wait."""
        self.key = key
        self.priority = priority
        self.link = link
        self.attempts = 0
        self.backoff_until = 0
        self.in_backoff = False
        self.left_at = 0  # when it was set aside
        self.order = 0
        self.plugins: tuple[str, ...] = ()  # the filters that refused it


class Queue:
    """The three parts, and who waits in them."""

    def __init__(
        self,
        agenda: Agenda,
        meter: Meter,
        backoff_ns: tuple[int, int],
        begin: Callable[[], None],
        *,
        early: bool,
    ) -> None:
        """`begin` is called when there is something to take; `early` takes from the back-off part too."""
        self.pending: dict[Key, Waiting] = {}  # all of them
        self.unschedulable: dict[Key, Waiting] = {}
        self._agenda = agenda
        self._meter = meter
        self._backoff_ns, self._backoff_ns_max = backoff_ns
        self._begin = begin
        self._early = early
        self._active: list[tuple[int, int, Waiting]] = []
        self._backing_off: list[tuple[int, int, int, Waiting]] = []
        self._order = 0
        self._flushes_at = -1

    def add(self, waiting: Waiting) -> None:
        """Make a pod active."""
        self.pending[waiting.key] = waiting
        waiting.in_backoff = False
        self._meter.arrive(self._agenda.now)
        heappush(self._active, (-waiting.priority, self._order, waiting))
        self._order += 1
        self._begin()

    @property
    def is_ready(self) -> bool:
        """Whether there is a pod to take."""
        return bool(self._active) or (self._early and self._next_early() is not None)

    def take(self) -> Waiting:
        """Take the next pod, which there is."""
        if self._active:
            return heappop(self._active)[2]
        waiting = self._next_early()
        assert waiting is not None
        heappop(self._backing_off)
        waiting.in_backoff = False
        waiting.order = -1
        # It waited less than it was to: what is left of the wait is cut off.
        link = waiting.link
        if link[1] is Cause.SCHEDULING_BACKOFF and link[0] is not None:
            waiting.link = extend(link[0], Cause.SCHEDULING_BACKOFF, self._agenda.now)
        self._meter.arrive(self._agenda.now)
        return waiting

    def _next_early(self) -> Waiting | None:
        heap = self._backing_off
        while heap and not (heap[0][3].in_backoff and self.pending.get(heap[0][3].key) is heap[0][3]):
            heappop(heap)
        return heap[0][3] if heap else None

    def forget(self, key: Key) -> None:
        """A pod is gone, or has a node."""
        self.pending.pop(key, None)
        self.unschedulable.pop(key, None)

    def back_off(self, waiting: Waiting) -> None:
        """Let a pod that has failed wait from now on: a second after the first time, doubling."""
        backoff = min(self._backoff_ns << min(waiting.attempts - 1, 30), self._backoff_ns_max)
        waiting.backoff_until = self._agenda.now + backoff

    def set_aside(self, waiting: Waiting, plugins: tuple[str, ...]) -> None:
        """A pod fits nowhere: keep it until something may help."""
        self.back_off(waiting)
        waiting.plugins = plugins
        waiting.left_at = self._agenda.now
        self.pending[waiting.key] = self.unschedulable[waiting.key] = waiting
        self._plan_flush(self._agenda.now + LEFT_NS_MAX)

    def try_again(self, waiting: Waiting, link: Link, *, failed: bool = False) -> None:
        """Make a pod active because of what `link` led to, or once its back-off is over.

        One whose binding failed waits its back-off out in any case.
        """
        now = self._agenda.now
        self.pending[waiting.key] = waiting
        # Its own path, in case the path of what has changed began later than this pod began to wait.
        own = extend(waiting.link, Cause.SCHEDULING, now)
        waiting.link = (link, Cause.SCHEDULING, now, own)
        if waiting.backoff_until <= now:
            self.add(waiting)
            return
        until = waiting.backoff_until
        waiting.link = extend(waiting.link, Cause.SCHEDULING_BACKOFF, until)
        waiting.in_backoff = not failed
        if not failed:
            heappush(self._backing_off, (until, -waiting.priority, self._order, waiting))
        waiting.order = self._order
        self._order += 1
        self._agenda.after(until - now, partial(self._backoff_over, waiting, waiting.order))
        if self._early:
            self._begin()

    def _backoff_over(self, waiting: Waiting, order: int, _entry: Any) -> None:
        is_here = self.pending.get(waiting.key) is waiting and waiting.key not in self.unschedulable
        if is_here and waiting.order == order and waiting.backoff_until <= self._agenda.now:
            waiting.order = -1
            self.add(waiting)

    def move(self, helps: Callable[[Waiting], bool], link: Link) -> None:
        """Something has happened: let those try again whom it may help."""
        for waiting in list(self.unschedulable.values()):
            if helps(waiting):
                self.unschedulable.pop(waiting.key, None)
                self.try_again(waiting, link)

    def _plan_flush(self, at: int) -> None:
        at = -(-at // LEFT_PERIOD_NS) * LEFT_PERIOD_NS
        if self._flushes_at < self._agenda.now:
            self._flushes_at = at
            self._agenda.after(at - self._agenda.now, self._flush)

    def _flush(self, _entry: Any) -> None:
        now = self._agenda.now
        self._flushes_at = -1
        for waiting in list(self.unschedulable.values()):
            if now - waiting.left_at >= LEFT_NS_MAX:
                del self.unschedulable[waiting.key]
                self.try_again(waiting, extend(waiting.link, Cause.SCHEDULING, now))
        if self.unschedulable:
            self._plan_flush(min(one.left_at for one in self.unschedulable.values()) + LEFT_NS_MAX)
