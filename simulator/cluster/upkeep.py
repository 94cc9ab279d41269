"""Controllers whose writes nothing in the model reads: what is modelled is when they write, and through whom.

A pass that would find nothing to write is left out, as is the fraction of a millisecond that one computes
for; and passes over different objects do not wait for one another: such a controller has 5 workers.
"""

from functools import partial
from typing import Any

from simulator.agenda import Agenda
from simulator.cluster.apiserver import Client
from simulator.cluster.store import Key
from simulator.streams import entity

_UNKNOWN = 1 << 62


class Upkeep:
    """One such controller, with a client of its own."""

    __slots__ = ("_agenda", "_busy_until", "_client", "_counts", "_due", "_name")

    def __init__(self, name: str, agenda: Agenda, client: Client) -> None:
        """Start with nothing to write."""
        self._name = name
        self._agenda = agenda
        self._client = client
        self._due: dict[Key, None] = {}  # changed since the write that is under way began
        self._busy_until: dict[Key, int] = {}  # when the last write about an object is done
        self._counts: dict[Key, int] = {}

    def changed(self, about: Key) -> None:
        """Write what has changed of an object: now, or once the write about it that is under way is done."""
        if about in self._due:
            return
        now = self._agenda.now
        busy_until = self._busy_until.get(about, 0)
        if busy_until <= now:
            self._write(about)
            return
        self._due[about] = None
        if busy_until != _UNKNOWN:
            self._agenda.after(busy_until - now, partial(self._again, about))

    def _again(self, about: Key, _entry: Any) -> None:
        del self._due[about]
        self._write(about)

    def _write(self, about: Key) -> None:
        number = self._counts[about] = self._counts.get(about, 0) + 1
        self._busy_until[about] = _UNKNOWN
        key = entity(f"{self._name}/{about[0]}/{about[1]}") + number
        self._client.unattended(key, partial(self._served, about))

    def _served(self, about: Key, end_ns: int) -> None:
        self._busy_until[about] = end_ns
        if about in self._due:  # it has changed while the write waited for its token
            self._agenda.after(end_ns - self._agenda.now, partial(self._again, about))
