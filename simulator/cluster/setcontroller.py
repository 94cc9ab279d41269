"""What the controllers of StatefulSets and DaemonSets have in common: whose pods are whose, and statuses."""

from collections.abc import Callable, Generator, Iterable, Mapping
from functools import partial
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from engine.core.errors import Conflict, NotFound
from simulator.attribution import Link
from simulator.cluster.apiserver import Client
from simulator.cluster.availability import Availability
from simulator.cluster.changes import ENDED, GOING, GONE, NEW, OWNED, READY
from simulator.cluster.events import EventRecorder
from simulator.cluster.expectations import Expiry
from simulator.cluster.objects import has_ended, is_ready, is_terminating, key_of, owner_of
from simulator.cluster.sets import SetRevisions
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import WorkQueue
from simulator.tasks import Waitable

Steps = Generator["int | Waitable", Any, Link]


class SetController:
    """Keeps sets of one kind on their way to their spec."""

    kind: str

    def __init__(self, store: Store, watch: Watch, client: Client, timestamp: Callable[[], str]) -> None:
        """Follow the sets and their pods; `timestamp` renders the virtual clock."""
        self.queue: WorkQueue
        self.events: EventRecorder
        self._store = store
        self._watch = watch
        self._client = client
        self._availability = Availability(timestamp)
        self._pods: dict[Key, dict[str, Resource]] = {}
        self._awaited: dict[Key, dict[str, None]] = {}  # asked for and not yet seen: created or deleted
        self._failed: dict[Key, bool] = {}
        self._written: dict[str, Mapping[str, Any]] = {}  # by uid: the cache may not show the last status yet
        self._unsure: dict[str, None] = {}  # uids of those whose last status may have been written or not
        self._revisions = SetRevisions()
        self._expiry = Expiry(watch, lambda: self._awaited, lambda: self.queue)
        watch.subscribe((self.kind,), self._set_changed)
        watch.subscribe(("Pod",), self._pod_changed, NEW + GONE + GOING + READY + ENDED + OWNED, self.kind)

    def load(self, link: Link) -> None:
        """Take in the sets and their pods that exist before time 0."""
        for key, pod in sorted(self._watch.cache.get("Pod", {}).items()):
            owner = owner_of(pod, self.kind)
            if owner is not None:
                self._pods.setdefault(owner, {})[key[1]] = pod
                self._loaded(owner, pod)
                found = self._watch.cache.get(self.kind, {}).get(owner)
                if found is not None:
                    self._revisions.load(owner, found, pod)
        for key in self._watch.cache.get(self.kind, {}):
            self.queue.add(key, link)

    def _loaded(self, owner: Key, pod: Resource) -> None:
        """Note a pod that exists before time 0."""

    def _forget(self, key: Key) -> None:
        """Drop what is known of a set that is gone."""
        for known in (self._pods, self._awaited, self._failed):
            known.pop(key, None)

    def _set_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        if after is None:
            self._forget(key_of(before or {}))
            self._written.pop((before or {})["metadata"]["uid"], None)
        elif before is None or before["spec"] != after["spec"]:
            self.queue.add(key_of(after), link)

    def _pod_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        pod = after or before or {}
        owner = owner_of(pod, self.kind)
        former = owner_of(before, self.kind) if before is not None else None
        if former is not None and former != owner:  # let go of
            self._pods.get(former, {}).pop(pod["metadata"]["name"], None)
            self.queue.add(former, link)
        if owner is None:
            return
        name = pod["metadata"]["name"]
        pods = self._pods.setdefault(owner, {})
        was = pods.get(name)
        if after is None:
            pods.pop(name, None)
        else:
            pods[name] = after
        if was is None or after is None or self._has_left(after) != self._has_left(was):
            self._awaited.get(owner, {}).pop(name, None)
        elif is_ready(was) == is_ready(after) and has_ended(was) == has_ended(after):
            return
        self.queue.add(owner, link)

    @staticmethod
    def _has_left(pod: Resource) -> bool:
        """Say whether a pod is on its way as one is that the controller deletes."""
        return is_terminating(pod)

    def _available(self, key: Key, found: Resource, pods: Iterable[Resource], link: Link) -> dict[str, None]:
        """Return the names of the pods that are available; come back when the next ready one is."""
        ready_seconds_min = found["spec"].get("minReadySeconds", 0)
        if not ready_seconds_min:
            return {pod["metadata"]["name"]: None for pod in pods if is_ready(pod)}
        available, soonest = self._availability.of(pods, ready_seconds_min, self.queue.now)
        if soonest is not None:
            self.queue.add_after(soonest, key, link, Cause.READINESS)
        return {pod["metadata"]["name"]: None for pod in available}

    def _awaits(self, key: Key) -> bool:
        """Say whether something that was asked for has not been seen yet."""
        if self._expiry.due:
            for name in self._expiry.take(key):
                self._awaited.get(key, {}).pop(name, None)
        return bool(self._awaited.get(key))

    def _tell(self, key: Key, what: str, name: str) -> None:
        """Record a cluster event about a set: SuccessfulCreate, SuccessfulDelete or their failures."""
        self.events.record(key, self._client.repeated(f"event/{what}/{key[0]}/{name}"))

    def _write(self, key: Key, found: Resource, status: Mapping[str, Any], link: Link) -> Steps:
        """Write a status that says something else than the last one."""
        uid = found["metadata"]["uid"]
        written = self._last_status(found)
        if uid not in self._unsure and all(written.get(name, 0) == value for name, value in status.items()):
            return link
        operation = partial(self._set_status, Ref(self.kind, key[1], key[0]), uid, status)
        call = self._client.write(
            operation,
            self._client.repeated(f"status/{self.kind}/{key[0]}/{key[1]}"),
            link,
            ("update", self.kind),
        )
        yield call
        self._unsure[uid] = None
        call.check()
        del self._unsure[uid]
        self._written[uid] = {**written, **status}
        return call.link

    def _last_status(self, found: Resource) -> Mapping[str, Any]:
        """Return the status that was written last."""
        return self._written.get(found["metadata"]["uid"]) or found.get("status") or {}

    def _set_status(self, ref: Ref, uid: str, status: Mapping[str, Any], link: Link) -> None:
        try:
            self._store.set_status(ref, status, link, uid)
        except (NotFound, Conflict):
            return  # it is gone, or another by now
