"""The modelled etcd and registry: Kubernetes objects under optimistic concurrency.

Objects are JSON-shaped and keep every field they came with. They are never modified: a write makes a new
object that shares what did not change. Resource versions grow by one with each write, over all kinds.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.core.effects import Ref, Resource, Selection
from engine.core.errors import ServerError
from simulator.attribution import Link
from simulator.cluster.etcd import SPACE_EXCEEDED
from simulator.cluster.finalizers import finalizers_of
from simulator.cluster.naming import pod_suffix
from simulator.cluster.words import already_exists, modified, not_found, other_uid, terminating

Key = tuple[str, str]
"""(namespace, name)."""


Published = Callable[[str, "Resource | None", "Resource | None", Link], None]
"""Told of every write: the kind, the object before (None: new) and after (None: removed), its cause."""

Admit = Callable[[Resource], None]
"""Asked before an object of a kind is created; raises an `ApiError` to refuse it."""

Default = Callable[[Resource], Resource]
"""Fills in what an object of a kind lacks before it is admitted."""


def merge(target: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Apply a JSON merge patch (RFC 7386) and return the result; `target` is left alone."""
    result = dict(target)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            before = result.get(name)
            result[name] = merge(before if isinstance(before, dict) else {}, value)
        else:
            result[name] = value
    return result


def selects(labels: Iterable[tuple[str, str]], resource: Resource) -> bool:
    """Say whether the resource carries all of `labels`."""
    carried = resource["metadata"].get("labels") or {}
    return all(carried.get(name) == value for name, value in labels)


class Store:
    """All objects, by kind and then (namespace, name)."""

    def __init__(self, timestamp: Callable[[], str]) -> None:
        """Start empty. `timestamp` renders the virtual clock as the API does (RFC 3339, seconds)."""
        self.objects: dict[str, dict[Key, Resource]] = {}
        self.version = 0
        self.published: list[Published] = []
        self.default: dict[str, list[Default]] = {}
        self.admit: dict[str, list[Admit]] = {}
        self.full_count = 0  # faults for which the database has no space left
        self._timestamp = timestamp
        self._lives: dict[str, int] = {}
        self._labels: dict[str, dict[tuple[str, str], dict[Key, None]]] = {}

    def load(self, resources: Iterable[Resource]) -> None:
        """Take in what exists before time 0, without telling anybody."""
        for resource in resources:
            metadata = resource["metadata"]
            self.version += 1
            stored = {**resource, "metadata": {**metadata, "resourceVersion": str(self.version)}}
            if "uid" not in metadata:
                stored["metadata"]["uid"] = self._uid(
                    resource["kind"], metadata.get("namespace", ""), metadata["name"]
                )
            key = (metadata.get("namespace", ""), metadata["name"])
            self.objects.setdefault(resource["kind"], {})[key] = stored

    def get(self, ref: Ref) -> Resource:
        """Return the object; raises `NotFound`."""
        found = self.objects.get(ref.kind, {}).get((ref.namespace, ref.name))
        if found is None:
            raise not_found(ref)
        return found

    def select(self, selection: Selection) -> list[Resource]:
        """Return the objects of a selection in order of namespace and name."""
        of_kind = self.objects.get(selection.kind, {})
        if selection.name:
            found = of_kind.get((selection.namespace, selection.name))
            return [] if found is None else [found]
        namespace, labels = selection.namespace, selection.labels
        if labels:
            candidates: Iterable[Key] = self._labelled(selection.kind).get(labels[0], ())
        else:
            candidates = of_kind
        keys = [
            key
            for key in candidates
            if (not namespace or key[0] == namespace) and (len(labels) == 1 or selects(labels, of_kind[key]))
        ]
        keys.sort()
        return [of_kind[key] for key in keys]

    def _labelled(self, kind: str) -> dict[tuple[str, str], dict[Key, None]]:
        """Return the index of a kind by label, which is kept from its first use on."""
        index = self._labels.get(kind)
        if index is None:
            index = self._labels[kind] = {}
            for key, resource in self.objects.get(kind, {}).items():
                _index(index, key, None, resource)
        return index

    def create(self, resource: Resource, link: Link) -> Resource:
        """Store a new object; raises `Conflict` if its name is taken, or what admission raises."""
        kind = resource["kind"]
        metadata = resource["metadata"]
        if "name" not in metadata:
            resource = self._named(resource)
            metadata = resource["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        of_kind = self.objects.setdefault(kind, {})
        if key in of_kind:
            raise already_exists(kind, key[1])
        self._check_namespace(kind, key)
        for default in self.default.get(kind, ()):
            resource = default(resource)
        metadata = resource["metadata"]
        for admit in self.admit.get(kind, ()):
            admit(resource)
        given = {
            **metadata,
            "uid": self._uid(kind, *key),
            "creationTimestamp": self._timestamp(),
            "generation": 1,
        }
        return self._commit(kind, key, None, {**resource, "metadata": given}, link)

    def _named(self, resource: Resource) -> Resource:
        """Give an object that has only a `generateName` the next name that begins so."""
        metadata = resource["metadata"]
        prefix: str = metadata["generateName"]
        count = self._lives[prefix] = self._lives.get(prefix, 0) + 1
        name = prefix + pod_suffix(f"{metadata.get('namespace', '')}/{prefix}", count, 0)
        return {**resource, "metadata": {**metadata, "name": name}}

    def _check_namespace(self, kind: str, key: Key) -> None:
        """Let nothing new into a namespace that is being deleted."""
        namespace = self.objects.get("Namespace", {}).get(("", key[0]))
        if namespace is not None and "deletionTimestamp" in namespace["metadata"]:
            raise terminating(kind, key[1], key[0])

    def patch(self, ref: Ref, changes: Mapping[str, Any], link: Link, version: str | None = None) -> Resource:
        """Merge `changes` into an object; a changed spec raises its generation, no change writes nothing."""
        before = self.get(ref)
        if version is not None and before["metadata"]["resourceVersion"] != version:
            raise modified(ref)
        after = merge(before, changes)
        if after == before:
            return before
        if "spec" in changes and after.get("spec") != before.get("spec"):
            metadata = after["metadata"]
            after["metadata"] = {**metadata, "generation": metadata.get("generation", 0) + 1}
        return self._commit(ref.kind, (ref.namespace, ref.name), before, after, link)

    def bind(self, ref: Ref, node: str, status: Mapping[str, Any], link: Link) -> Resource:
        """Place a pod that has no node, and replace the fields of its status that `status` names."""
        before = self.get(ref)
        metadata = before["metadata"]
        after = {
            **before,
            "metadata": {**metadata, "generation": metadata.get("generation", 0) + 1},
            "spec": {**before["spec"], "nodeName": node},
            "status": {**(before.get("status") or {}), **status},
        }
        return self._commit(ref.kind, (ref.namespace, ref.name), before, after, link)

    def set_status(
        self, ref: Ref, changes: Mapping[str, Any], link: Link, uid: str | None = None
    ) -> Resource:
        """Replace the fields of an object's status that `changes` names; no change writes nothing."""
        before = self.get(ref)
        if uid is not None:
            self.check_uid(ref, before, uid)
        status = before.get("status") or {}
        for name, value in changes.items():
            if status.get(name) != value:
                break
        else:
            return before
        return self._commit(
            ref.kind, (ref.namespace, ref.name), before, {**before, "status": {**status, **changes}}, link
        )

    def remove(self, ref: Ref, link: Link, uid: str | None = None) -> None:
        """Take an object away at once; raises `NotFound`, or `Conflict` if `uid` is another object's."""
        before = self.get(ref)
        self.check_uid(ref, before, uid)
        key = (ref.namespace, ref.name)
        del self.objects[ref.kind][key]
        if ref.kind in self._labels:
            _index(self._labels[ref.kind], key, before, None)
        self.version += 1
        for published in self.published:
            published(ref.kind, before, None, link)

    def delete(
        self,
        ref: Ref,
        link: Link,
        uid: str | None = None,
        grace_s: int | None = None,
        propagation: str = "Background",
    ) -> None:
        """Delete as the API does: a pod that runs on a node gets its grace period, its kubelet removes it.

        What has a finalizer is marked only, and goes once nothing holds it any more (`finalized`).
        """
        before = self.get(ref)
        self.check_uid(ref, before, uid)
        spec = before.get("spec") or {}
        ended = (before.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        if ref.kind != "Pod" or not spec.get("nodeName") or ended or grace_s == 0:
            held = finalizers_of(before, propagation)
            if held:
                self._hold(ref, before, held, link)
            else:
                self.remove(ref, link)
            return
        metadata = before["metadata"]
        if "deletionTimestamp" in metadata:
            return
        self.check_space()
        grace = spec.get("terminationGracePeriodSeconds", 30) if grace_s is None else grace_s
        marked = {
            **metadata,
            "deletionTimestamp": self._timestamp(),
            "deletionGracePeriodSeconds": grace,
        }
        self._commit("Pod", (ref.namespace, ref.name), before, {**before, "metadata": marked}, link)

    def expire(self, ref: Ref, uid: str, link: Link) -> None:
        """Store that a pod has no grace left; its removal is another write."""
        before = self.get(ref)
        self.check_uid(ref, before, uid)
        marked = {**before["metadata"], "deletionGracePeriodSeconds": 0}
        marked.setdefault("deletionTimestamp", self._timestamp())
        self._commit("Pod", (ref.namespace, ref.name), before, {**before, "metadata": marked}, link)

    def check_space(self) -> None:
        """Refuse a deletion that stores a mark: unlike a removal it needs space."""
        if self.full_count:
            raise ServerError(SPACE_EXCEEDED, reason="InternalError")

    def _hold(self, ref: Ref, before: Resource, finalizers: list[str], link: Link) -> None:
        """Mark an object as going until its finalizers are gone."""
        if "deletionTimestamp" in before["metadata"]:
            return
        self.check_space()
        marked = {**before["metadata"], "deletionTimestamp": self._timestamp(), "finalizers": finalizers}
        after = {**before, "metadata": marked}
        if ref.kind != "Namespace":  # which has no grace period
            marked["deletionGracePeriodSeconds"] = 0
        else:
            after["status"] = {**(before.get("status") or {}), "phase": "Terminating"}
        self._commit(ref.kind, (ref.namespace, ref.name), before, after, link)

    def finalized(self, ref: Ref, finalizer: str, link: Link) -> None:
        """Take a finalizer off an object that is going; with the last one the object goes."""
        before = self.get(ref)
        left = [one for one in before["metadata"].get("finalizers") or () if one != finalizer]
        if not left and "deletionTimestamp" in before["metadata"]:
            self.remove(ref, link)
            return
        self.patch(ref, {"metadata": {"finalizers": left}}, link)

    @staticmethod
    def check_uid(ref: Ref, resource: Resource, uid: str | None) -> None:
        """Raise `Conflict` unless the object is the one that the caller means."""
        found = resource["metadata"]["uid"]
        if uid is not None and found != uid:
            raise other_uid(ref, uid, found)

    def _commit(
        self, kind: str, key: Key, before: Resource | None, after: dict[str, Any], link: Link
    ) -> Resource:
        self.version = version = self.version + 1
        after["metadata"] = metadata = {**after["metadata"], "resourceVersion": str(version)}
        self.objects[kind][key] = after
        index = self._labels.get(kind)
        if index is not None and (
            before is None or before["metadata"].get("labels") is not metadata.get("labels")
        ):
            _index(index, key, before, after)
        for published in self.published:
            published(kind, before, after, link)
        return after

    def _uid(self, kind: str, namespace: str, name: str) -> str:
        """Derive a uid from the name and from how many objects have borne it before."""
        path = f"{kind}/{namespace}/{name}"
        life = self._lives.get(path, 0)
        self._lives[path] = life + 1
        text = hashlib.blake2b(f"{path}/{life}".encode(), digest_size=16).hexdigest()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _index(
    index: dict[tuple[str, str], dict[Key, None]], key: Key, before: Resource | None, after: Resource | None
) -> None:
    """Move an object in an index by label, if its labels have changed."""
    old = before["metadata"].get("labels") if before else None
    new = after["metadata"].get("labels") if after else None
    if old is new or old == new:
        return
    for label in (old or {}).items():
        index.get(label, {}).pop(key, None)
    for label in (new or {}).items():
        index.setdefault(label, {})[key] = None
