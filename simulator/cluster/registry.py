"""The image registry: what it and the nodes' links let through, shared by the transfers of the moment."""

from collections.abc import Callable
from functools import partial
from typing import Any

from simulator.agenda import Agenda


class _Transfer:
    """Layers on their way to a node."""

    __slots__ = ("done", "left_mb", "link_mb_per_ns", "node", "rate")

    def __init__(self, node: str, left_mb: float, link_mb_per_ns: float, done: Callable[[], None]) -> None:
        self.node = node
        self.left_mb = left_mb
        self.link_mb_per_ns = link_mb_per_ns
        self.done = done
        self.rate = 0.0


class Registry:
    """The registry, with a bandwidth of its own; a node's link is shared by the node's transfers."""

    def __init__(self, agenda: Agenda, mb_per_s: float) -> None:
        """Let `mb_per_s` through in all; 0: as much as the nodes take."""
        self._agenda = agenda
        self._mb_per_ns = mb_per_s / 1e9
        self._transfers: list[_Transfer] = []
        self._at = 0
        self._turn = 0  # an entry of an earlier turn is void

    @property
    def is_limited(self) -> bool:
        """Whether the registry itself may be what a transfer waits for."""
        return self._mb_per_ns > 0

    def transfer(self, node: str, size_mb: float, link_mb_per_s: float, done: Callable[[], None]) -> None:
        """Send so much to a node whose link lets `link_mb_per_s` through; `done` is called at the end."""
        self._advance()
        self._transfers.append(_Transfer(node, size_mb, link_mb_per_s / 1e9, done))
        self._allot()

    def _advance(self) -> None:
        elapsed, self._at = self._agenda.now - self._at, self._agenda.now
        for one in self._transfers:
            one.left_mb = max(0.0, one.left_mb - one.rate * elapsed)

    def _allot(self) -> None:
        """Share fairly: nobody gets more than its part of its node's link, the rest goes to the others."""
        on_node: dict[str, int] = {}
        for one in self._transfers:
            on_node[one.node] = on_node.get(one.node, 0) + 1
        left, waiting = self._mb_per_ns, len(self._transfers)
        for one in sorted(self._transfers, key=lambda one: one.link_mb_per_ns / on_node[one.node]):
            one.rate = one.link_mb_per_ns / on_node[one.node]
            if self.is_limited:
                one.rate = min(one.rate, left / waiting)
                left -= one.rate
                waiting -= 1
        self._turn += 1
        if self._transfers:
            first = min(round(one.left_mb / one.rate) for one in self._transfers)
            self._agenda.after(max(first, 0), partial(self._again, self._turn))

    def _again(self, turn: int, _entry: Any) -> None:
        if turn != self._turn:
            return
        self._advance()
        # What is left of one that is due is less than what passes in a nanosecond.
        done = [one for one in self._transfers if one.left_mb <= one.rate]
        self._transfers = [one for one in self._transfers if one.left_mb > one.rate]
        self._allot()
        for one in done:
            one.done()
