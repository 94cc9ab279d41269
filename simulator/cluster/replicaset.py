"""The ReplicaSet controller: as many pods as wanted, created in slow-start batches.

It acts on the watch cache and remembers what it has asked for but not yet seen (client-go's expectations),
so that a stale cache does not make it ask twice. Each pod fills a numbered slot of its ReplicaSet; a
replacement takes the slot of the pod it replaces with the next generation, which makes its name, and all
that is drawn for it, independent of timing.
"""

from collections import Counter
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from engine.core.errors import ActionError, Conflict, NotFound
from simulator.attribution import Link
from simulator.cluster.apiserver import Client, Refused
from simulator.cluster.availability import Availability
from simulator.cluster.changes import ENDED, GOING, GONE, NEW, OWNED, READY
from simulator.cluster.events import EventRecorder
from simulator.cluster.expectations import Expiry
from simulator.cluster.injection import CREATE_POD, DELETE_POD
from simulator.cluster.objects import condition_of, is_active, is_ready, key_of, owner_of
from simulator.cluster.offspring import new_pod
from simulator.cluster.slots import Slots
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import WorkQueue
from simulator.streams import entity
from simulator.tasks import Gather, Waitable

_UPDATE = ("update", "ReplicaSet")
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
BURST_REPLICAS = 500  # k/k pkg/controller/replicaset/replica_set.go BurstReplicas


class ReplicaSetController:
    """Keeps every ReplicaSet at its number of pods."""

    def __init__(
        self, store: Store, watch: Watch, client: Client, slow_start: int, timestamp: Callable[[], str]
    ) -> None:
        """Begin batches of creations with `slow_start` pods; `timestamp` renders the virtual clock."""
        self.queue: WorkQueue
        self.events: EventRecorder
        self._store = store
        self._watch = watch
        self._client = client
        self._slow_start = slow_start
        self._availability = Availability(timestamp)
        self._owned: dict[Key, _Owned] = {}
        self._slots: dict[Key, Slots] = {}
        self._awaited: dict[Key, dict[str, None]] = {}
        self._expiry = Expiry(watch, lambda: self._awaited, lambda: self.queue)
        self._written: dict[str, dict[str, Any]] = {}  # by uid: the cache may not show the last status yet
        self._unsure: dict[str, None] = {}  # uids of those whose last status may have been written or not
        watch.subscribe(("ReplicaSet",), self._replicaset_changed)
        watch.subscribe(("Pod",), self._pod_changed, NEW + GONE + GOING + READY + ENDED + OWNED, "ReplicaSet")

    def load(self, link: Link) -> None:
        """Take in the pods that exist before time 0, and look at every ReplicaSet that is not as wanted."""
        for key in sorted(self._watch.cache.get("Pod", {})):
            pod = self._watch.cache["Pod"][key]
            owner = owner_of(pod, "ReplicaSet")
            if owner is not None:
                self._owned.setdefault(owner, _Owned()).change(key[1], pod)
                self._slots.setdefault(owner, Slots()).fill(pod)
        for key, replicaset in self._watch.cache.get("ReplicaSet", {}).items():
            standing = len(self._owned[key].active) if key in self._owned else 0
            if standing != replicaset["spec"]["replicas"]:
                self.queue.add(key, link)

    def _replicaset_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        if after is None:
            key = key_of(before or {})
            self._owned.pop(key, None)
            self._awaited.pop(key, None)
            uid = (before or {})["metadata"]["uid"]
            self._written.pop(uid, None)
            self._unsure.pop(uid, None)
        elif before is None or before["metadata"].get("generation") != after["metadata"].get("generation"):
            self.queue.add(key_of(after), link)

    def _pod_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        pod = after or before or {}
        owner = owner_of(pod, "ReplicaSet")
        if before is not None and after is not None:
            references = before["metadata"].get("ownerReferences")
            if references is not after["metadata"].get("ownerReferences"):
                self._let_go(before, owner, link)
        if owner is None:
            return
        name = pod["metadata"]["name"]
        owned = self._owned.get(owner)
        if owned is None:
            owned = self._owned[owner] = _Owned()
        counts = owned.change(name, after)
        awaited = self._awaited.get(owner)
        if awaited and (before is None or name not in owned.active):
            awaited.pop(name, None)
        if counts:
            self.queue.add(owner, link)

    def _let_go(self, before: Resource, owner: Key | None, link: Link) -> None:
        """Forget a pod that has another owner now, or none."""
        former = owner_of(before, "ReplicaSet")
        if former is not None and former != owner and former in self._owned:
            self._owned[former].change(before["metadata"]["name"], None)
            self.queue.add(former, link)

    def sync(self, key: Key, link: Link) -> Generator[int | Waitable, Any, bool]:
        """Create or delete pods until there are as many as wanted, then write the status."""
        replicaset = self._watch.cache["ReplicaSet"].get(key)
        if replicaset is None:
            return False
        failure: ActionError | None = None
        if self._expiry.due:
            for name in self._expiry.take(key):
                self._awaited.get(key, {}).pop(name, None)
        if not self._awaited.get(key) and "deletionTimestamp" not in replicaset["metadata"]:
            active = self._owned.setdefault(key, _Owned()).active
            missing = replicaset["spec"]["replicas"] - len(active)
            if missing > 0:
                link, failure = yield from self._create(key, replicaset, min(missing, BURST_REPLICAS), link)
            elif missing < 0:
                link = yield from self._delete(key, replicaset, min(-missing, BURST_REPLICAS), link)
        yield from self._write_status(key, replicaset, failure, link)
        return failure is not None

    def _create(
        self, key: Key, replicaset: Resource, count: int, link: Link
    ) -> Generator[int | Waitable, Any, tuple[Link, ActionError | None]]:
        """Create pods in batches that double while all goes well."""
        slots = self._slots.setdefault(key, Slots())
        taken = set(self._owned[key].active)
        batch = self._slow_start
        awaited = self._awaited.setdefault(key, {})
        while count:
            size = min(batch, count)
            pods, calls = [], []
            for _ in range(size):
                slot, generation = slots.take(taken)
                pod = new_pod(replicaset, slot, generation)
                name = pod["metadata"]["name"]
                slots.name(slot, name)
                awaited[name] = None
                taken.add(name)
                pods.append(pod)
                operation = partial(self._store.create, pod)
                key_of_write = entity(f"create/{key[0]}/{name}")
                calls.append(self._client.write(operation, key_of_write, link, CREATE_POD))
            gathered = Gather(calls)
            yield gathered
            link = gathered.link
            for pod in pods:  # SuccessfulCreate, or FailedCreate
                self.events.record(key, entity(f"create/{key[0]}/{pod['metadata']['name']}") + 1)
            refused = [
                (pod["metadata"]["name"], call.error)
                for pod, call in zip(pods, calls, strict=True)
                if call.error is not None
            ]
            for name, error in refused:
                awaited.pop(name, None)
                if error.reason != "AlreadyExists":  # else a try was carried out that seemed to have failed
                    slots.release(name)
            if refused:
                return link, refused[0][1]
            count -= size
            batch *= 2
        return link, None

    def _delete(
        self, key: Key, replicaset: Resource, count: int, link: Link
    ) -> Generator[int | Waitable, Any, Link]:
        """Delete the pods that rank lowest."""
        together = self._pods_by_node(key, replicaset)
        active = sorted(self._active(key), key=lambda pod: _deletion_rank(pod, together))
        awaited = self._awaited.setdefault(key, {})
        calls = []
        for pod in active[:count]:
            name = pod["metadata"]["name"]
            awaited[name] = None
            operation = partial(self._remove, Ref("Pod", name, key[0]), pod["metadata"]["uid"], awaited)
            calls.append(self._client.write(operation, entity(f"delete/{key[0]}/{name}"), link, DELETE_POD))
        gathered = Gather(calls)
        yield gathered
        for pod, call in zip(active[:count], calls, strict=True):  # SuccessfulDelete, or FailedDelete
            self.events.record(key, entity(f"delete/{key[0]}/{pod['metadata']['name']}") + 1)
            if call.error is not None:
                awaited.pop(pod["metadata"]["name"], None)
        gathered.check()
        return gathered.link

    def _pods_by_node(self, key: Key, replicaset: Resource) -> Counter[str]:
        """Count the pods on each node, over all ReplicaSets of the same Deployment."""
        deployment = owner_of(replicaset, "Deployment")
        related = [
            other
            for other, found in self._watch.cache["ReplicaSet"].items()
            if other == key or (deployment is not None and owner_of(found, "Deployment") == deployment)
        ]
        return Counter(
            pod["spec"].get("nodeName", "")
            for other in related
            if other in self._owned
            for pod in self._active(other)
        )

    def _active(self, key: Key) -> list[Resource]:
        """Return the pods of a ReplicaSet that count, as the cache has them."""
        pods = self._watch.cache.get("Pod", {})
        return [pods[key[0], name] for name in self._owned[key].active]

    def _remove(self, ref: Ref, uid: str, awaited: dict[str, None], link: Link) -> None:
        try:
            self._store.delete(ref, link, uid)
        except NotFound:
            awaited.pop(ref.name, None)

    def _write_status(
        self, key: Key, replicaset: Resource, failure: ActionError | None, link: Link
    ) -> Generator[int | Waitable, Any, None]:
        """Write the status if it says something else than the last one."""
        owned = self._owned.get(key) or _Owned()
        standing, ready = len(owned.active), owned.ready_count
        ready_seconds_min = replicaset["spec"].get("minReadySeconds")
        available = self._available(key, ready_seconds_min, link) if ready_seconds_min else ready
        uid = replicaset["metadata"]["uid"]
        written = self._written.get(uid) or replicaset.get("status") or {}
        status: dict[str, Any] = {
            "replicas": standing,
            "fullyLabeledReplicas": standing,
            "readyReplicas": ready,
            "availableReplicas": available,
            "observedGeneration": replicaset["metadata"].get("generation", 1),
        }
        if failure is not None:
            status["conditions"] = [
                {
                    "type": "ReplicaFailure",
                    "status": "True",
                    "reason": "FailedCreate",
                    "message": str(failure),
                }
            ]
        elif "conditions" in written and condition_of({"status": written}, "ReplicaFailure"):
            status["conditions"] = []
        for name, value in status.items():
            if written.get(name, 0) != value:
                break
        else:
            if uid not in self._unsure:
                return
        operation = partial(self._set_status, Ref("ReplicaSet", key[1], key[0]), uid, status)
        call = self._client.write(
            operation, self._client.repeated(f"status/{key[0]}/{key[1]}"), link, _UPDATE
        )
        yield call
        if call.error is not None:
            self._unsure[uid] = None
            raise Refused(call.error, call.link)
        if self._unsure:
            self._unsure.pop(uid, None)
        self._written[uid] = {**written, **status}

    def _available(self, key: Key, ready_seconds_min: int, link: Link) -> int:
        """Count the pods that have been ready for long enough; look again when the next one has."""
        pods = self._active(key) if key in self._owned else []
        found, soonest = self._availability.of(pods, ready_seconds_min, self.queue.now)
        if soonest is not None:
            self.queue.add_after(soonest, key, link, Cause.READINESS)
        return len(found)

    def _set_status(self, ref: Ref, uid: str, changes: dict[str, Any], link: Link) -> None:
        try:
            self._store.set_status(ref, changes, link, uid)
        except (NotFound, Conflict):
            return  # it is gone, or another by now


class _Owned:
    """The pods of one ReplicaSet that count, as the watch has shown them."""

    __slots__ = ("active", "ready_count")

    def __init__(self) -> None:
        self.active: dict[str, bool] = {}  # name -> whether it is ready
        self.ready_count = 0

    def change(self, name: str, pod: Resource | None) -> bool:
        """Take in a pod's change; say whether a count changed."""
        was_ready = self.active.get(name)  # None: it did not count
        if pod is not None and is_active(pod):
            ready = is_ready(pod)
            if ready is was_ready:
                return False
            self.active[name] = ready
            self.ready_count += ready - bool(was_ready)
            return True
        if was_ready is None:
            return False
        del self.active[name]
        self.ready_count -= was_ready
        return True


def _deletion_rank(pod: Resource, together: Counter[str]) -> tuple[Any, ...]:
    """Order as ActivePodsWithRanks (controller_utils.go), without its draws between times that are close.

    First go those without a node, not yet running, not ready, of the lowest deletion cost, on the node with
    the most of their kind, ready for the shortest time, restarted most often, created last.
    """
    metadata, status = pod["metadata"], pod.get("status") or {}
    node = pod["spec"].get("nodeName", "")
    cost = (metadata.get("annotations") or {}).get(DELETION_COST, "0")
    restarts = sum(one.get("restartCount", 0) for one in status.get("containerStatuses") or ())
    ready = is_ready(pod)
    return (
        bool(node),
        status.get("phase") == "Running",
        ready,
        int(cost),
        -together[node],
        _latest_first(_ready_since(status)) if ready else "",
        -restarts,
        _latest_first(metadata.get("creationTimestamp", "")),
        metadata["name"],
    )


def _ready_since(status: Resource) -> str:
    since: str = next(
        one.get("lastTransitionTime", "") for one in status["conditions"] if one["type"] == "Ready"
    )
    return since


def _latest_first(timestamp: str) -> str:
    """Turn the order of timestamps around."""
    return "".join(chr(0x10FFFF - ord(letter)) for letter in timestamp)
