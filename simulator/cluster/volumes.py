"""PersistentVolumeClaims: provisioned, bound and expanded by a storage system with its own controller.

A new claim is bound once its volume is provisioned. A claim that asks for more than it has is expanded: the
storage system grows the volume, then the kubelet of a pod that has it mounted grows the file system; until
such a pod runs, the claim says FileSystemResizePending. PersistentVolume objects are not modelled: the claim
names its volume. Expansion is refused as the API server refuses it (plugin PersistentVolumeClaimResize).
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from engine.core.errors import ApiError, Forbidden, Invalid
from scenarios.quantities import amount
from simulator.agenda import Agenda
from simulator.attribution import Link, extend
from simulator.cluster.apiserver import Client
from simulator.cluster.objects import has_ended, is_terminating, key_of, with_condition
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import WorkQueue
from simulator.streams import Sampler, Stream, entity
from simulator.tasks import Waitable

CLAIM = "PersistentVolumeClaim"
_PENDING = "FileSystemResizePending"


def checked_expansion(store: Store, ref: Ref, changes: Mapping[str, Any]) -> None:
    """Raise what the API server answers to a change of a claim's size that is not allowed."""
    requests = ((changes.get("spec") or {}).get("resources") or {}).get("requests") or {}
    if "storage" not in requests:
        return
    claim = store.get(ref)
    before = claim["spec"]["resources"]["requests"]["storage"]
    if amount(requests["storage"]) < amount(before):
        message = f"{ref}: spec.resources.requests.storage: field can not be less than status.capacity"
        raise Invalid(message)
    if amount(requests["storage"]) == amount(before):
        return
    name = claim["spec"].get("storageClassName", "")
    storage_class = store.objects.get("StorageClass", {}).get(("", name))
    if storage_class is None or not storage_class.get("allowVolumeExpansion"):
        message = (
            f'persistentvolumeclaims "{ref.name}" is forbidden: only dynamically provisioned pvc can be '
            "resized and the storageclass that provisions the pvc must support resize"
        )
        raise Forbidden(message)


def claimed_by(pod: Resource) -> Iterator[Key]:
    """Yield the claims that a pod mounts."""
    namespace, _ = key_of(pod)
    for volume in pod["spec"].get("volumes") or ():
        claim = volume.get("persistentVolumeClaim")
        if claim is not None:
            yield namespace, claim["claimName"]


def bound(claim: Resource) -> dict[str, Any]:
    """Return the claim as it is when its volume has been provisioned."""
    size = claim["spec"]["resources"]["requests"]["storage"]
    name = f"pvc-{claim['metadata']['uid']}"
    return {
        **claim,
        "spec": {**claim["spec"], "volumeName": claim["spec"].get("volumeName", name)},
        "status": {
            "phase": "Bound",
            "capacity": {"storage": size},
            "accessModes": claim["spec"].get("accessModes", []),
        },
    }


def _allocated(status: Mapping[str, Any]) -> str:
    """Return the size that the storage system has granted last."""
    return str((status.get("allocatedResources") or {}).get("storage", ""))


def _is_bound(claim: Resource | None) -> bool:
    return claim is not None and (claim.get("status") or {}).get("phase") == "Bound"


class StorageController:
    """The provisioner and the resizer of the storage system, and who waits for its volumes."""

    def __init__(
        self,
        agenda: Agenda,
        store: Store,
        watch: Watch,
        client: Client,
        times: Mapping[str, Sampler],
        stream: Stream,
        timestamp: Callable[[], str],
    ) -> None:
        """`times` of ``provision``, ``expand`` (the volume) and ``filesystem`` (on the node)."""
        self.queue: WorkQueue
        self._agenda = agenda
        self._store = store
        self._watch = watch
        self._client = client
        self._times = times
        self._stream = stream
        self._timestamp = timestamp
        self._unmounted: dict[Key, None] = {}  # file systems that wait for a pod
        self._follows_pods = False
        self._waiting: list[_Mount] = []
        watch.subscribe((CLAIM,), self._claim_changed)

    def load(self, link: Link) -> None:
        """Look at every claim that exists before time 0."""
        for key in self._watch.cache.get(CLAIM, {}):
            self.queue.add(key, link)

    def mount(self, pod: Resource) -> "Waitable | None":
        """Return what a kubelet waits for before it can mount a pod's volumes; None if all are bound."""
        claims = [key for key in claimed_by(pod) if not _is_bound(self._watch.cache.get(CLAIM, {}).get(key))]
        if not claims:
            return None
        mount = _Mount(claims)
        self._waiting.append(mount)
        return mount

    def _claim_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        if after is None:
            return
        if before is None or before["spec"] != after["spec"]:
            self.queue.add(key_of(after), link)
        if _is_bound(after) and not (before is not None and _is_bound(before)):
            for mount in [one for one in self._waiting if key_of(after) in one.left]:
                mount.left.remove(key_of(after))
                if not mount.left:
                    self._waiting.remove(mount)
                    mount.link = link
                    mount.done(mount)

    def _pod_changed(self, _before: Resource | None, after: Resource | None, link: Link) -> None:
        if not self._unmounted or after is None or not _mounts(after):
            return
        for key in claimed_by(after):
            if key in self._unmounted:
                self.queue.add(key, link)

    def sync(self, key: Key, link: Link) -> Generator[int | Waitable, Any, bool]:
        """Provision, expand, or grow the file system of one claim, whichever is due."""
        claim = self._watch.cache.get(CLAIM, {}).get(key)
        if claim is None:
            return False
        status = claim.get("status") or {}
        if not _is_bound(claim):
            link = yield from self._work("provision", key, link)
            yield from self._write(key, partial(self._bind, key), link)
            return False
        wanted = claim["spec"]["resources"]["requests"]["storage"]
        if amount(wanted) <= amount((status.get("capacity") or {}).get("storage", wanted)):
            return False
        conditions = list(status.get("conditions") or ())
        if not any(one["type"] == _PENDING for one in conditions) or _allocated(status) != wanted:
            told = with_condition(conditions, "Resizing", "True", self._timestamp())
            call = yield from self._write(key, partial(self._tell, key, {"conditions": told}), link)
            link = yield from self._work("expand", key, call)
            pending = with_condition([], _PENDING, "True", self._timestamp())
            changes = {"conditions": pending, "allocatedResources": {"storage": wanted}}
            link = yield from self._write(key, partial(self._tell, key, changes), link)
        if not self._is_mounted(key):
            if not self._follows_pods:
                self._follows_pods = True
                self._watch.subscribe(("Pod",), self._pod_changed)
            self._unmounted[key] = None
            return False
        self._unmounted.pop(key, None)
        link = yield from self._work("filesystem", key, link)
        changes = {"conditions": [], "capacity": {"storage": wanted}}
        yield from self._write(key, partial(self._tell, key, changes), link)
        return False

    def _work(self, what: str, key: Key, link: Link) -> Generator[int | Waitable, Any, Link]:
        """Let the storage system, or the node, work on a claim."""
        duration = self._times[what](self._stream.uniform(entity("/".join((what, *key)))))
        cause = Cause.CONTAINER_START if what == "filesystem" else Cause.CONTROLLER_QUEUE
        link = extend(link, cause, self._agenda.now + duration)
        yield duration
        return link

    def _write(self, key: Key, operation: Any, link: Link) -> Generator[int | Waitable, Any, Link]:
        call = self._client.write(
            operation, self._client.repeated(f"claim/{key[0]}/{key[1]}"), link, ("patch", CLAIM)
        )
        yield call
        call.check()
        return call.link

    def _bind(self, key: Key, link: Link) -> None:
        found = self._store.objects.get(CLAIM, {}).get(key)
        if found is not None and not _is_bound(found):
            made = bound(found)
            changes = {"spec": {"volumeName": made["spec"]["volumeName"]}, "status": made["status"]}
            self._store.patch(Ref(CLAIM, key[1], key[0]), changes, link)

    def _tell(self, key: Key, status: dict[str, Any], link: Link) -> None:
        try:
            self._store.set_status(Ref(CLAIM, key[1], key[0]), status, link)
        except ApiError:
            return  # the claim is gone

    def _is_mounted(self, key: Key) -> bool:
        pods = self._watch.cache.get("Pod", {}).values()
        return any(_mounts(pod) and key in claimed_by(pod) for pod in pods)


class _Mount:
    """A pod's volumes that are not there yet."""

    __slots__ = ("done", "left", "link")

    def __init__(self, left: list[Key]) -> None:
        self.left = left
        self.done: Any = None
        self.link: Link | None = None


def _mounts(pod: Resource) -> bool:
    """Say whether the pod runs, so that its volumes are mounted."""
    running = (pod.get("status") or {}).get("phase") == "Running"
    return running and not is_terminating(pod) and not has_ended(pod)
