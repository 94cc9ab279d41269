"""The set-up of the control plane measurements: a client, a control plane and KWOK on two cores.

etcd 3.6, Kubernetes 1.36 with default flags, kubelets simulated by KWOK, three nodes of 4 CPU / 8Gi / 50
pods; the client is one Python process with threads, a shared token bucket and one watch on pods.
"""

from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from simpy.events import Event

from engine.core.effects import Ref, Resource
from headroom.validation.laboratory import SECOND_NS, Laboratory, constant, deployment, engine, node
from simulator.attribution import Link, root
from simulator.cluster.apiserver import Call
from simulator.cluster.hosted import CLIENT, Host, HostedClient
from simulator.cluster.injection import What
from simulator.cluster.objects import is_active, is_ready, key_of
from simulator.streams import entity
from simulator.tasks import Occasion, Story, Task, Waitable

SETUP: Final[Mapping[str, Any]] = {
    "host.cores": 2,
    "kwok.nodes": True,
    "watch.delay": constant(0.0002),
    "scheduler.cycle": constant(0.0005),
}
"""What of the cluster's parameters the set-up changes."""

DEPLOYMENTS: Final = {  # name -> replicas, cpu, memory requested
    "api-gateway": (5, "200m", "256Mi"),
    "user-service": (8, "300m", "512Mi"),
    "order-processing-service": (6, "500m", "1Gi"),
    "redis-cache": (3, "100m", "512Mi"),
    "message-queue": (3, "200m", "512Mi"),
}
Thread = Generator["int | Waitable", Any, Any]


def production() -> list[dict[str, Any]]:
    """Return the five Deployments of high-load-production."""
    return [deployment(name, *shape) for name, shape in DEPLOYMENTS.items()]


class _Wish(Occasion):
    """A condition on the pods that a thread waits for."""

    __slots__ = ("holds",)

    def __init__(self, holds: Callable[[], bool]) -> None:
        super().__init__()
        self.holds = holds


def _unheard(_pod: Resource) -> None:
    """Nobody listens."""


class Bench:
    """One run of the set-up; `pods` are those that the client's watch has shown."""

    def __init__(
        self,
        workloads: Sequence[Mapping[str, Any]],
        seed: int,
        replication: int,
        *,
        qps: float | None = None,
        burst: int = 1,
        parameters: Mapping[str, Any] | None = None,
        cordoned: int = 0,
        watching: bool = True,
    ) -> None:
        """Settle the workloads, none of them on `cordoned` nodes; the client may have no watch."""
        nodes = [node(f"node-{number}", "4", "8Gi", "50") for number in range(3)]
        for one in nodes[:cordoned]:
            one["spec"] = {"unschedulable": True}
        self.laboratory = Laboratory(
            [*nodes, *workloads],
            seed,
            replication,
            parameters={**SETUP, **(parameters or {})},
            client=engine(qps, burst),
        )
        self.agenda = self.laboratory.agenda
        self.cluster = self.laboratory.cluster
        self.store = self.laboratory.store
        self.client = self.laboratory.client
        self.pods: dict[tuple[str, str], Resource] = dict(self.cluster.watch.cache.get("Pod", {}))
        self.on_event: Callable[[Resource], None] = _unheard
        self._wishes: list[_Wish] = []
        self._left = 0
        self._over: Event
        self._unread: deque[tuple[Resource | None, Resource | None]] = deque()
        host = self.cluster.access.host
        assert host is not None
        self.host: Host = host
        if watching:
            self.cluster.watch.subscribe(("Pod",), self._seen)
        for number in range(cordoned):
            self.store.patch(Ref("Node", f"node-{number}", ""), {"spec": {"unschedulable": None}}, root(0))
        self.cluster.start()
        self.agenda.run(until=SECOND_NS)
        self.began = self.agenda.now

    @property
    def now_s(self) -> float:
        """Seconds since the batch began."""
        return (self.agenda.now - self.began) / SECOND_NS

    def _seen(self, before: Resource | None, after: Resource | None, _link: Link) -> None:
        self._unread.append((before, after))
        if len(self._unread) == 1:
            self._read_next()

    def _read_next(self) -> None:
        """Let the watching thread read the next event, and wake every thread that waits for one."""
        self.host.cpu.run(CLIENT, self.host.work.number("client.watch"), self._read)

    def _read(self, _event: Any) -> None:
        """Take the event in and wake all who wait."""
        before, after = self._unread[0]
        if after is None:
            self.pods.pop(key_of(before or {}), None)
        else:
            self.pods[key_of(after)] = after
            self.on_event(after)
        Task(self.agenda, self._wake())

    def _wake(self) -> Story:
        """Let one after the other look, and go on if it may; then the watching thread has its turn again."""
        number, wishes = self.host.work.number, self._wishes
        count, looked = len(wishes), 0
        woken_ns = min(number("client.wake") * count, number("client.turn"))
        fulfilled = [(place, wish) for place, wish in enumerate(wishes) if wish.holds()]
        self._wishes = [wish for wish in wishes if not wish.holds()]
        for place, wish in fulfilled:
            if place > looked:
                yield self.work(woken_ns * (place - looked) // count)
                looked = place
            wish.come()
        if count:
            yield self.work(woken_ns * (count - looked) // count)
        self._unread.popleft()
        if self._unread:
            self._read_next()

    def until(self, holds: Callable[[], bool]) -> Generator["int | Waitable", Any, None]:
        """Wait until a condition on the pods holds."""
        if not holds():
            wish = _Wish(holds)
            self._wishes.append(wish)
            yield wish

    def work(self, work_ns: int) -> Occasion:
        """Do work of the client's own."""
        worked = Occasion()
        self.host.cpu.run(CLIENT, work_ns, worked.come)
        return worked

    def decoding(self) -> Occasion:
        """Make an object of an answer."""
        return self.work(self.host.work.number("client.decode"))

    def key(self, name: str) -> int:
        """Return the key of a request."""
        return entity(f"bench/{name}")

    def read(
        self, operation: Callable[[Link], Any], name: str, objects: int = 0, what: What | None = None
    ) -> Call:
        """Send a get or a list."""
        return self.client.read(operation, self.key(name), root(self.agenda.now), objects, what)

    def write(self, operation: Callable[[Link], Any], name: str, what: What) -> Call:
        """Send a write."""
        return self.client.write(operation, self.key(name), root(self.agenda.now), what)

    def force(self, ref: Ref, uid: str, name: str) -> Call:
        """Delete a pod without grace."""
        mark = partial(self.store.expire, ref, uid)
        operation = partial(self.store.remove, ref, uid=uid)
        assert isinstance(self.client, HostedClient)
        return self.client.removal(mark, operation, self.key(name), root(self.agenda.now))

    def threads(self, stories: Sequence[Thread], work_ns: int, more: int = 0) -> None:
        """Start one thread after the other, each for so much work, and run until all are over.

        `more` threads are started by these.
        """
        self._left = len(stories) + more
        self._over = self.agenda.event()
        self.spawn(stories, work_ns)
        self.agenda.run(until=self._over)

    def spawn(self, stories: Sequence[Thread], work_ns: int) -> None:
        """Start threads from a thread."""

        def main() -> Story:
            for story in stories:
                yield self.work(work_ns)
                Task(self.agenda, story, self._ended)

        Task(self.agenda, main())

    def _ended(self, _value: Any) -> None:
        self._left -= 1
        if not self._left:
            self._over.succeed()

    def until_ns(self, at_ns: int) -> None:
        """Let the control plane go on alone."""
        self.agenda.run(until=at_ns)

    def of(self, app: str) -> list[Resource]:
        """Return the pods of a workload that the watch has shown."""
        return [pod for pod in self.pods.values() if (pod["metadata"].get("labels") or {}).get("app") == app]

    def is_whole(self, app: str, replicas: int) -> bool:
        """Say whether a workload has its full number of ready pods."""
        return sum(is_active(pod) and is_ready(pod) for pod in self.of(app)) >= replicas
