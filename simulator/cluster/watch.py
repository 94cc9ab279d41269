"""Watch fan-out: every write reaches the watchers' caches after a delay, in order.

All watchers of the model share one cache with one delay, as they watch one API server. Controllers act on
this cache, so they see the past, as real ones do.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

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


_ALL: Final = 1 << 62


def _uid(resource: Resource) -> str:
    uid: str = resource["metadata"]["uid"]
    return uid


Tap = Callable[[str, "Resource | None", "Resource | None"], None]


class Watch:
    """The shared watch cache and its subscribers."""

    def __init__(self, agenda: Agenda, delay: Sampler, stream: Stream) -> None:
        """Deliver each write `delay` after its commit, never before an earlier one."""
        self.cache: dict[str, dict[Key, Resource]] = {}
        self.changes = 0  # what the delivery under way changed (`simulator.cluster.changes`)
        self._agenda = agenda
        self._delay = delay
        self._constant_ns = delay.ns if isinstance(delay, Constant) else None
        self._extra_ns = 0
        self._missed_to = 0  # deliveries up to this version are not to be had: the connection broke meanwhile
        self._missed: dict[tuple[str, Key], Link] = {}  # what led to the last write of each that was lost
        self.taps: list[Tap] = []
        """Told of every delivery once it is in the cache, before the subscribers."""
        self.on_drop: Callable[[], None] | None = None
        """Sees to it that the caches are whole again; without, they stand still for good."""
        self.relisted: list[Callable[[Link], None]] = []
        """Told when they are whole again."""
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
            drawn_ns = self._delay(self._stream.uniform(entity(name), ordinal)) + self._extra_ns
            at = max(self._delivered_at, now + drawn_ns)
            self._delivered_at = at
            delay_ns = at - now
        seen: Link = (link, Cause.WATCH_DELAY, now + delay_ns, None)
        agenda.after(delay_ns, partial(self.deliver, kind, before, after, seen))

    def deliver(
        self, kind: str, before: Resource | None, after: Resource | None, link: Link, _entry: Any = None
    ) -> None:
        """Put a write into the cache and tell the subscribers."""
        if self._missed_to and self._is_missed(kind, before, after, link):
            return
        of_kind = self.cache.get(kind)
        if of_kind is None:
            of_kind = self.cache[kind] = {}
        if after is None:
            assert before is not None
            of_kind.pop(key_of(before), None)
        else:
            of_kind[key_of(after)] = after
        if self.taps:
            for tap in self.taps:
                tap(kind, before, after)
        self.changes = changes = changes_of(kind, before, after)
        owner = controller_kind(after or before or {}) if kind == "Pod" else ""
        route = self._routes.get((kind, changes, owner))
        if route is None:
            route = self._routes[kind, changes, owner] = self._route(kind, changes, owner)
        for handler in route:
            handler(before, after, link)

    def lag(self, extra_ns: int) -> None:
        """Let deliveries be later by `extra_ns` from now on (0: no more), in order all the same."""
        if self._constant_ns is not None:
            self._delivered_at = max(self._delivered_at, self._agenda.now + self._constant_ns)
            self._constant_ns = None
        self._extra_ns = extra_ns

    @property
    def extra_ns(self) -> int:
        """By how much deliveries are later than usual."""
        return self._extra_ns

    def drop(self) -> None:
        """Break the connection: what was on its way is lost, the caches stand still until the relist."""
        if self._missed_to == _ALL:
            return
        self._missed_to = _ALL
        if self.on_drop is not None:
            self.on_drop()

    @property
    def is_connected(self) -> bool:
        """Whether deliveries reach the caches."""
        return self._missed_to != _ALL

    def relist(self, objects: Mapping[str, Mapping[Key, Resource]], version: int, link: Link) -> None:
        """Take in the objects as of `version`: tell of each difference, as of one write after the other."""
        missed, self._missed = self._missed, {}
        self._missed_to = 0
        for kind in sorted({**self.cache, **objects}):
            known, found = self.cache.get(kind, {}), objects.get(kind, {})
            for key in sorted({**known, **found}):
                before, after = known.get(key), found.get(key)
                if before is after:
                    continue
                led = missed.get((kind, key))
                why = link if led is None else (led, Cause.WATCH_DELAY, self._agenda.now, None)
                if before is not None and after is not None and _uid(before) != _uid(after):
                    self.deliver(kind, before, None, why)  # another object of the same name
                    before = None
                self.deliver(kind, before, after, why)
        self._missed_to = version
        for told in self.relisted:
            told(link)

    def _is_missed(self, kind: str, before: Resource | None, after: Resource | None, link: Link) -> bool:
        """Say whether a delivery was lost, or is of what the relist has brought.

        Deliveries come in order: the first write after the relist ends the asking.
        """
        key = key_of(after or before or {})
        if self._missed_to == _ALL:
            self._missed[kind, key] = link
            return True
        if after is None:
            held = self.cache.get(kind, {}).get(key)
            return held is None or _uid(held) != _uid(before or {})
        if int(after["metadata"]["resourceVersion"]) <= self._missed_to:
            return True
        self._missed_to = 0
        return False

    def _route(self, kind: str, changes: int, owner: str) -> list[Handler]:
        """Return whom a delivery concerns."""
        return [
            handler
            for handler, concern, owned_by in self._handlers.get(kind, ())
            if (not concern or concern & changes) and (not owned_by or owned_by == owner or changes & OWNED)
        ]
