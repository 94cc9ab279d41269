"""Lists and watches by resource version, as a client of the API sees them.

What a front end of the modelled API needs: lists that are consistent, "any" or exact, in pages; watches from
a version on, with bookmarks; and 410 where the past is gone. Nothing is kept unless this is asked for.

Sources: kubernetes.io/docs/reference/using-api/api-concepts; apiserver/pkg/storage/cacher (the window of
events), etcd3/compact.go (lists of the past).
"""

import base64
import json
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from engine.core.effects import Resource, Selection
from engine.core.errors import ApiError, Gone, Invalid, ServerError
from simulator.agenda import Agenda
from simulator.attribution import Link
from simulator.cluster.objects import key_of
from simulator.cluster.store import Key, Store, selects
from simulator.cluster.watch import Watch

SECOND_NS: Final = 1_000_000_000
FRESH_NS: Final = 75 * SECOND_NS  # watch_cache.go eventFreshDuration
WINDOW_MIN: Final = 100  # watch_cache.go defaultLowerBoundCapacity, of each kind
COMPACTED_NS: Final = 300 * SECOND_NS  # --etcd-compaction-interval
BOOKMARK_NS: Final = 60 * SECOND_NS  # cacher.go defaultBookmarkFrequency

Match = Literal["", "Exact", "NotOlderThan"]


@dataclass(frozen=True, slots=True)
class Event:
    """One write: `before` is None for a new object, `after` for one that is gone."""

    version: int
    at_ns: int
    key: Key
    before: Resource | None
    after: Resource | None


@dataclass(frozen=True, slots=True)
class Page:
    """The answer to a list."""

    items: list[Resource]
    version: int
    more: str = ""  # the token of the next page; empty: this is the last
    remaining: int = 0


@dataclass(slots=True)
class Watcher:
    """One watch: `told` is called with (ADDED | MODIFIED | DELETED | BOOKMARK, object)."""

    selection: Selection
    told: Callable[[str, Resource], None]
    version: int
    bookmarks: bool = False
    is_open: bool = field(default=True)

    def close(self) -> None:
        """Be told of nothing any more."""
        self.is_open = False


class Listing:
    """The past of every kind, as far as it is kept, and who watches."""

    def __init__(self, agenda: Agenda, store: Store, watch: Watch) -> None:
        """Keep what is written from now on."""
        self._agenda = agenda
        self._store = store
        self._watch = watch
        self._since = store.version  # nothing is known of what was before
        self._past: dict[str, deque[Event]] = {}
        self._forgotten: dict[str, int] = {}  # the last version of a kind that was let go
        self._gone: dict[
            str, list[int]
        ] = {}  # versions at which objects went, by uid, until that is delivered
        self._delivered = store.version
        self._watchers: dict[str, list[Watcher]] = {}
        store.published.append(self._written)
        watch.taps.append(self._deliver)

    # Lists.

    def list(
        self,
        selection: Selection,
        version: str = "",
        match: Match = "",
        limit: int = 0,
        more: str = "",
    ) -> Page:
        """Return a list as of now, or by the rules of `resourceVersion`, `limit`, `continue`; raises 410."""
        if more:
            at, after = _read(more)
            objects, shown = self._as_of(selection.kind, at, _CONTINUE_TOO_OLD), at
        elif version == "0":  # whatever the cache has
            objects, shown, after = self._watch.cache.get(selection.kind, {}), self._delivered, None
        elif match == "Exact":
            shown = _number(version)
            objects, after = self._as_of(selection.kind, shown, _LIST_TOO_OLD), None
        else:
            if version:
                self._reached(_number(version))
            objects, shown, after = self._store.objects.get(selection.kind, {}), self._store.version, None
        keys = sorted(key for key, one in objects.items() if _chosen(selection, key, one))
        if after is not None:
            keys = keys[bisect_right(keys, after) :]
        if not limit or len(keys) <= limit:
            return Page([objects[key] for key in keys], shown)
        token = _token(shown, keys[limit - 1])
        return Page([objects[key] for key in keys[:limit]], shown, token, len(keys) - limit)

    def _reached(self, version: int) -> None:
        if version > self._store.version:
            message = f"Timeout: Too large resource version: {version}, current: {self._store.version}"
            raise ServerError(message, reason="Timeout")

    def _as_of(self, kind: str, version: int, too_old: str) -> dict[Key, Resource]:
        """Return the objects of a kind as they were, by undoing what came after."""
        self._reached(version)
        self._forget(kind, COMPACTED_NS)
        if version < max(self._since, self._forgotten.get(kind, 0)):
            raise Gone(too_old)
        objects = dict(self._store.objects.get(kind, {}))
        for event in reversed(self._past.get(kind, ())):
            if event.version <= version:
                break
            if event.before is None:
                objects.pop(event.key, None)
            else:
                objects[event.key] = event.before
        return objects

    # Watches.

    def watch(
        self,
        selection: Selection,
        told: Callable[[str, Resource], None],
        version: str = "",
        *,
        bookmarks: bool = False,
    ) -> Watcher:
        """Tell of what happens to a selection after a version; without one, first of all that there is.

        Raises `Gone` where the version is older than the window: the client is to list anew.
        """
        kind = selection.kind
        if version in ("", "0"):
            watcher = Watcher(selection, told, self._delivered, bookmarks)
            for key, one in sorted(self._watch.cache.get(kind, {}).items()):
                if _chosen(selection, key, one):
                    told("ADDED", one)
        else:
            since = _number(version)
            self._check_window(kind, since)
            watcher = Watcher(selection, told, since, bookmarks)
            for event in self._past.get(kind, ()):
                if since < event.version <= self._delivered:
                    _tell(watcher, event)
        self._watchers.setdefault(kind, []).append(watcher)
        if bookmarks:
            self._agenda.after(BOOKMARK_NS, lambda _entry: self._bookmark(watcher))
        return watcher

    def _check_window(self, kind: str, since: int) -> None:
        """Raise `Gone` if an event after `since` has left the window that watches are served from."""
        now = self._agenda.now
        past = self._past.get(kind, ())
        oldest = max(self._since, self._forgotten.get(kind, 0))
        for number, event in enumerate(past):
            if event.at_ns + FRESH_NS >= now or len(past) - number <= WINDOW_MIN:
                break
            oldest = event.version
        if since < oldest:
            message = f"too old resource version: {since} ({oldest})"
            raise Gone(message)

    def _bookmark(self, watcher: Watcher) -> None:
        if watcher.is_open:
            watcher.version = self._delivered
            metadata = {"resourceVersion": str(self._delivered)}
            watcher.told("BOOKMARK", {"kind": watcher.selection.kind, "metadata": metadata})
            self._agenda.after(BOOKMARK_NS, lambda _entry: self._bookmark(watcher))

    # What is written and delivered.

    def _written(self, kind: str, before: Resource | None, after: Resource | None, _link: Link) -> None:
        version = self._store.version
        if after is None:
            self._gone.setdefault(_uid(before), []).append(version)
        past = self._past.setdefault(kind, deque())
        past.append(Event(version, self._agenda.now, key_of(after or before or {}), before, after))
        if len(past) > 2 * WINDOW_MIN:
            self._forget(kind, COMPACTED_NS)

    def _forget(self, kind: str, age_ns: int) -> None:
        past, until = self._past.get(kind, deque()), self._agenda.now - age_ns
        while len(past) > WINDOW_MIN and past[0].at_ns < until:
            self._forgotten[kind] = past.popleft().version

    def _deliver(self, kind: str, before: Resource | None, after: Resource | None) -> None:
        if after is None:
            versions = self._gone.pop(_uid(before), [self._delivered])
            version = versions[-1]
        else:
            version = int(after["metadata"]["resourceVersion"])
        self._delivered = max(self._delivered, version)
        watchers = self._watchers.get(kind)
        if not watchers:
            return
        event = Event(version, self._agenda.now, key_of(after or before or {}), before, after)
        self._watchers[kind] = [watcher for watcher in watchers if watcher.is_open]
        for watcher in self._watchers[kind]:
            if version > watcher.version:
                _tell(watcher, event)


_LIST_TOO_OLD: Final = "The resourceVersion for the provided list is too old."
_CONTINUE_TOO_OLD: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results. Continuing with the provided token results in an inconsistent list - objects "
    "that were created, modified, or deleted between the time the first chunk was returned and now may show "
    "up in the list."
)


def _uid(resource: Resource | None) -> str:
    uid: str = (resource or {})["metadata"]["uid"]
    return uid


def _chosen(selection: Selection, key: Key, resource: Resource) -> bool:
    if selection.namespace and key[0] != selection.namespace:
        return False
    return (not selection.name or key[1] == selection.name) and selects(selection.labels, resource)


def _tell(watcher: Watcher, event: Event) -> None:
    """Tell one watcher; an object that comes to match is new to it, one that ceases to is gone."""
    was = event.before is not None and _chosen(watcher.selection, event.key, event.before)
    now = event.after is not None and _chosen(watcher.selection, event.key, event.after)
    watcher.version = event.version
    if event.after is not None and now:
        watcher.told("MODIFIED" if was else "ADDED", event.after)
    elif was and event.before is not None:
        shown = event.after or event.before
        metadata = {**shown["metadata"], "resourceVersion": str(event.version)}
        watcher.told("DELETED", {**event.before, "metadata": metadata})


def _number(version: str) -> int:
    if not version.isdigit():
        why = f'strconv.ParseUint: parsing "{version}": invalid syntax'
        message = f'resourceVersion: Invalid value: "{version}": {why}'
        raise Invalid(message)
    return int(version)


def _token(version: int, last: Key) -> str:
    """Write where the next page begins, as the API server's own tokens do."""
    start = f"{last[0]}/{last[1]}\0"
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(token: str) -> tuple[int, Key]:
    try:
        padded = token + "=" * (-len(token) % 4)
        found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(padded))
        namespace, _, name = str(found["start"]).rstrip("\0").partition("/")
        return int(found["rv"]), (namespace, name)
    except (ValueError, KeyError, TypeError):
        message = "continue key is not valid"
        raise BadContinue(message) from None


class BadContinue(ApiError):
    """400: a continue token that the server did not give."""

    status = 400
    reason = "BadRequest"
    retryable = False
