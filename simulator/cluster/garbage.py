"""The garbage collector: what a deleted owner leaves behind is deleted too, in the background.

Background propagation is what kubectl asks for by default; foreground and orphan are not modelled.
"""

from collections.abc import Generator
from functools import partial
from typing import Any

from engine.core.effects import Ref, Resource
from engine.core.errors import ApiError
from simulator.attribution import Link
from simulator.cluster.apiserver import Client
from simulator.cluster.objects import is_terminating, key_of
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import WorkQueue
from simulator.tasks import Waitable

_DEPENDENTS = {
    "Deployment": "ReplicaSet",
    "ReplicaSet": "Pod",
    "StatefulSet": "Pod",
    "DaemonSet": "Pod",
    "Job": "Pod",
}


class GarbageCollector:
    """Deletes what belongs to an owner that is gone."""

    def __init__(self, store: Store, watch: Watch, client: Client) -> None:
        """Follow the kinds that own others. Keys of the queue are (kind, uid of the owner)."""
        self.queue: WorkQueue
        self._store = store
        self._watch = watch
        self._client = client
        for kind in _DEPENDENTS:
            watch.subscribe((kind,), partial(self._changed, kind))

    def _changed(self, kind: str, before: Resource | None, after: Resource | None, link: Link) -> None:
        if after is None and before is not None and self._dependents(kind, before["metadata"]["uid"]):
            self.queue.add((kind, before["metadata"]["uid"]), link)

    def _dependents(self, kind: str, uid: str) -> list[Resource]:
        found = self._watch.cache.get(_DEPENDENTS[kind], {})
        return [
            found[key]
            for key in sorted(found)
            if any(owner["uid"] == uid for owner in found[key]["metadata"].get("ownerReferences") or ())
        ]

    def sync(self, key: Key, link: Link) -> Generator[int | Waitable, Any, bool]:
        """Delete the dependents of one owner."""
        kind, uid = key
        for dependent in self._dependents(kind, uid):
            if is_terminating(dependent):
                continue
            namespace, name = key_of(dependent)
            ref = Ref(_DEPENDENTS[kind], name, namespace)
            operation = partial(self._delete, ref, dependent["metadata"]["uid"])
            number = self._client.repeated(f"collect/{ref.kind}/{namespace}/{name}")
            call = self._client.write(operation, number, link)
            yield call
            link = call.link
        return False

    def _delete(self, ref: Ref, uid: str, link: Link) -> None:
        try:
            self._store.delete(ref, link, uid)
        except ApiError:
            return  # gone already
