"""A control plane on a machine with few cores: requests, watch events and controllers compete for them.

A call passes: the client's token bucket -> the client's work -> the API server's work -> for a write, etcd's
commit -> the operation on the store -> the client's work on the answer. A delivery of the watch passes the
API server's work of sending it. How long all that takes follows from what else goes on, so nothing is known
at arrival, and a call costs several agenda entries. Without `host.cores` nothing of this is there.
"""

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from engine.core.causes import Cause
from engine.core.effects import Resource
from engine.core.errors import ActionError
from simulator.agenda import Agenda
from simulator.attribution import Link, extend
from simulator.cluster.apiserver import Call, Client, Operation
from simulator.cluster.etcd import Etcd
from simulator.cluster.host_cpu import HostCpu
from simulator.cluster.injection import DELETE_POD, GET, LIST, UPDATE, Trouble, What
from simulator.cluster.service import Work
from simulator.cluster.watch import Watch
from simulator.streams import Streams, sampler

APISERVER: Final = "apiserver"
CLIENT: Final = "client"
_READS: Final = ("get", "list")
_COMPONENTS: Final = {
    "engine": CLIENT,
    "scheduler": "scheduler",
    "kubelet": "kubelets",
    "heartbeat": "kubelets",
}


def component_of(client: str) -> str:
    """Return the process that a client of the API belongs to; most are controllers."""
    return _COMPONENTS.get(client.partition(".")[0].removesuffix("-events"), "controller-manager")


class Host:
    """The machine, the work that things are, and etcd's log."""

    def __init__(self, agenda: Agenda, cpu: HostCpu, work: Work, etcd: Etcd, streams: Streams) -> None:
        """Put it together."""
        self.agenda = agenda
        self.cpu = cpu
        self.work = work
        self.etcd = etcd
        self.streams = streams


def host_of(agenda: Agenda, parameters: Mapping[str, Any], streams: Streams) -> Host | None:
    """Return the machine that the parameters describe, if they describe one."""
    cores = int(parameters["host.cores"])
    if not cores:
        return None
    threads = {CLIENT: int(parameters["host.client_threads"])}
    cpu = HostCpu(agenda, cores, threads, round(parameters["host.work.waking"] * 1_000_000_000))
    prefix = "host.work."
    numbers = {
        name.removeprefix(prefix): round(parameters[name] * 1_000_000_000)
        for name in parameters
        if name.startswith(prefix) and name != "host.work.sigma"
    }
    numbers["kwok.stage"] = round(parameters["kwok.stage.work"] * 1_000_000_000)
    work = Work(numbers, float(parameters["host.work.sigma"]), streams.stream("host.work"))
    etcd = Etcd(agenda, sampler(parameters["etcd.fsync"]), streams.stream("etcd.fsync"))
    return Host(agenda, cpu, work, etcd, streams)


class HostedCall(Call):
    """A request to a control plane that shares its machine."""

    __slots__ = ("_host", "_key", "_objects", "_what")

    def __init__(
        self,
        client: "HostedClient",
        operation: Operation,
        link: Link,
        key: int,
        what: What,
        objects: int,
        slower_ns: int,
    ) -> None:
        """`slower_ns` is what an injected fault adds."""
        super().__init__(client, operation, slower_ns, link)
        self._host = client.host
        self._key = key
        self._what = what
        self._objects = objects

    def arrive(self, _event: Any = None) -> None:
        """Let the client do its part, then reach the server."""
        host, client = self._host, self._client
        assert isinstance(client, HostedClient)
        host.cpu.run(client.component, host.work.asking(client.component, self._key), self._reach)

    def _reach(self, _event: Any) -> None:
        host = self._host
        host.cpu.run(APISERVER, host.work.serving(self._what, self._objects, self._key), self._worked)

    def _worked(self, _event: Any) -> None:
        if self.service_ns:
            self._host.agenda.after(self.service_ns, self._store)
        else:
            self._store(None)

    def _store(self, _event: Any) -> None:
        if self._what[0] in _READS:
            self._served(None)
        else:
            self._host.etcd.commit(self._served)

    def _served(self, _event: Any) -> None:
        self._charge()
        self._finish(None)

    def _charge(self) -> None:
        self.link = extend(self.link, Cause.API_SERVICE, self._host.agenda.now)

    def _finish(self, event: Any) -> None:
        client = self._client
        assert isinstance(client, HostedClient)
        told = self.done
        answering = self._host.work.answering(client.component, self._objects, self._key)
        if answering:
            self.done = partial(self._answer, told, answering)
        super()._finish(event)
        if answering:
            self.done = told

    def _answer(self, told: Callable[[Call], None], work_ns: int, _call: Call) -> None:
        """Let the client read the answer."""
        client = self._client
        assert isinstance(client, HostedClient)
        self._host.cpu.run(client.component, work_ns, partial(self._answered, told))

    def _answered(self, told: Callable[[Call], None], _event: Any) -> None:
        self._charge()
        told(self)


class RemovalCall(HostedCall):
    """A pod's removal without grace: the server first stores that it has none, then deletes it.

    Watchers see both (pkg/registry: a pod's strategy is always graceful, so store.go Delete updates first).
    """

    __slots__ = ("mark",)

    mark: Operation | None

    def _served(self, event: Any) -> None:
        mark, self.mark = self.mark, None
        if mark is None:
            super()._served(event)
            return
        self._charge()
        try:
            mark(self.link)
        except ActionError:
            super()._served(event)  # what is asked for fails for the same reason
            return
        host = self._host
        host.cpu.run(APISERVER, host.work.serving(UPDATE, 0, self._key ^ 1 << 32), self._store)


class HostedClient(Client):
    """One user of an API server that shares its machine."""

    __slots__ = ("component", "host")

    def __init__(self, host: Host, *client: Any) -> None:
        """Work on `host`, in the component that the client's name says; `client` is what a `Client` takes."""
        super().__init__(*client)
        self.host = host
        self.component = component_of(self.name)

    def read(
        self, operation: Operation, key: int, link: Link, objects: int = 0, what: What | None = None
    ) -> Call:
        """Send a read."""
        return self._request(operation, key, link, what or (LIST if objects else GET), objects)

    def write(self, operation: Operation, key: int, link: Link, what: What = UPDATE) -> Call:
        """Send a write."""
        return self._request(operation, key, link, what, 0)

    def unattended(self, key: int, served: Callable[[int], None], *, writes: bool = True) -> None:
        """Send a request that changes nothing the model reads; `served` is told its end when it has come."""
        call = self._request(_nothing, key, _NOWHERE, _UNATTENDED if writes else GET, 0)
        call.done = lambda _call: served(self.host.agenda.now)

    def removal(self, mark: Operation, operation: Operation, key: int, link: Link) -> Call:
        """Send a deletion without grace of a pod that runs: `mark` stores that, `operation` deletes it."""
        return self._request(operation, key, link, DELETE_POD, 0, mark)

    def _request(
        self,
        operation: Operation,
        key: int,
        link: Link,
        what: What,
        objects: int,
        mark: Operation | None = None,
    ) -> Call:
        slower_ns = 0
        if self._server.injections:
            trouble = Trouble(operation, 0, key, what)
            operation, slower_ns = self._server.trouble(self.name, trouble)
        call: HostedCall
        if mark is None:
            call = HostedCall(self, operation, link, key, what, objects, slower_ns)
        else:
            call = RemovalCall(self, operation, link, key, what, objects, slower_ns)
            call.mark = mark
        now = self.host.agenda.now
        start = self.bucket.reserve(now)
        if start > now:
            call.link = (call.link, self._throttle, start, None)
            self.host.agenda.after(start - now, call.arrive)
        else:
            call.arrive()
        return call


_UNATTENDED: Final = ("create", "Event")
_NOWHERE: Final[Link] = (None, Cause.SIGNAL, 0, None)


def _nothing(_link: Link) -> None:
    """Change nothing."""


class HostedWatch:
    """Sends what was written to the watchers, in the order of the writes, when the API server gets to it."""

    def __init__(self, host: Host, watch: Watch) -> None:
        """Hand it to `watch` then."""
        self._host = host
        self._watch = watch
        self._under_way: deque[list[Any]] = deque()

    def published(self, kind: str, before: Resource | None, after: Resource | None, link: Link) -> None:
        """Send a write on its way."""
        entry: list[Any] = [False, kind, before, after, link]
        self._under_way.append(entry)
        host = self._host
        for component, work_ns in host.work.told(kind).items():
            if component == APISERVER:
                host.cpu.run(APISERVER, work_ns, partial(self._sent, entry))
            else:
                host.cpu.run(component, work_ns, _ignored)

    def _sent(self, entry: list[Any], _event: Any) -> None:
        entry[0] = True
        queue = self._under_way
        while queue and queue[0][0]:
            _, kind, before, after, link = queue.popleft()
            link = extend(link, Cause.WATCH_DELAY, self._host.agenda.now)
            self._watch.published(kind, before, after, link)


def _ignored(_event: Any) -> None:
    """Nobody waits for it; it has kept a core busy."""
