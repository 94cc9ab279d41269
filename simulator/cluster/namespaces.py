"""The namespace controller: a namespace that is deleted stays Terminating until all that it holds is gone.

It deletes one kind after the other (a collection each), comes back after half of the longest grace period of
its pods and a second, and finalizes the namespace when nothing is left (pkg/controller/namespace/deletion).
Meanwhile nothing can be created in it (admission plug-in NamespaceLifecycle).
"""

from collections.abc import Generator
from functools import partial
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from engine.core.errors import ApiError, Forbidden
from simulator.attribution import Link
from simulator.cluster.apiserver import Client
from simulator.cluster.finalizers import NAMESPACE, is_held
from simulator.cluster.instants import SECOND_NS
from simulator.cluster.objects import is_terminating
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import WorkQueue
from simulator.tasks import Waitable


class NamespaceController:
    """Empties namespaces that are going."""

    def __init__(self, store: Store, watch: Watch, client: Client) -> None:
        """Follow namespaces. Keys of the queue are ("", name)."""
        self.queue: WorkQueue
        self._store = store
        self._watch = watch
        self._client = client
        self._refusing: dict[str, None] = {}  # kinds that admission looks at
        watch.subscribe(("Namespace",), self._changed)

    def _changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        if after is None or not is_held(after, NAMESPACE) or (before is not None and is_terminating(before)):
            return
        self._refuse()
        self.queue.add(("", after["metadata"]["name"]), link)

    def _refuse(self) -> None:
        """Let admission look at new objects, now that a namespace is going."""
        for kind in self._store.objects:
            if kind not in self._refusing and kind not in ("Namespace", "Node"):
                self._refusing[kind] = None
                self._store.admit.setdefault(kind, []).append(self._admit)

    def _admit(self, resource: Resource) -> None:
        metadata = resource["metadata"]
        namespace = self._store.objects.get("Namespace", {}).get(("", metadata.get("namespace", "")))
        if namespace is not None and is_terminating(namespace):
            name = namespace["metadata"]["name"]
            message = (
                f'{resource["kind"]} "{metadata["name"]}" is forbidden: unable to create new content in '
                f"namespace {name} because it is being terminated"
            )
            raise Forbidden(message)

    def sync(self, key: Key, link: Link) -> Generator[int | Waitable, Any, bool]:
        """Delete what a namespace holds, or the namespace when it holds nothing."""
        found = self._watch.cache.get("Namespace", {}).get(key)
        if found is None or not is_held(found, NAMESPACE):
            return False
        name, grace_s = key[1], 0
        for kind in sorted(self._store.objects):
            if not any(one[0] == name for one in self._store.objects[kind]):
                continue
            operation = partial(self._delete_all, kind, name)
            call = self._client.write(
                operation, self._client.repeated(f"empty/{kind}/{name}"), link, ("delete", kind)
            )
            yield call
            call.check()
            link, grace_s = call.link, max(grace_s, call.value or 0)
        if any(one[0] == name for of_kind in self._store.objects.values() for one in of_kind):
            again_ns = (grace_s // 2 + 1) * SECOND_NS
            self.queue.add_after(again_ns, key, link, Cause.TERMINATION_GRACE)
            return False
        finalize = partial(self._finalize, Ref("Namespace", name))
        call = self._client.write(
            finalize, self._client.repeated(f"finalize/{name}"), link, ("update", "Namespace")
        )
        yield call
        call.check()
        return False

    def _delete_all(self, kind: str, namespace: str, link: Link) -> int:
        """Delete a collection; return the longest grace period of what is left, in seconds."""
        grace_s = 0
        for key in sorted(one for one in self._store.objects[kind] if one[0] == namespace):
            self._store.delete(Ref(kind, key[1], namespace), link)
            left = self._store.objects[kind].get(key)
            if left is not None:
                grace_s = max(grace_s, left["metadata"].get("deletionGracePeriodSeconds", 0))
        return grace_s

    def _finalize(self, ref: Ref, link: Link) -> None:
        try:
            self._store.finalized(ref, NAMESPACE, link)
        except ApiError:
            return
