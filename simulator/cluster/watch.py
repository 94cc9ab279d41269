"""Watch fan-out: every write reaches the watchers' caches after a delay, in order.

All watchers of the model share one cache with one delay, as they watch one API server. Controllers act on
this cache, so they see the past, as real ones do.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Resource
from simulator.agenda import Agenda
from simulator.attribution import Link
from simulator.cluster.store import Key
from simulator.streams import Sampler, Stream

Handler = Callable[["Resource | None", "Resource | None", Link], None]
"""Told of (before, after, link): before is None for a new object, after is None for one that is gone."""


class _Delivery:
    """One write on its way to the watchers."""

    __slots__ = ("_after", "_before", "_kind", "_link", "_watch")

    def __init__(
        self, watch: "Watch", kind: str, before: Resource | None, after: Resource | None, link: Link
    ) -> None:
        self._watch = watch
        self._kind = kind
        self._before = before
        self._after = after
        self._link = link

    def __call__(self, _event: Any) -> None:
        self._watch.deliver(self._kind, self._before, self._after, self._link)


class Watch:
    """The shared watch cache and its subscribers."""

    def __init__(self, agenda: Agenda, delay: Sampler, stream: Stream) -> None:
        """Deliver each write `delay` after its commit, never before an earlier one."""
        self.cache: dict[str, dict[Key, Resource]] = {}
        self._agenda = agenda
        self._delay = delay
        self._stream = stream
        self._delivered_at = 0
        self._count = 0
        self._handlers: dict[str, list[Handler]] = {}

    def load(self, objects: Mapping[str, Mapping[Key, Resource]]) -> None:
        """Fill the cache with what exists before time 0."""
        self.cache = {kind: dict(of_kind) for kind, of_kind in objects.items()}

    def subscribe(self, kinds: Iterable[str], handler: Handler) -> None:
        """Call `handler` for every delivery of these kinds; earlier subscribers are called first."""
        for kind in kinds:
            self._handlers.setdefault(kind, []).append(handler)

    def published(self, kind: str, before: Resource | None, after: Resource | None, link: Link) -> None:
        """Send a write on its way."""
        now = self._agenda.now
        self._count += 1
        at = max(self._delivered_at, now + self._delay(self._stream.uniform(self._count)))
        self._delivered_at = at
        self._agenda.after(
            at - now, _Delivery(self, kind, before, after, (link, Cause.WATCH_DELAY, at, None))
        )

    def deliver(self, kind: str, before: Resource | None, after: Resource | None, link: Link) -> None:
        """Put a write into the cache and tell the subscribers."""
        of_kind = self.cache.setdefault(kind, {})
        metadata = (after or before or {})["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        if after is None:
            of_kind.pop(key, None)
        else:
            of_kind[key] = after
        for handler in self._handlers.get(kind, ()):
            handler(before, after, link)
