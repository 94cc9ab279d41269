"""The modelled cluster in time: its virtual clock follows the wall clock, as fast as wanted."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from engine.core.causes import Cause
from scenarios.runspec import ClusterSpec, EngineSpec
from simulator.agenda import Agenda
from simulator.attribution import Link, root
from simulator.cluster.apiserver import Call, Client
from simulator.cluster.cluster import Cluster
from simulator.cluster.listing import Listing
from simulator.streams import Streams

SECOND_NS = 1_000_000_000
SLICE_NS = SECOND_NS // 20  # of virtual time that is caught up in one go before others have a turn
_OF_EVERY_CLUSTER: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
IDLE_S = 0.25  # how long the clock sleeps at most


class ModelStopped(Exception):
    """The model has failed, and answers nothing any more."""

    def __init__(self, error: Exception) -> None:
        """Say with what."""
        super().__init__(f"the model has stopped: {type(error).__name__}: {error}")


@dataclass
class World:
    """A modelled cluster, with nobody in it but those who come over HTTP."""

    spec: ClusterSpec
    engine: EngineSpec
    seed: int = 0
    speed: float = 1.0  # virtual seconds a second

    def __post_init__(self) -> None:
        """Build the cluster, settled at virtual time 0."""
        streams = Streams(self.seed, 0)
        self.agenda = Agenda()
        self.cluster = Cluster(self.agenda, with_namespaces(self.spec), self.engine, streams)
        self.store = self.cluster.store
        self.listing = Listing(self.agenda, self.store, self.cluster.watch)
        self._clients: dict[str, Client] = {}
        self._began_s = 0.0
        self._woken = asyncio.Event()
        self._pending: dict[asyncio.Future[Call], None] = {}
        self.failure: Exception | None = None  # of the model
        self.cluster.start()

    def client(self, user: str) -> Client:
        """Return the client that stands for a user: its own bucket is on its side of the wire."""
        if user not in self._clients:
            self._clients[user] = self.cluster.access.client(
                f"http.{user}", "workload-low", None, 1, Cause.CLIENT_THROTTLE
            )
            self._clients[user].retries_max = 0  # a refusal goes to whoever asked
        return self._clients[user]

    async def keep_time(self) -> None:
        """Let virtual time pass until cancelled, or until the model fails."""
        loop = asyncio.get_running_loop()
        self._began_s = loop.time()
        while self.failure is None:
            await self._present()
            self._woken.clear()
            wait_s = min((self.agenda.peek() - self._due(loop.time())) / SECOND_NS / self.speed, IDLE_S)
            try:
                await asyncio.wait_for(self._woken.wait(), max(wait_s, 0.0005))
            except TimeoutError:
                continue

    def _due(self, now_s: float) -> int:
        return int((now_s - self._began_s) * self.speed * SECOND_NS)

    def _catch_up(self, now_s: float) -> bool:
        """Run what is due, up to a slice of it; say whether more is."""
        due = self._due(now_s)
        until = min(due, self.agenda.now + SLICE_NS)
        if until > self.agenda.now:
            try:
                self.agenda.run(until=until)
            except Exception as error:  # noqa: BLE001 - whatever it is: nothing of the model can be trusted now
                self._stop(error)
        return until < due and self.failure is None

    def _stop(self, error: Exception) -> None:
        self.failure = error
        for request in self._pending:
            if not request.done():
                request.set_exception(ModelStopped(error))
        self._pending.clear()

    async def _present(self) -> None:
        """Catch up with the wall clock, a slice at a time so that others have a turn."""
        loop = asyncio.get_running_loop()
        behind = self._catch_up(loop.time())
        while behind:
            await asyncio.sleep(0)
            behind = self._catch_up(loop.time())

    async def request(self, make: Callable[[Link], Call]) -> Call:
        """Send a request at the present instant and wait for its end.

        Raises:
            ModelStopped: the model has failed, before or meanwhile.
        """
        await self._present()
        if self.failure is not None:
            raise ModelStopped(self.failure)
        ended: asyncio.Future[Call] = asyncio.get_running_loop().create_future()
        self._pending[ended] = None
        call = make(root(self.agenda.now))
        call.done = lambda over: None if ended.done() else ended.set_result(over)
        self._woken.set()
        try:
            return await ended
        finally:
            self._pending.pop(ended, None)


def with_namespaces(spec: ClusterSpec) -> ClusterSpec:
    """Return a cluster in which every namespace that holds something is there, and those of every cluster.

    Cluster files and snapshots may leave them out; a server that has a pod in a namespace has the namespace.
    """
    there = {item["metadata"]["name"] for item in spec.objects if item["kind"] == "Namespace"}
    used = {item["metadata"].get("namespace", "") for item in spec.objects}
    missing = sorted({*used, *_OF_EVERY_CLUSTER} - there - {""})
    added = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        }
        for name in missing
    ]
    return replace(spec, objects=(*added, *spec.objects))
