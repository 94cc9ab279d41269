"""What an execution may write to: the objects that it names, and what those lead to."""

from collections.abc import Container, Iterator
from typing import Any

from engine.core.effects import Ref, Resource
from simulator.attribution import Link
from simulator.cluster.objects import key_of
from simulator.cluster.store import Store

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")


class Reach:
    """Says whether a write lies within what an execution was given."""

    def __init__(self, store: Store) -> None:
        """Follow `store`, since what was removed can no longer be asked."""
        self._store = store
        self._removed: Resource = {}
        self._created: dict[Ref, str] = {}
        store.published.append(self._written)

    def _written(self, _kind: str, before: Resource | None, after: Resource | None, _link: Link) -> None:
        if after is None and before is not None:
            self._removed = before

    def created(self, ref: Ref, execution_id: str) -> None:
        """Note what an execution created: it is its own to change and to remove."""
        self._created[ref] = execution_id

    def holds(self, ref: Ref, execution_id: str, given: Container[str]) -> bool:
        """Say whether an execution that was given these names may write to `ref`, which it just did.

        A pod is given by its own name, by that of its owner or of the Deployment above, or by its node; a
        workload by its own or by that of a Secret that its pods use.
        """
        if ref.name in given or self._created.get(ref) == execution_id:
            return True
        if ref.kind == "Pod":
            owners = ref.name.rsplit("-", 1)[0], ref.name.rsplit("-", 2)[0]
            node = ((self._find(ref) or {}).get("spec") or {}).get("nodeName")
            return owners[0] in given or owners[1] in given or (node is not None and node in given)
        found = self._find(ref) if ref.kind in _WORKLOADS else None
        return found is not None and any(
            text in given and (ref.namespace, text) in self._store.objects.get("Secret", {})
            for text in _texts(found["spec"]["template"]["spec"])
        )

    def _find(self, ref: Ref) -> Resource | None:
        key = ref.namespace, ref.name
        found = self._store.objects.get(ref.kind, {}).get(key)
        if found is None and self._removed and key_of(self._removed) == key:
            return self._removed
        return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
