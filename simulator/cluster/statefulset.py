"""The StatefulSet controller: pods with fixed names and claims, in order unless its policy is Parallel.

The order of what is done is kube-controller-manager's (pkg/controller/statefulset/stateful_set_control.go,
updateStatefulSet): pods that ended are replaced and missing ones created from ordinal 0 up, each awaited to
be ready under OrderedReady; then those beyond `replicas` go from the highest down; then pods of an older
revision are replaced from the highest down to the partition, one at a time, each awaited to be healthy.
Claims come with pods and stay when they go. Revisions are kept by the controller and not as
ControllerRevision objects; the feature gate for maxUnavailable is off, as by default.
"""

from collections.abc import Generator
from functools import partial
from typing import Any

from engine.core.effects import Ref, Resource
from engine.core.errors import ApiError, NotFound
from simulator.attribution import Link
from simulator.cluster.apiserver import Client
from simulator.cluster.changes import ENDED, GOING, GONE, NEW, OWNED, READY
from simulator.cluster.objects import has_ended, is_ready, is_terminating, key_of, owner_of
from simulator.cluster.sets import SetRevisions, claims_of, is_ordered, ordinal_of, revision_of, stateful_pod
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import WorkQueue
from simulator.tasks import Waitable

Steps = Generator["int | Waitable", Any, Link]


class StatefulSetController:
    """Keeps every StatefulSet on its way to its spec."""

    def __init__(self, store: Store, watch: Watch, client: Client) -> None:
        """Follow StatefulSets and their pods."""
        self.queue: WorkQueue
        self._store = store
        self._watch = watch
        self._client = client
        self._pods: dict[Key, dict[str, Resource]] = {}
        self._awaited: dict[Key, dict[str, None]] = {}  # asked for and not yet seen: created or deleted
        self._templates: dict[Key, dict[str, Resource]] = {}  # by revision
        self._failed: dict[Key, bool] = {}
        self._revisions = SetRevisions()
        watch.subscribe(("StatefulSet",), self._set_changed)
        watch.subscribe(
            ("Pod",), self._pod_changed, NEW + GONE + GOING + READY + ENDED + OWNED, "StatefulSet"
        )

    def load(self, link: Link) -> None:
        """Take in the sets and their pods that exist before time 0."""
        for key, pod in sorted(self._watch.cache.get("Pod", {}).items()):
            owner = owner_of(pod, "StatefulSet")
            if owner is not None:
                self._pods.setdefault(owner, {})[key[1]] = pod
                found = self._watch.cache.get("StatefulSet", {}).get(owner)
                if found is not None:
                    self._revisions.load(owner, found, pod)
        for key in self._watch.cache.get("StatefulSet", {}):
            self.queue.add(key, link)

    def _set_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        if after is None:
            key = key_of(before or {})
            self._pods.pop(key, None)
            self._awaited.pop(key, None)
            self._templates.pop(key, None)
        elif before is None or before["spec"] != after["spec"]:
            self.queue.add(key_of(after), link)

    def _pod_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        pod = after or before or {}
        owner = owner_of(pod, "StatefulSet")
        former = owner_of(before, "StatefulSet") if before is not None else None
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
        if was is None or after is None or is_terminating(after) != is_terminating(was):
            self._awaited.get(owner, {}).pop(name, None)
        elif is_ready(was) == is_ready(after) and has_ended(was) == has_ended(after):
            return
        self.queue.add(owner, link)

    def sync(self, key: Key, link: Link) -> Generator[int | Waitable, Any, bool]:
        """Do what is due, then write the status."""
        found = self._watch.cache.get("StatefulSet", {}).get(key)
        if found is None or "deletionTimestamp" in found["metadata"]:
            return False
        revision = revision_of(found)
        self._templates.setdefault(key, {})[revision] = found["spec"]["template"]
        self._failed[key] = False
        if not self._awaited.get(key):
            link = yield from self._progress(key, found, revision, link)
        yield from self._write_status(key, found, revision, link)
        return self._failed[key]

    def _progress(self, key: Key, found: Resource, revision: str, link: Link) -> Steps:
        spec, name = found["spec"], key[1]
        ordered = is_ordered(found)
        by_ordinal = {ordinal_of(pod, name): pod for pod in self._pods.get(key, {}).values()}
        wanted = spec.get("replicas", 1)
        for ordinal in range(wanted):
            pod = by_ordinal.get(ordinal)
            if pod is None:
                link = yield from self._create(key, found, revision, ordinal, link)
                if ordered or self._failed[key]:
                    return link
            elif has_ended(pod) and not is_terminating(pod):
                link = yield from self._delete(key, pod, link)
                if ordered:
                    return link
            elif ordered and (is_terminating(pod) or not is_ready(pod)):
                return link  # the ones after it wait
        condemned = sorted((one for one in by_ordinal if one >= wanted), reverse=True)
        for ordinal in condemned:
            pod = by_ordinal[ordinal]
            if not is_terminating(pod):
                link = yield from self._delete(key, pod, link)
            if ordered:
                return link
        return (yield from self._update(key, found, revision, by_ordinal, link))

    def _update(
        self, key: Key, found: Resource, revision: str, by_ordinal: dict[int, Resource], link: Link
    ) -> Steps:
        """Replace the highest pod of an older revision, if all above it are healthy."""
        strategy = found["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return link
        partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        for ordinal in range(found["spec"].get("replicas", 1) - 1, partition - 1, -1):
            pod = by_ordinal.get(ordinal)
            if pod is None or is_terminating(pod):
                return link
            if self._revisions.of(key, pod) != revision:
                return (yield from self._delete(key, pod, link))
            if not is_ready(pod):
                return link
        return link

    def _create(self, key: Key, found: Resource, revision: str, ordinal: int, link: Link) -> Steps:
        """Create a pod and the claims that it lacks; below the partition it keeps the older revision."""
        namespace, name = key
        for claim in claims_of(found, ordinal):
            if key_of(claim) not in self._watch.cache.get("PersistentVolumeClaim", {}):
                operation = partial(self._add, claim)
                number = self._client.repeated(f"create/{namespace}/{claim['metadata']['name']}")
                call = self._client.write(operation, number, link)
                yield call
                link = call.link
        partition = ((found["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}).get(
            "partition", 0
        )
        current = (found.get("status") or {}).get("currentRevision", revision)
        templates = self._templates[key]
        used = current if ordinal < partition and current in templates else revision
        pod = stateful_pod(found, templates[used], used, ordinal)
        self._awaited.setdefault(key, {})[f"{name}-{ordinal}"] = None
        number = self._client.repeated(f"create/{namespace}/{name}-{ordinal}")
        call = self._client.write(partial(self._store.create, pod), number, link)
        yield call
        if call.error is not None:
            self._awaited[key].pop(f"{name}-{ordinal}", None)
            self._failed[key] = True
        return call.link

    def _add(self, claim: Resource, link: Link) -> None:
        try:
            self._store.create(claim, link)
        except ApiError:
            return  # it exists: claims outlive their pods

    def _delete(self, key: Key, pod: Resource, link: Link) -> Steps:
        name = pod["metadata"]["name"]
        self._awaited.setdefault(key, {})[name] = None
        ref, uid = Ref("Pod", name, key[0]), pod["metadata"]["uid"]
        number = self._client.repeated(f"delete/{key[0]}/{name}")
        call = self._client.write(lambda at: self._store.delete(ref, at, uid), number, link)
        yield call
        if call.error is not None:  # gone already, or another by now: the watch will tell
            self._awaited[key].pop(name, None)
        return call.link

    def _write_status(self, key: Key, found: Resource, revision: str, link: Link) -> Steps:
        pods = [pod for pod in self._pods.get(key, {}).values() if not has_ended(pod)]
        ready = sum(is_ready(pod) and not is_terminating(pod) for pod in pods)
        updated = sum(self._revisions.of(key, pod) == revision and not is_terminating(pod) for pod in pods)
        written = found.get("status") or {}
        current = written.get("currentRevision", next(iter(self._templates[key])))
        whole = len(pods) == found["spec"].get("replicas", 1)
        if updated == ready == len(pods) and whole:
            current = revision  # completeRollingUpdate
        of_current = sum(self._revisions.of(key, pod) == current and not is_terminating(pod) for pod in pods)
        status = {
            "observedGeneration": found["metadata"].get("generation", 1),
            "replicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "currentReplicas": of_current,
            "updatedReplicas": updated,
            "currentRevision": current,
            "updateRevision": revision,
        }
        if all(written.get(name) == value for name, value in status.items()):
            return link
        operation = partial(self._set_status, Ref("StatefulSet", key[1], key[0]), status)
        call = self._client.write(
            operation, self._client.repeated(f"status/StatefulSet/{key[0]}/{key[1]}"), link
        )
        yield call
        return call.link

    def _set_status(self, ref: Ref, status: dict[str, Any], link: Link) -> None:
        try:
            self._store.set_status(ref, status, link)
        except NotFound:
            return
