"""Consistent lists served from the watch cache: a quiet kind waits for etcd's progress notification.

A list that asks for the newest state learns from etcd which revision that is, and waits until the cache of
its kind has come so far. Writes of other kinds raise the revision too: then nothing but a progress
notification tells the cache of a quiet kind that it has missed nothing. The API server asks etcd for one at
most every 100 ms while somebody waits (apiserver storage/cacher/progress/consistency, progressRequestPeriod),
so such a list takes a few milliseconds on an idle cluster, and about 100 ms if there was one just before.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from simulator.agenda import Agenda
from simulator.cluster.store import Store

PROGRESS_NS: Final = 3_000_000
"""From a request for progress to the cache that has been told: measured on an idle cluster."""

Fresh = Callable[[Any], None]


class ConsistentReads:
    """The waits of one API server; `period_ns` of zero reads from etcd, and waits for nothing."""

    def __init__(self, agenda: Agenda, store: Store, period_ns: int, round_trip_ns: int) -> None:
        """A notification takes `round_trip_ns` from the request to the cache."""
        self._agenda = agenda
        self._store = store
        self._period_ns = period_ns
        self._round_trip_ns = round_trip_ns
        self._asked_at = -period_ns
        self._told = 0  # the revision of the last notification
        self._waiting: list[Fresh] = []

    def wait(self, kind: str, fresh: Fresh) -> None:
        """Call `fresh` once the cache of `kind` is as new as the store is now."""
        if not self._period_ns or self._is_fresh(kind):
            fresh(None)
            return
        self._waiting.append(fresh)
        if len(self._waiting) == 1:
            now = self._agenda.now
            self._agenda.after(max(0, self._asked_at + self._period_ns - now), self._ask)

    def _is_fresh(self, kind: str) -> bool:
        objects = self._store.objects.get(kind, {}).values()
        newest = max((int(one["metadata"]["resourceVersion"]) for one in objects), default=0)
        return max(newest, self._told) >= self._store.version

    def _ask(self, _entry: Any) -> None:
        """Ask for a notification, which serves all who wait by now."""
        self._asked_at = self._agenda.now
        waiting, self._waiting = self._waiting, []
        self._agenda.after(self._round_trip_ns, partial(self._tell, waiting, self._store.version))

    def _tell(self, waiting: list[Fresh], version: int, _entry: Any) -> None:
        self._told = max(self._told, version)
        for fresh in waiting:
            fresh(None)
