"""What the watches have told: one follower a kind, a shared cache that only the loop's thread touches.

A follower lists, then watches from the list's version; a connection that breaks is opened again from the
last version heard of, after a while that grows and is never the same; what the server calls gone is listed
anew (client-go tools/cache/reflector.go).
"""

import json
import random
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from engine.core.effects import Resource, Selection
from engine.core.errors import ActionError, Gone, Unreachable
from engine.live.api import KubernetesApi, key_of
from engine.live.loop import Loop

Key = tuple[str, str]
Heard = Callable[[str, Key, Resource | None, Resource | None], None]
"""Told of each change once it is in the cache: kind, key, the object before and after."""

WATCH_S: Final = 300  # how long one watch lasts; a little more or less, so that not all end at once
BACKOFF_S: Final = 0.8  # before a connection is made again
BACKOFF_S_MAX: Final = 30.0
JOIN_S: Final = 2.0


class WatchCache:
    """Objects by kind, as far as anybody has asked for them."""

    def __init__(self, api: KubernetesApi, loop: Loop, heard: Heard) -> None:
        """Follow nothing yet."""
        self._api, self._loop, self._heard = api, loop, heard
        self._objects: dict[str, dict[Key, Resource]] = {}  # of the kinds that have been listed
        self._followers: dict[str, _Follower] = {}
        self.relists_count = 0
        self.troubles: dict[str, str] = {}  # what keeps a kind from being followed, while it does

    def follow(self, kind: str) -> None:
        """Begin to follow a kind, if nobody has."""
        if kind not in self._followers:
            self._followers[kind] = follower = _Follower(self._api, kind, self)
            follower.start()

    def is_known(self, kind: str) -> bool:
        """Say whether a kind has been listed."""
        return kind in self._objects

    def select(self, selection: Selection) -> list[Resource]:
        """Return the objects of a selection, in order of namespace and name."""
        found = self._objects.get(selection.kind, {})
        return [found[key] for key in sorted(found) if belongs(selection, key, found[key])]

    def stop(self) -> None:
        """Follow nothing any more, from the next thing on that is heard."""
        for follower in self._followers.values():
            follower.stop()

    def join(self) -> None:
        """Wait for the followers to end, once the connection is closed."""
        for follower in self._followers.values():
            follower.join(JOIN_S)

    # What followers send, from their own threads.

    def listed(self, kind: str, items: list[Resource]) -> None:
        """Take in all objects of a kind."""
        self._loop.post(partial(self._replace, kind, items))

    def changed(self, kind: str, resource: Resource | None, key: Key) -> None:
        """Take in one object; None: it is gone."""
        self._loop.post(partial(self._put, kind, key, resource))

    def in_trouble(self, kind: str, why: str) -> None:
        """Note what keeps a kind from being followed; an empty text: nothing."""
        self._loop.post(partial(self._note, kind, why))

    def _note(self, kind: str, why: str) -> None:
        if why:
            self.troubles[kind] = why
        else:
            self.troubles.pop(kind, None)

    def _replace(self, kind: str, items: list[Resource]) -> None:
        self.relists_count += kind in self._objects
        new = {key_of(item): item for item in items}
        old = self._objects.get(kind, {})
        self._objects[kind] = new
        for key in sorted(old.keys() | new.keys()):
            before, after = old.get(key), new.get(key)
            if before is None or after is None or version_of(before) != version_of(after):
                self._heard(kind, key, before, after)
        if not new:
            self._heard(kind, ("", ""), None, None)  # whoever waits for the first list is told all the same

    def _put(self, kind: str, key: Key, resource: Resource | None) -> None:
        objects = self._objects.setdefault(kind, {})
        before = objects.get(key)
        if resource is None:
            objects.pop(key, None)
        else:
            objects[key] = resource
        self._heard(kind, key, before, resource)


class _Follower(threading.Thread):
    """Lists and watches one kind."""

    def __init__(self, api: KubernetesApi, kind: str, cache: WatchCache) -> None:
        super().__init__(name=f"watch-{kind}", daemon=True)
        self._api, self._kind, self._cache = api, kind, cache
        self._over = threading.Event()
        self._failures = 0
        self._version = ""  # the last heard of; empty: a list is due

    def stop(self) -> None:
        self._over.set()

    def run(self) -> None:
        while not self._over.is_set():
            try:
                if not self._version:
                    items, self._version = self._api.list(Selection(self._kind))
                    self._cache.listed(self._kind, items)
                    self._well()
                self._watch()
            except Gone:
                self._version = ""
            except ActionError as error:
                self._failed(str(error))
            except Exception as error:  # noqa: BLE001 - whatever a library makes of a connection that is closed
                self._failed(f"{type(error).__name__}: {error}")

    def _well(self) -> None:
        if self._failures:
            self._cache.in_trouble(self._kind, "")
        self._failures = 0

    def _failed(self, why: str) -> None:
        self._failures += 1
        self._cache.in_trouble(self._kind, why)
        longest = min(BACKOFF_S * 2 ** min(self._failures - 1, 10), BACKOFF_S_MAX)
        self._over.wait(longest * random.uniform(0.5, 1.0))  # noqa: S311 - so that not all come at once

    def _watch(self) -> None:
        """Follow from the last version on until the watch ends."""
        lasts_s = round(WATCH_S * random.uniform(0.8, 1.2))  # noqa: S311
        with self._api.watch(self._kind, self._version, lasts_s) as lines:
            for line in lines:
                if self._over.is_set():
                    return
                if line.strip():
                    self._take(_event(line))
                    self._well()

    def _take(self, event: Mapping[str, Any]) -> None:
        kind, resource = event.get("type"), event.get("object") or {}
        if kind == "ERROR":
            message = str(resource.get("message", "the watch has failed"))
            if resource.get("code") == 410:
                raise Gone(message)
            raise ActionError(message, reason=str(resource.get("reason") or "WatchFailed"))
        if kind != "BOOKMARK":
            self._cache.changed(self._kind, None if kind == "DELETED" else resource, key_of(resource))
        self._version = version_of(resource) or self._version


def _event(line: str) -> Mapping[str, Any]:
    """Return the event of a line; one that is cut means that the connection has broken."""
    try:
        event: Mapping[str, Any] = json.loads(line)
    except ValueError as error:
        message = f"the watch broke off in the middle of an event: {error}"
        raise Unreachable(message) from error
    return event


def version_of(resource: Resource) -> str:
    """Return the version of an object."""
    return str(resource["metadata"].get("resourceVersion", ""))


def belongs(selection: Selection, key: Key, resource: Resource) -> bool:
    """Say whether an object is one of a selection."""
    if selection.namespace and key[0] != selection.namespace:
        return False
    if selection.name and key[1] != selection.name:
        return False
    labels = resource["metadata"].get("labels") or {}
    return all(labels.get(name) == value for name, value in selection.labels)
