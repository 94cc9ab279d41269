"""Controllers whose writes nothing in the model reads: what is modelled is when they write, and through whom.

A pass that would find nothing to write is left out, and passes over different objects do not wait for one
another: such a controller has 5 workers.
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

    __slots__ = ("_agenda", "_busy_until", "_client", "_counts", "_due", "_name", "_sync_ns")

    def __init__(self, name: str, agenda: Agenda, client: Client, sync_ns: int) -> None:
        """Let each pass take `sync_ns` before its write."""
        self._name = name
        self._agenda = agenda
        self._client = client
        self._sync_ns = sync_ns
        self._due: dict[Key, None] = {}  # Objects queued for a pass
        self._busy_until: dict[Key, int] = {}  # Objects whose last write is under way
        self._counts: dict[Key, int] = {}

    def changed(self, about: Key) -> None:
        """Queue an object, unless it is queued already; one that is being written is queued after that."""
        if about in self._due:
            return
        self._due[about] = None
        now = self._agenda.now
        busy_until = self._busy_until.get(about, 0)
        if busy_until != _UNKNOWN:
            self._agenda.after(max(0, busy_until - now) + self._sync_ns, partial(self._write, about))

    def _write(self, about: Key, _entry: Any) -> None:
        del self._due[about]
        number = self._counts[about] = self._counts.get(about, 0) + 1
        self._busy_until[about] = _UNKNOWN
        key = entity(f"{self._name}/{about[0]}/{about[1]}") + number
        self._client.unattended(key, partial(self._served, about))

    def _served(self, about: Key, end_ns: int) -> None:
        self._busy_until[about] = end_ns
        if about in self._due:  # it has changed while the write waited for its token
            self._agenda.after(end_ns - self._agenda.now + self._sync_ns, partial(self._write, about))
