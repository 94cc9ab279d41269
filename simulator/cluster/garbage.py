"""The garbage collector: what is left of an owner that is gone, or going, goes or is let go.

In the background (the default) dependents are deleted after their owner. In the foreground the owner stays
until those that block it are gone. Orphaned, they lose the reference first. A new object whose owners are
nowhere to be found is deleted after a look at the API (pkg/controller/garbagecollector). Only the kinds
below are owners; events and leases are not looked at.
"""

from collections.abc import Generator, Iterator
from functools import partial
from typing import Any, Final

from engine.core.effects import Ref, Resource
from engine.core.errors import ApiError
from simulator.attribution import Link
from simulator.cluster.apiserver import Client
from simulator.cluster.changes import GONE, NEW
from simulator.cluster.deleting import delete_if_there
from simulator.cluster.finalizers import FOREGROUND, ORPHAN, is_held
from simulator.cluster.objects import is_terminating, key_of
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import WorkQueue
from simulator.tasks import Waitable

_WORKLOADS: Final = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob")
_OWNERS: Final = (
    *_WORKLOADS, "ConfigMap", "Secret", "Service", "ServiceAccount", "PersistentVolumeClaim",
    "HorizontalPodAutoscaler", "PodDisruptionBudget",
)  # fmt: skip
_DEPENDENTS: Final = ("Pod", *_OWNERS)
_ABSENT: Final = "absent:"  # of keys: (this and the kind, "namespace/name") of an object without its owners
Steps = Generator["int | Waitable", Any, Link]


class GarbageCollector:
    """Deletes what belongs to owners that are gone, and completes deletions that wait for it."""

    def __init__(self, store: Store, watch: Watch, client: Client) -> None:
        """Follow the kinds that own others. Keys of the queue are (kind, uid of the owner)."""
        self.queue: WorkQueue
        self._store = store
        self._watch = watch
        self._client = client
        self._going: dict[str, Key] = {}  # owners that wait: uid -> key
        for kind in _OWNERS:
            watch.subscribe((kind,), partial(self._owner_gone, kind), GONE)
        for kind in _WORKLOADS:
            watch.subscribe((kind,), partial(self._owner_changed, kind))
        for kind in ("Pod", "ReplicaSet"):
            watch.subscribe((kind,), partial(self._created, kind), NEW)

    def _owner_gone(self, kind: str, before: Resource | None, _after: Resource | None, link: Link) -> None:
        assert before is not None
        uid = before["metadata"]["uid"]
        self._going.pop(uid, None)
        if next(self._dependents(uid), None) is not None:
            self.queue.add((kind, uid), link)

    def _owner_changed(self, kind: str, before: Resource | None, after: Resource | None, link: Link) -> None:
        if after is None or not is_terminating(after) or (before is not None and is_terminating(before)):
            return
        if is_held(after, FOREGROUND) or is_held(after, ORPHAN):
            if not self._going:
                self._follow_dependents()
            uid = after["metadata"]["uid"]
            self._going[uid] = key_of(after)
            self.queue.add((kind, uid), link)

    def _follow_dependents(self) -> None:
        """Tell owners that wait of dependents that go, from the first one that waits on."""
        for kind in _DEPENDENTS:
            self._watch.subscribe((kind,), self._dependent_gone, GONE)
        self._follow_dependents = lambda: None  # type: ignore[method-assign]

    def _dependent_gone(self, before: Resource | None, _after: Resource | None, link: Link) -> None:
        for owner in (before or {})["metadata"].get("ownerReferences") or ():
            if owner["uid"] in self._going:
                self.queue.add((owner["kind"], owner["uid"]), link)

    def _created(self, kind: str, _before: Resource | None, after: Resource | None, link: Link) -> None:
        """Look after an object whose owners went while it was being created."""
        metadata = (after or {})["metadata"]
        owners = metadata.get("ownerReferences")
        if owners and not any(map(partial(self._is_there, metadata.get("namespace", "")), owners)):
            self.queue.add((_ABSENT + kind, f"{metadata.get('namespace', '')}/{metadata['name']}"), link)

    def _is_there(self, namespace: str, owner: Resource) -> bool:
        of_kind = self._watch.cache.get(owner["kind"], {})
        found = of_kind.get((namespace, owner["name"])) or of_kind.get(("", owner["name"]))
        return found is not None and found["metadata"]["uid"] == owner["uid"]

    def _dependents(self, uid: str) -> Iterator[Resource]:
        for kind in _DEPENDENTS:
            found = self._watch.cache.get(kind, {})
            for key in sorted(found):
                owners = found[key]["metadata"].get("ownerReferences") or ()
                if any(owner["uid"] == uid for owner in owners):
                    yield found[key]

    def sync(self, key: Key, link: Link) -> Generator[int | Waitable, Any, bool]:
        """Deal with the dependents of one owner, or with one object without its owners."""
        kind, uid = key
        if kind.startswith(_ABSENT):
            yield from self._collect_absent(kind.removeprefix(_ABSENT), uid, link)
            return False
        owner = self._watch.cache.get(kind, {}).get(self._going.get(uid, ("", "")))
        dependents = list(self._dependents(uid))
        if owner is not None and is_held(owner, ORPHAN):
            for dependent in dependents:
                link = yield from self._orphan(dependent, uid, link)
            yield from self._finalize(owner, ORPHAN, link)
            return False
        for dependent in dependents:
            if not is_terminating(dependent) and not self._has_others(dependent, uid):
                foreground = owner is not None and next(self._dependents(dependent["metadata"]["uid"]), None)
                link = yield from self._delete(dependent, "Foreground" if foreground else "Background", link)
        if owner is not None and not dependents:
            yield from self._finalize(owner, FOREGROUND, link)
        return False

    def _has_others(self, dependent: Resource, uid: str) -> bool:
        """Say whether another owner keeps the object; then it would lose the one reference."""
        metadata = dependent["metadata"]
        others = [one for one in metadata["ownerReferences"] if one["uid"] != uid]
        return any(map(partial(self._is_there, metadata.get("namespace", "")), others))

    def _collect_absent(self, kind: str, path: str, link: Link) -> Steps:
        namespace, _, name = path.partition("/")
        ref = Ref(kind, name, namespace)
        call = self._client.read(
            lambda _link: None, self._client.repeated(f"absent/{path}"), link, what=("get", kind)
        )
        yield call
        call.check()
        found = self._store.objects.get(kind, {}).get((namespace, name))
        if found is None or is_terminating(found):
            return call.link
        owners = found["metadata"].get("ownerReferences") or ()
        for owner in owners:
            for key in ((namespace, owner["name"]), ("", owner["name"])):
                known = self._store.objects.get(owner["kind"], {}).get(key)
                if known is not None and known["metadata"]["uid"] == owner["uid"]:
                    return call.link
        return (yield from self._delete(found, "Background", call.link, ref))

    def _delete(self, dependent: Resource, propagation: str, link: Link, ref: Ref | None = None) -> Steps:
        namespace, name = key_of(dependent)
        ref = ref or Ref(dependent["kind"], name, namespace)
        operation = partial(
            delete_if_there, self._store, ref, dependent["metadata"]["uid"], propagation=propagation
        )
        number = self._client.repeated(f"collect/{ref.kind}/{namespace}/{name}")
        call = self._client.write(operation, number, link, ("delete", ref.kind))
        yield call
        call.check()
        return call.link

    def _orphan(self, dependent: Resource, uid: str, link: Link) -> Steps:
        namespace, name = key_of(dependent)
        ref = Ref(dependent["kind"], name, namespace)
        kept = [one for one in dependent["metadata"]["ownerReferences"] if one["uid"] != uid]
        changes = {"metadata": {"ownerReferences": kept or None}}
        number = self._client.repeated(f"orphan/{ref.kind}/{namespace}/{name}")
        call = self._client.write(partial(self._patch_once, ref, changes), number, link, ("patch", ref.kind))
        yield call
        call.check()
        return call.link

    def _patch_once(self, ref: Ref, changes: dict[str, Any], link: Link) -> None:
        try:
            self._store.patch(ref, changes, link)
        except ApiError:
            return

    def _finalize(self, owner: Resource, finalizer: str, link: Link) -> Steps:
        namespace, name = key_of(owner)
        ref = Ref(owner["kind"], name, namespace)
        number = self._client.repeated(f"finalize/{ref.kind}/{namespace}/{name}")
        call = self._client.write(
            partial(self._finalize_once, ref, finalizer), number, link, ("patch", ref.kind)
        )
        yield call
        call.check()
        return call.link

    def _finalize_once(self, ref: Ref, finalizer: str, link: Link) -> None:
        try:
            self._store.finalized(ref, finalizer, link)
        except ApiError:
            return
