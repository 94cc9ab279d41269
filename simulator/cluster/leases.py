"""The leases of nodes: when each was renewed last, and the load that renewing them makes.

In a small cluster every renewal, and every report of an unchanged status, is a request with an instant of
its own. In a large one they would be hundreds of events a second that nothing waits for: there the instants
are only reckoned when somebody asks, and the requests are made in slices of a second.
"""

from collections.abc import Callable
from typing import Any, Final

from engine.core.causes import Cause
from simulator.cluster.access import Access
from simulator.cluster.apiserver import Client
from simulator.cluster.heartbeats import Heartbeats
from simulator.streams import entity

ONE_BY_ONE_MAX: Final = 100  # nodes; with more of them the load is reckoned in bulk
SLICE_NS: Final = 1_000_000_000


class NodeLeases:
    """What is known of every node's renewals."""

    def __init__(self, access: Access, heartbeats: Heartbeats) -> None:
        """Take the phase of each node's renewals from the stream of heartbeats."""
        self._access = access
        self._heartbeats = heartbeats
        self._stream = access.streams.stream("heartbeat")
        self._period_ns = access.constant_ns("kubelet.lease_period")
        self._status_ns = access.constant_ns("kubelet.node_status_period")
        self._alive: dict[str, Callable[[], bool]] = {}
        self._bulk: Client | None = None
        self._owed = 0  # requests times the longer period, of the slices so far
        self._number = 0

    def expect(self, nodes: int) -> None:
        """Say how many nodes there will be at the start, before they are added."""
        if nodes > ONE_BY_ONE_MAX:
            self._bulk = self._client("nodes")
            self._heartbeats.on_start.append(self._start)

    def _client(self, name: str) -> Client:
        # A client of its own, without a limit (cmd/kubelet/app/server.go heartbeatClientConfig).
        return self._access.client(f"heartbeat.{name}", "node-high", None, 1, Cause.CONTAINER_START)

    def add(self, node: str, alive: Callable[[], bool]) -> Client:
        """Begin with a node, which writes while it is `alive`; return the client that writes."""
        self._alive[node] = alive
        if self._bulk is not None:
            return self._bulk
        client = self._client(node)
        self._heartbeats.every(self._period_ns, client, f"lease/{node}", alive=alive)
        self._heartbeats.every(self._status_ns, client, f"status/{node}", alive=alive)
        return client

    def remove(self, node: str) -> None:
        """Forget a node that is gone."""
        self._alive.pop(node, None)

    def _start(self) -> None:
        self._access.agenda.after(SLICE_NS, self._slice)

    def renewed(self, node: str, at: int) -> int:
        """Return the last instant up to `at` at which a node that was up renewed its lease.

        Before the first renewal of the run it is the one that the phase puts before time 0.
        """
        phase = round(self._period_ns * self._stream.uniform(entity(f"heartbeat/lease/{node}")))
        return at - (at - phase) % self._period_ns

    def _slice(self, _entry: Any) -> None:
        """Make the requests of one slice, as many as are due on average."""
        client, longer = self._bulk, max(self._period_ns, self._status_ns)
        assert client is not None
        alive = sum(up() for up in self._alive.values())
        self._owed += alive * SLICE_NS * (longer // self._period_ns + longer // self._status_ns)
        due, self._owed = divmod(self._owed, longer)
        for _ in range(due):
            self._number += 1
            client.unattended(entity("heartbeat/bulk") + self._number, _whenever)
        self._access.agenda.after(SLICE_NS, self._slice)


def _whenever(_end_ns: int) -> None:
    """Nothing waits for it."""
