"""Cluster events (the Kubernetes kind) as load: who writes how many when. Nothing in the model reads them.

A component hands its events to a broadcaster (client-go tools/record), which drops what is too much about
one object and writes the rest one after the other, beside the component's own work. An event counts at the
API server as any write does (token, seat, service time), but is kept by nobody: a real cluster forgets it
after an hour.
"""

from collections import deque
from typing import Any, Final

from simulator.agenda import Agenda
from simulator.cluster.apiserver import Client
from simulator.cluster.store import Key

OBJECTS_MAX: Final = 4096  # events_cache.go maxLruCacheEntries
QUEUED_MAX: Final = 1000  # event.go maxQueuedEvents
_UNKNOWN: Final = 1 << 62


class EventRecorder:
    """The broadcaster of one component."""

    __slots__ = (
        "_agenda", "_client", "_free_at", "_full_at", "_queue", "_refill_ns", "_slack_ns", "dropped_count",
        "filtered_count", "written_count",
    )  # fmt: skip

    def __init__(self, agenda: Agenda, client: Client, burst: int = 1, refill_ns: int = 0) -> None:
        """Let `burst` events about one object pass, then one each `refill_ns`; without, let all pass."""
        self._agenda = agenda
        self._client = client
        self._refill_ns = refill_ns
        self._slack_ns = refill_ns * (burst - 1)
        self._full_at: dict[Key, int] = {}  # when an object's bucket is full again, least lately asked first
        self._queue: deque[int] = deque()
        self._free_at = 0
        self.written_count = 0
        self.filtered_count = 0
        self.dropped_count = 0

    def record(self, about: Key, key: int) -> None:
        """Write an event about an object; `key` identifies it for its service time."""
        now = self._agenda.now
        if self._refill_ns and not self._passes(about, now):
            self.filtered_count += 1
        elif not self._queue and self._free_at <= now:
            self._send(key)
        elif len(self._queue) < QUEUED_MAX:
            self._queue.append(key)
            if len(self._queue) == 1 and self._free_at != _UNKNOWN:
                self._agenda.after(self._free_at - now, self._next)
        else:
            self.dropped_count += 1

    def _passes(self, about: Key, now: int) -> bool:
        """Take a token of the object's bucket, if there is one (as `TokenBucket`, but nobody waits)."""
        buckets = self._full_at
        full_at = max(buckets.pop(about, 0), now)
        passes = full_at - self._slack_ns <= now
        buckets[about] = full_at + self._refill_ns if passes else full_at
        if len(buckets) > OBJECTS_MAX:
            del buckets[next(iter(buckets))]
        return passes

    def _send(self, key: int) -> None:
        self._free_at = _UNKNOWN
        self._client.unattended(key, self._served)

    def _served(self, end_ns: int) -> None:
        self.written_count += 1
        self._free_at = end_ns
        if self._queue:
            self._agenda.after(end_ns - self._agenda.now, self._next)

    def _next(self, _entry: Any) -> None:
        self._send(self._queue.popleft())
