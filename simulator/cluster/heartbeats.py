"""Writes that a cluster makes whatever happens: leases, the status of nodes. Nothing here reads them."""

from collections.abc import Callable
from typing import Any

from simulator.agenda import Agenda
from simulator.cluster.apiserver import Client
from simulator.streams import Stream, entity


class Heartbeats:
    """Everything that is written again and again, once it is started."""

    def __init__(self, agenda: Agenda, stream: Stream) -> None:
        """Draw the phase of each from `stream`."""
        self._agenda = agenda
        self._stream = stream
        self._waiting: list[_Heartbeat] | None = []
        self.on_start: list[Callable[[], None]] = []  # others who begin with them

    def every(
        self,
        period_ns: int,
        client: Client,
        name: str,
        requests: int = 1,
        alive: Callable[[], bool] | None = None,
    ) -> None:
        """Let `client` write each `period_ns`, as the last of `requests`; only while it is `alive`."""
        heartbeat = _Heartbeat(self._agenda, period_ns, client, entity(f"heartbeat/{name}"), requests)
        heartbeat.alive = alive
        if self._waiting is None:
            heartbeat.start(self._stream)
        else:
            self._waiting.append(heartbeat)

    def start(self) -> None:
        """Begin; there is always something to do on the agenda from now on."""
        waiting, self._waiting = self._waiting or [], None
        for heartbeat in waiting:
            heartbeat.start(self._stream)
        for begin in self.on_start:
            begin()


class _Heartbeat:
    """One of them."""

    __slots__ = ("_agenda", "_client", "_key", "_left", "_number", "_period_ns", "_requests", "alive")

    def __init__(self, agenda: Agenda, period_ns: int, client: Client, key: int, requests: int) -> None:
        self._agenda = agenda
        self._period_ns = period_ns
        self._client = client
        self._key = key
        self.alive: Callable[[], bool] | None = None
        self._requests = requests
        self._left = requests  # of this period
        self._number = 0

    def start(self, stream: Stream) -> None:
        self._agenda.after(round(self._period_ns * stream.uniform(self._key)), self._beat)

    def _beat(self, _entry: Any) -> None:
        if self.alive is not None and not self.alive():
            self._agenda.after(self._period_ns, self._beat)
            return
        self._number += 1
        self._left -= 1
        self._client.unattended(self._key + self._number, self._served, writes=not self._left)

    def _served(self, end_ns: int) -> None:
        if self._left:
            self._agenda.after(end_ns - self._agenda.now, self._beat)
        else:
            self._left = self._requests
            self._agenda.after(self._period_ns, self._beat)
