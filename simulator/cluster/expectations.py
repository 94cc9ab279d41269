"""What a controller has asked for and not yet seen, where the watch may have passed over it.

A pod that was created and removed while the watch was broken is in neither the cache nor the relist, so its
coming is never told. As in Kubernetes, it is awaited for five minutes and no longer.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from engine.core.causes import Cause
from simulator.attribution import Link
from simulator.cluster.store import Key
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import WorkQueue

EXPIRE_NS: Final = 300_000_000_000  # k/k pkg/controller/controller_utils.go ExpectationsTimeout


class Expiry:
    """Names that were awaited when the watch was whole again, by key of their owner."""

    def __init__(
        self,
        watch: Watch,
        awaited: Callable[[], Mapping[Key, Collection[str]]],
        queue: Callable[[], WorkQueue],
    ) -> None:
        """Look at what is `awaited` after each relist, and let `queue` come back to it."""
        self.due: dict[Key, tuple[int, list[str]]] = {}
        self._awaited = awaited
        self._queue = queue
        watch.relisted.append(self._relisted)

    def _relisted(self, link: Link) -> None:
        queue = self._queue()
        for key, names in self._awaited().items():
            if names:
                self.due[key] = (queue.now + EXPIRE_NS, [*names])
                queue.add_after(EXPIRE_NS, key, link, Cause.WATCH_DELAY)

    def take(self, key: Key) -> list[str]:
        """Return the names that need not be awaited any longer."""
        due = self.due.get(key)
        if due is None or self._queue().now < due[0]:
            return []
        del self.due[key]
        return due[1]
