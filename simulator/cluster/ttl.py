"""The TTL-after-finished controller: finished Jobs are deleted `ttlSecondsAfterFinished` after their end.

It reads the Job afresh and deletes it, its pods first, as pkg/controller/ttlafterfinished does.
"""

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from simulator.attribution import Link
from simulator.cluster.apiserver import Client
from simulator.cluster.deleting import delete_if_there
from simulator.cluster.instants import seconds_of, until
from simulator.cluster.jobspec import finished_at, is_finished
from simulator.cluster.objects import key_of
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import WorkQueue
from simulator.tasks import Waitable


class TtlController:
    """Removes what has been finished for long enough."""

    def __init__(self, store: Store, watch: Watch, client: Client, timestamp: Callable[[], str]) -> None:
        """Follow Jobs."""
        self.queue: WorkQueue
        self._store = store
        self._watch = watch
        self._client = client
        self._timestamp = timestamp
        watch.subscribe(("Job",), self._changed)

    def load(self, link: Link) -> None:
        """Look at the Jobs that were finished before time 0."""
        for job in self._watch.cache.get("Job", {}).values():
            self._changed(None, job, link)

    def _changed(self, _before: Resource | None, after: Resource | None, link: Link) -> None:
        if after is not None and "ttlSecondsAfterFinished" in after["spec"] and is_finished(after):
            self.queue.add(key_of(after), link)

    def sync(self, key: Key, link: Link) -> Generator[int | Waitable, Any, bool]:
        """Delete a Job whose time has come, or come back when it has."""
        job = self._watch.cache.get("Job", {}).get(key)
        ttl_s = None if job is None else job["spec"].get("ttlSecondsAfterFinished")
        if job is None or ttl_s is None or not is_finished(job):
            return False
        now = self.queue.now
        left = until(seconds_of(finished_at(job)) + ttl_s, self._timestamp(), now)
        if left > 0:
            self.queue.add_after(left, key, link, Cause.SIGNAL)
            return False
        ref = Ref("Job", key[1], key[0])
        call = self._client.read(
            _nothing, self._client.repeated(f"ttl/{key[0]}/{key[1]}"), link, what=("get", "Job")
        )
        yield call
        call.check()
        uid = job["metadata"]["uid"]
        call = self._client.write(
            partial(delete_if_there, self._store, ref, uid, propagation="Foreground"),
            self._client.repeated(f"ttl/{key[0]}/{key[1]}"),
            call.link,
            ("delete", "Job"),
        )
        yield call
        call.check()
        return False


def _nothing(_link: Link) -> None:
    """Read: what matters is in the cache already."""
