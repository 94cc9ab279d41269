"""Watch fan-out: every write reaches the watchers' caches after a delay, in order.

All watchers of the model share one cache with one delay, as they watch one API server. Controllers act on
this cache, so they see the past, as real ones do.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Resource
from simulator.agenda import Agenda
from simulator.attribution import Link
from simulator.cluster.changes import OWNED, changes_of, controller_kind
from simulator.cluster.objects import key_of
from simulator.cluster.store import Key
from simulator.streams import Constant, Sampler, Stream, entity

Handler = Callable[["Resource | None", "Resource | None", Link], None]
"""Told of (before, after, link): before is None for a new object, after is None for one that is gone."""


class Watch:
    """The shared watch cache and its subscribers."""

    def __init__(self, agenda: Agenda, delay: Sampler, stream: Stream) -> None:
        """Deliver each write `delay` after its commit, never before an earlier one."""
        self.cache: dict[str, dict[Key, Resource]] = {}
        self.changes = 0  # what the delivery under way changed (`simulator.cluster.changes`)
        self._agenda = agenda
        self._delay = delay
        self._constant_ns = delay.ns if isinstance(delay, Constant) else None
        self._stream = stream
        self._delivered_at = 0
        self._counts: dict[str, int] = {}
        self._handlers: dict[str, list[tuple[Handler, int, str]]] = {}
        self._routes: dict[tuple[str, int, str], list[Handler]] = {}

    def load(self, objects: Mapping[str, Mapping[Key, Resource]]) -> None:
        """Fill the cache with what exists before time 0."""
        self.cache = {kind: dict(of_kind) for kind, of_kind in objects.items()}

    def subscribe(self, kinds: Iterable[str], handler: Handler, changes: int = 0, owner: str = "") -> None:
        """Call `handler` for every delivery of these kinds; earlier subscribers are called first.

        With `changes` only for deliveries that changed one of them; with `owner` only for pods that a
        controller of this kind owns, or whose owner may have changed.
        """
        for kind in kinds:
            self._handlers.setdefault(kind, []).append((handler, changes, owner))
        self._routes.clear()

    def published(self, kind: str, before: Resource | None, after: Resource | None, link: Link) -> None:
        """Send a write on its way."""
        agenda = self._agenda
        now = agenda.now
        delay_ns = self._constant_ns
        if delay_ns is None:
            name = f"{kind}/{'/'.join(key_of(after or before or {}))}"
            ordinal = self._counts[name] = self._counts.get(name, 0) + 1
            at = max(self._delivered_at, now + self._delay(self._stream.uniform(entity(name), ordinal)))
            self._delivered_at = at
            delay_ns = at - now
        seen: Link = (link, Cause.WATCH_DELAY, now + delay_ns, None)
        agenda.after(delay_ns, partial(self.deliver, kind, before, after, seen))

    def deliver(
        self, kind: str, before: Resource | None, after: Resource | None, link: Link, _entry: Any = None
    ) -> None:
        """Put a write into the cache and tell the subscribers."""
        of_kind = self.cache.get(kind)
        if of_kind is None:
            of_kind = self.cache[kind] = {}
        if after is None:
            assert before is not None
            of_kind.pop(key_of(before), None)
        else:
            of_kind[key_of(after)] = after
        self.changes = changes = changes_of(kind, before, after)
        owner = controller_kind(after or before or {}) if kind == "Pod" else ""
        route = self._routes.get((kind, changes, owner))
        if route is None:
            route = self._routes[kind, changes, owner] = self._route(kind, changes, owner)
        for handler in route:
            handler(before, after, link)

    def _route(self, kind: str, changes: int, owner: str) -> list[Handler]:
        """Return whom a delivery concerns."""
        return [
            handler
            for handler, concern, owned_by in self._handlers.get(kind, ())
            if (not concern or concern & changes) and (not owned_by or owned_by == owner or changes & OWNED)
        ]
