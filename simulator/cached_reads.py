"""Reads from the watch cache: no call and no wait, and what the watch has not delivered yet is not seen.

An engine that keeps such a cache follows the kinds it reads with a watch, as controllers do. It sees the
past, its own writes included; its writes carry the version that they saw, and are refused if that is not
the latest.
"""

from engine.core.effects import Ref, Resource, Selection
from engine.core.errors import NotFound
from simulator.cluster.store import selects
from simulator.cluster.watch import Watch


class CachedReads:
    """Answers `Get` and `List` from one watch cache."""

    __slots__ = ("_watch",)

    def __init__(self, watch: Watch) -> None:
        """Read what `watch` has delivered."""
        self._watch = watch

    def get(self, ref: Ref) -> Resource:
        """Return the object as it was delivered last; raises `NotFound`."""
        found = self._watch.cache.get(ref.kind, {}).get((ref.namespace, ref.name))
        if found is None:
            message = f"{ref} not found"
            raise NotFound(message)
        return found

    def select(self, selection: Selection) -> list[Resource]:
        """Return the objects of a selection in order of namespace and name."""
        of_kind = self._watch.cache.get(selection.kind, {})
        if selection.name:
            found = of_kind.get((selection.namespace, selection.name))
            return [] if found is None else [found]
        namespace = selection.namespace
        keys = [
            key
            for key, resource in of_kind.items()
            if (not namespace or key[0] == namespace) and selects(selection.labels, resource)
        ]
        return [of_kind[key] for key in sorted(keys)]
