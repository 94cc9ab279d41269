"""etcd's log: commits in groups.

A write is durable once the write-ahead log is synced. One sync is under way at a time; what is proposed
meanwhile goes into the next one together (etcd's raft loop), so the latency of a commit grows with the load
from one sync to at most two, and the rate of commits has no ceiling but that of the processor. The size of
the database is not reckoned: that it is full is a fault that a scenario declares.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from simulator.agenda import Agenda
from simulator.streams import Sampler, Stream

SPACE_EXCEEDED: Final = "etcdserver: mvcc: database space exceeded"


class Etcd:
    """One member's log."""

    def __init__(self, agenda: Agenda, fsync: Sampler, stream: Stream) -> None:
        """Draw the time of each sync of the log from `stream`."""
        self.slowness = 1.0
        """Factor on the time of every sync."""
        self.commits_count = 0
        self.syncs_count = 0
        self._agenda = agenda
        self._fsync = fsync
        self._stream = stream
        self._next: list[Callable[[Any], None]] = []
        self._syncing = False

    def commit(self, done: Callable[[Any], None]) -> None:
        """Propose a write; `done` is called once it is durable."""
        self.commits_count += 1
        self._next.append(done)
        if not self._syncing:
            self._sync()

    def _sync(self) -> None:
        batch, self._next = self._next, []
        self._syncing = True
        self.syncs_count += 1
        duration = round(self._fsync(self._stream.uniform(self.syncs_count)) * self.slowness)
        self._agenda.after(duration, partial(self._synced, batch))

    def _synced(self, batch: list[Callable[[Any], None]], _entry: Any) -> None:
        self._syncing = False
        if self._next:
            self._sync()
        for done in batch:
            done(None)
