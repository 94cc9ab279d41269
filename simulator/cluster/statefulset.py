"""The StatefulSet controller: pods with fixed names and claims, in order unless its policy is Parallel.

The order of what is done is kube-controller-manager's (pkg/controller/statefulset/stateful_set_control.go,
updateStatefulSet): pods that ended are replaced and missing ones created from ordinal 0 up, each awaited to
be ready under OrderedReady; then those beyond `replicas` go from the highest down; then pods of an older
revision are replaced from the highest down to the partition, one at a time, each awaited to be healthy.
Claims come with pods and stay when they go, unless their retention policy says otherwise. Revisions are kept
by the controller and not as ControllerRevision objects; the feature gate for maxUnavailable is off, as by
default.
"""

from collections.abc import Callable, Container, Generator
from functools import partial
from typing import Any

from engine.core.effects import Ref, Resource
from engine.core.errors import ApiError, Conflict, NotFound
from simulator.attribution import Link
from simulator.cluster.apiserver import Client
from simulator.cluster.injection import CREATE_POD, DELETE_POD
from simulator.cluster.objects import has_ended, is_ready, is_terminating, key_of
from simulator.cluster.setcontroller import SetController, Steps
from simulator.cluster.sets import (
    claims_of,
    is_ordered,
    ordinal_of,
    ordinals_of,
    revision_of,
    start_of,
    stateful_pod,
)
from simulator.cluster.store import Key, Store
from simulator.cluster.volumes import CLAIM
from simulator.cluster.watch import Watch
from simulator.tasks import Waitable


class StatefulSetController(SetController):
    """Keeps every StatefulSet on its way to its spec."""

    kind = "StatefulSet"

    def __init__(self, store: Store, watch: Watch, client: Client, timestamp: Callable[[], str]) -> None:
        """Follow StatefulSets and their pods."""
        super().__init__(store, watch, client, timestamp)
        self._templates: dict[Key, dict[str, Resource]] = {}  # by revision

    def _forget(self, key: Key) -> None:
        super()._forget(key)
        self._templates.pop(key, None)

    def sync(self, key: Key, link: Link) -> Generator[int | Waitable, Any, bool]:
        """Do what is due, then write the status."""
        found = self._watch.cache.get("StatefulSet", {}).get(key)
        if found is None or "deletionTimestamp" in found["metadata"]:
            return False
        revision = revision_of(found)
        self._templates.setdefault(key, {})[revision] = found["spec"]["template"]
        self._failed[key] = False
        if not self._awaits(key):
            link = yield from self._progress(key, found, revision, link)
        yield from self._write_status(key, found, revision, link)
        return self._failed.get(key, False)

    def _progress(self, key: Key, found: Resource, revision: str, link: Link) -> Steps:
        name, ordered, wanted = key[1], is_ordered(found), ordinals_of(found)
        by_ordinal = {ordinal_of(pod, name): pod for pod in self._pods.get(key, {}).values()}
        available = self._available(key, found, by_ordinal.values(), link)
        for ordinal in wanted:
            pod = by_ordinal.get(ordinal)
            if pod is None:
                link = yield from self._create(key, found, revision, ordinal, link)
                if ordered or self._failed.get(key):
                    return link
            elif has_ended(pod) and not is_terminating(pod):
                link = yield from self._delete(key, pod, link)
                if ordered:
                    return link
            elif ordered and (is_terminating(pod) or pod["metadata"]["name"] not in available):
                return link  # the ones after it wait
        condemned = sorted((one for one in by_ordinal if one not in wanted), reverse=True)
        for ordinal in condemned:
            pod = by_ordinal[ordinal]
            if not is_terminating(pod):
                link = yield from self._delete(key, pod, link)
            if ordered:
                return link
        if (found["spec"].get("persistentVolumeClaimRetentionPolicy") or {}).get("whenScaled") == "Delete":
            link = yield from self._remove_claims(key, found, by_ordinal, link)
        return (yield from self._update(key, found, revision, by_ordinal, available, link))

    def _remove_claims(self, key: Key, found: Resource, by_ordinal: Container[int], link: Link) -> Steps:
        """Delete the claims of pods that the set no longer wants, once those are gone.

        Two writes each: the claim is first given an owner, by whose end it goes (stateful_pod_control.go).
        """
        wanted, claims = ordinals_of(found), self._watch.cache.get(CLAIM, {})
        for template in found["spec"].get("volumeClaimTemplates") or ():
            prefix = f"{template['metadata']['name']}-{key[1]}-"
            for namespace, name in sorted(claims):
                text = name.removeprefix(prefix)
                if namespace != key[0] or text == name or not text.isdecimal():
                    continue
                if int(text) in wanted or int(text) in by_ordinal:
                    continue
                for operation, verb in (
                    (_nothing, "update"),
                    (partial(self._remove_claim, Ref(CLAIM, name, namespace)), "delete"),
                ):
                    number = self._client.repeated(f"claim/{namespace}/{name}")
                    call = self._client.write(operation, number, link, (verb, CLAIM))
                    yield call
                    call.check()
                    link = call.link
        return link

    def _remove_claim(self, ref: Ref, link: Link) -> None:
        try:
            self._store.delete(ref, link)
        except ApiError:
            return  # gone already

    def _update(
        self,
        key: Key,
        found: Resource,
        revision: str,
        by_ordinal: dict[int, Resource],
        available: Container[str],
        link: Link,
    ) -> Steps:
        """Replace the highest pod of an older revision, if all above it are healthy."""
        strategy = found["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return link
        partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        for ordinal in reversed([one for one in ordinals_of(found) if one >= start_of(found) + partition]):
            pod = by_ordinal.get(ordinal)
            if pod is None or is_terminating(pod):
                return link
            if self._revisions.of(key, pod) != revision:
                return (yield from self._delete(key, pod, link))
            if pod["metadata"]["name"] not in available:
                return link
        return link

    def _create(self, key: Key, found: Resource, revision: str, ordinal: int, link: Link) -> Steps:
        """Create a pod and the claims that it lacks; below the partition it keeps the older revision."""
        namespace, name = key
        for claim in claims_of(found, ordinal):
            if key_of(claim) not in self._watch.cache.get(CLAIM, {}):
                operation = partial(self._add, claim)
                number = self._client.repeated(f"create/{namespace}/{claim['metadata']['name']}")
                call = self._client.write(operation, number, link)
                yield call
                call.check()
                link = call.link
        partition = ((found["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}).get(
            "partition", 0
        )
        current = self._last_status(found).get("currentRevision", revision)
        templates = self._templates[key]
        used = current if ordinal < start_of(found) + partition and current in templates else revision
        pod = stateful_pod(found, templates[used], used, ordinal)
        self._awaited.setdefault(key, {})[f"{name}-{ordinal}"] = None
        number = self._client.repeated(f"create/{namespace}/{name}-{ordinal}")
        call = self._client.write(partial(self._store.create, pod), number, link, CREATE_POD)
        yield call
        self._tell(key, "create", f"{name}-{ordinal}")
        if call.error is not None:
            self._awaited.get(key, {}).pop(f"{name}-{ordinal}", None)
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
        call = self._client.write(lambda at: self._store.delete(ref, at, uid), number, link, DELETE_POD)
        yield call
        self._tell(key, "delete", name)
        if call.error is not None:
            self._awaited.get(key, {}).pop(name, None)
            if not isinstance(call.error, NotFound | Conflict):
                call.check()  # else it is gone already, or another by now: the watch will tell
        return call.link

    def _write_status(self, key: Key, found: Resource, revision: str, link: Link) -> Steps:
        pods = [pod for pod in self._pods.get(key, {}).values() if not has_ended(pod)]
        standing = [pod for pod in pods if not is_terminating(pod)]
        available = len(self._available(key, found, standing, link))
        ready = sum(is_ready(pod) and not is_terminating(pod) for pod in pods)
        updated = sum(self._revisions.of(key, pod) == revision and not is_terminating(pod) for pod in pods)
        written = self._last_status(found)
        current = written.get("currentRevision", next(iter(self._templates[key])))
        whole = len(pods) == found["spec"].get("replicas", 1)
        if updated == available == len(pods) and whole:
            current = revision  # completeRollingUpdate
        of_current = sum(self._revisions.of(key, pod) == current and not is_terminating(pod) for pod in pods)
        status = {
            "observedGeneration": found["metadata"].get("generation", 1),
            "replicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": available,
            "currentReplicas": of_current,
            "updatedReplicas": updated,
            "currentRevision": current,
            "updateRevision": revision,
        }
        return (yield from self._write(key, found, status, link))


def _nothing(_link: Link) -> None:
    """Change nothing that the model reads."""
