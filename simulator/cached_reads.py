"""Reads from the watch cache: no call and no wait, and what the watch has not delivered yet is not seen.

An engine that keeps such a cache follows the kinds it reads with a watch, as controllers do, and keeps what
its own writes returned until the watch has caught up (client-go calls that a mutation cache): without it, two
steps that read, change and write under one lock would lose updates. Of others' writes it sees the past;
guarded writes carry the version that was seen, and are refused if that is not the latest.
"""

from typing import Any

from engine.core.effects import Ref, Resource, Selection
from engine.core.errors import NotFound
from simulator.attribution import Link
from simulator.cluster.objects import key_of
from simulator.cluster.store import Key, selects
from simulator.cluster.watch import Watch


class CachedReads:
    """Answers `Get` and `List` from one watch cache."""

    __slots__ = ("_own", "_watch")

    def __init__(self, watch: Watch) -> None:
        """Read what `watch` has delivered."""
        self._watch = watch
        self._own: dict[str, dict[Key, Resource]] = {}  # written, and not delivered yet

    def note(self, written: Any) -> None:
        """Keep what a write returned until the watch delivers it, or what came after it."""
        if not isinstance(written, dict) or "metadata" not in written:
            return
        kind, key = written["kind"], key_of(written)
        if kind not in self._own:
            self._own[kind] = {}
            self._watch.subscribe((kind,), self._delivered)
        seen = self._watch.cache.get(kind, {}).get(key)
        if seen is None or _version(seen) < _version(written):
            self._own[kind][key] = written

    def _delivered(self, before: Resource | None, after: Resource | None, _link: Link) -> None:
        resource = after or before or {}
        own = self._own[resource["kind"]]
        key = key_of(resource)
        kept = own.get(key)
        if kept is not None and (after is None or _version(after) >= _version(kept)):
            del own[key]

    def get(self, ref: Ref) -> Resource:
        """Return the object as it was written or delivered last; raises `NotFound`."""
        key = (ref.namespace, ref.name)
        found = self._own.get(ref.kind, {}).get(key) or self._watch.cache.get(ref.kind, {}).get(key)
        if found is None:
            message = f"{ref} not found"
            raise NotFound(message)
        return found

    def select(self, selection: Selection) -> list[Resource]:
        """Return the objects of a selection in order of namespace and name."""
        of_kind = self._watch.cache.get(selection.kind, {})
        if own := self._own.get(selection.kind):
            of_kind = {**of_kind, **own}
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


def _version(resource: Resource) -> int:
    return int(resource["metadata"]["resourceVersion"])
