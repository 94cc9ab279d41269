"""Who owns a pod: controllers let go of pods whose labels no longer match, and adopt orphans that do.

The rule is kube-controller-manager's (pkg/controller/controller_ref_manager.go ClaimPods). Its workers do it
when they sync; here it follows the change of labels at once, by the same client.
"""

from functools import partial
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from engine.core.errors import ApiError
from simulator.agenda import Agenda
from simulator.attribution import Link, extend
from simulator.cluster.apiserver import Call, Client
from simulator.cluster.changes import NEW, OWNED
from simulator.cluster.injection import PATCH_POD
from simulator.cluster.objects import is_active, key_of, matches
from simulator.cluster.offspring import owner_reference
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import backoff_ns

_OWNERS = ("ReplicaSet", "StatefulSet", "DaemonSet")


class Claiming:
    """Watches the labels of pods."""

    def __init__(self, agenda: Agenda, store: Store, watch: Watch, client: Client) -> None:
        """Act on changes from now on; pods that exist before time 0 are left with the owners they have."""
        self._agenda = agenda
        self._store = store
        self._watch = watch
        self._client = client
        watch.subscribe(("Pod",), self._pod_changed, NEW + OWNED)

    def _pod_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        if after is None:
            return
        metadata = after["metadata"]
        labels = metadata.get("labels")
        controllers = [one for one in metadata.get("ownerReferences") or () if one.get("controller")]
        if before is None:
            if not controllers:
                self._adopt(after, link)
            return
        if before["metadata"].get("labels") is labels:
            return  # a write shares what it did not change
        self._claim(after, link)

    def _claim(self, pod: Resource, link: Link, failures: int = 0) -> None:
        """Let a pod of nobody's be adopted, and one go whose labels no longer match."""
        metadata = pod["metadata"]
        if not is_active(pod):
            return
        controllers = [one for one in metadata.get("ownerReferences") or () if one.get("controller")]
        if not controllers:
            self._adopt(pod, link, failures)
        elif controllers[0]["kind"] in _OWNERS:
            namespace, _ = key_of(pod)
            owner = self._watch.cache.get(controllers[0]["kind"], {}).get((namespace, controllers[0]["name"]))
            if owner is not None and not matches(owner["spec"].get("selector"), metadata.get("labels")):
                self._write(pod, None, link, failures)

    def _adopt(self, pod: Resource, link: Link, failures: int = 0) -> None:
        """Give the pod to the first owner whose selector matches."""
        namespace, _ = key_of(pod)
        for kind in _OWNERS:
            for key, owner in sorted(self._watch.cache.get(kind, {}).items()):
                selector = owner["spec"].get("selector")
                if key[0] == namespace and matches(selector, pod["metadata"].get("labels")):
                    self._write(pod, owner, link, failures)
                    return

    def _write(self, pod: Resource, owner: Resource | None, link: Link, failures: int) -> None:
        namespace, name = key_of(pod)
        references = None if owner is None else [owner_reference(owner)]
        operation = partial(self._patch, Ref("Pod", name, namespace), pod["metadata"]["uid"], references)
        call = self._client.write(
            operation, self._client.repeated(f"claim/{namespace}/{name}"), link, PATCH_POD
        )
        call.done = partial(self._written, key_of(pod), failures)

    def _written(self, key: Key, failures: int, call: Call) -> None:
        """Look at the pod again after a back-off where the write was refused."""
        if call.error is not None:
            wait_ns = backoff_ns(failures)
            link = extend(call.link, Cause.CONTROLLER_QUEUE, self._agenda.now + wait_ns)
            self._agenda.after(wait_ns, partial(self._again, key, failures + 1, link))

    def _again(self, key: Key, failures: int, link: Link, _entry: Any) -> None:
        pod = self._watch.cache.get("Pod", {}).get(key)
        if pod is not None:
            self._claim(pod, link, failures)

    def _patch(self, ref: Ref, uid: str, references: list[dict[str, object]] | None, link: Link) -> None:
        try:
            self._store.check_uid(ref, self._store.get(ref), uid)
            self._store.patch(ref, {"metadata": {"ownerReferences": references}}, link)
        except ApiError:
            return  # it is gone, or another by now
