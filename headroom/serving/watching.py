"""Watches: what happens to a selection, as lines of JSON that come for as long as the client listens."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from engine.core.errors import ApiError
from headroom.serving import forms, tables
from headroom.serving.asked import Asked
from headroom.serving.operations import selected
from headroom.serving.problems import of_error
from headroom.serving.selecting import Predicate
from headroom.serving.world import World
from simulator.cluster.listing import Watcher

BEHIND_MAX: Final = 10_000  # events that a slow client may lag behind before it is cut off
TIMEOUT_S: Final = 1_800  # of a watch that names none (--min-request-timeout)


class Watching:
    """One watch over HTTP."""

    def __init__(self, world: World, asked: Asked, *, as_table: bool) -> None:
        """Begin to listen; raises a `Refusal` if the selectors are wrong."""
        self._world = world
        self._asked = asked
        self._as_table = as_table
        self._selection, self._wanted = selected(asked)
        self._lasts_s = asked.count("timeoutSeconds") or TIMEOUT_S
        self._shown: dict[str, None] = {}  # uids that a predicate has let through so far
        self._events: asyncio.Queue[bytes | None] = asyncio.Queue(BEHIND_MAX)
        self._watcher: Watcher | None = None
        self._first_row = True

    def start(self) -> None:
        """Register with the model; what is too old is told in the stream, as a server does."""
        version = self._asked.query.get("resourceVersion", "")
        try:
            self._watcher = self._world.listing.watch(
                self._selection, self._told, version, bookmarks=self._asked.flag("allowWatchBookmarks")
            )
        except ApiError as error:
            self._put("ERROR", of_error(error, {}).status)
            self._events.put_nowait(None)

    def _told(self, kind: str, resource: Mapping[str, Any]) -> None:
        kind = kind if kind == "BOOKMARK" else self._filtered(kind, resource, self._wanted)
        if not kind:
            return
        if kind == "BOOKMARK":
            head = {"kind": self._asked.resource.kind, "apiVersion": self._asked.resource.group_version}
            self._put(kind, {**head, **{key: item for key, item in resource.items() if key not in head}})
        elif self._as_table:
            self._put(kind, self._row(resource))
        else:
            self._put(kind, forms.shown(self._asked.resource, resource))

    def _filtered(self, kind: str, resource: Mapping[str, Any], wanted: Predicate | None) -> str:
        """Return what an event is to somebody who sees only what a predicate lets through."""
        if wanted is None:
            return kind
        uid: str = resource["metadata"]["uid"]
        was, is_now = uid in self._shown, kind != "DELETED" and wanted(resource)
        if is_now:
            self._shown[uid] = None
            return "MODIFIED" if was else "ADDED"
        self._shown.pop(uid, None)
        return "DELETED" if was else ""

    def _row(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        version = {"resourceVersion": resource["metadata"].get("resourceVersion", "")}
        drawn = tables.table(self._asked.resource, [resource], version, self._world.cluster.timestamp())
        if not self._first_row:
            drawn["columnDefinitions"] = []
        self._first_row = False
        return drawn

    def _put(self, kind: str, body: Mapping[str, Any]) -> None:
        line = json.dumps({"type": kind, "object": body}, separators=(",", ":")).encode() + b"\n"
        try:
            self._events.put_nowait(line)
        except asyncio.QueueFull:  # it lists anew, as after any break
            self.close()

    def close(self) -> None:
        """Stop listening."""
        if self._watcher is not None:
            self._watcher.close()
        if not self._events.full():
            self._events.put_nowait(None)

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield events until the time is up, the client has gone, or it is too slow."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._lasts_s
        try:
            while True:
                try:
                    line = await asyncio.wait_for(self._events.get(), until - loop.time())
                except TimeoutError:
                    return
                if line is None or (self._watcher is not None and not self._watcher.is_open):
                    return
                yield line
        finally:
            self.close()
