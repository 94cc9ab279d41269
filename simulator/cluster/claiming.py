"""Who owns a pod: controllers let go of pods whose labels no longer match, and adopt orphans that do.

The rule is kube-controller-manager's (pkg/controller/controller_ref_manager.go ClaimPods). Its workers do it
when they sync; here it follows the change of labels at once, by the same client.
"""

from functools import partial

from engine.core.effects import Ref, Resource
from engine.core.errors import ApiError
from simulator.attribution import Link
from simulator.cluster.apiserver import Client
from simulator.cluster.changes import NEW, OWNED
from simulator.cluster.objects import is_active, key_of, matches
from simulator.cluster.offspring import owner_reference
from simulator.cluster.store import Store
from simulator.cluster.watch import Watch

_OWNERS = ("ReplicaSet", "StatefulSet", "DaemonSet")


class Claiming:
    """Watches the labels of pods."""

    def __init__(self, store: Store, watch: Watch, client: Client) -> None:
        """Act on changes from now on; pods that exist before time 0 are left with the owners they have."""
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
        if before["metadata"].get("labels") is labels or not is_active(after):
            return  # a write shares what it did not change
        if not controllers:
            self._adopt(after, link)
        elif controllers[0]["kind"] in _OWNERS:
            namespace, _ = key_of(after)
            owner = self._watch.cache.get(controllers[0]["kind"], {}).get((namespace, controllers[0]["name"]))
            if owner is not None and not matches(owner["spec"].get("selector"), labels):
                self._write(after, None, link)

    def _adopt(self, pod: Resource, link: Link) -> None:
        """Give the pod to the first owner whose selector matches."""
        namespace, _ = key_of(pod)
        for kind in _OWNERS:
            for key, owner in sorted(self._watch.cache.get(kind, {}).items()):
                selector = owner["spec"].get("selector")
                if key[0] == namespace and matches(selector, pod["metadata"].get("labels")):
                    self._write(pod, owner, link)
                    return

    def _write(self, pod: Resource, owner: Resource | None, link: Link) -> None:
        namespace, name = key_of(pod)
        references = None if owner is None else [owner_reference(owner)]
        operation = partial(self._patch, Ref("Pod", name, namespace), pod["metadata"]["uid"], references)
        self._client.write(operation, self._client.repeated(f"claim/{namespace}/{name}"), link)

    def _patch(self, ref: Ref, uid: str, references: list[dict[str, object]] | None, link: Link) -> None:
        try:
            self._store.check_uid(ref, self._store.get(ref), uid)
            self._store.patch(ref, {"metadata": {"ownerReferences": references}}, link)
        except ApiError:
            return  # it is gone, or another by now
