"""Wakes an engine at its deadlines."""

from collections.abc import Callable
from typing import Any, Protocol

from engine.core.host import Host


class Clockwork(Protocol):
    """What the driver needs of an agenda: the modelled one, the real one, or the plain heap of the tests."""

    @property
    def now(self) -> int:
        """The present instant in ns."""
        ...

    def after(self, delay_ns: int, callback: Callable[[Any], None]) -> None:
        """Call `callback` with something when `delay_ns` have passed."""
        ...


class Driver:
    """Keeps one agenda entry for the engine's earliest deadline.

    An entry cannot be taken back: an earlier deadline gets an entry of its own, and an entry that finds
    nothing due only looks for the next deadline.
    """

    __slots__ = ("_agenda", "_entries", "_host")

    def __init__(self, host: Host, agenda: Clockwork) -> None:
        """Listen to the host's deadlines."""
        self._host = host
        self._agenda = agenda
        self._entries: list[int] = []  # instants of the entries that have not run, latest first
        host.on_deadline = self._arm

    def _arm(self, at_ns: int | None) -> None:
        if at_ns is None or (self._entries and self._entries[-1] <= at_ns):
            return
        self._entries.append(at_ns)
        self._agenda.after(at_ns - self._agenda.now, self._fire)

    def _fire(self, _entry: Any) -> None:
        self._entries.pop()
        self._host.wake()
        self._arm(self._host.engine.next_deadline())
