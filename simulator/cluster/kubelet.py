"""The kubelet: told of its node's pods, it has a worker for each of them. It may stop, and its machine die.

A kubelet that halts leaves its containers running: nobody starts or stops any, or reports. A machine that
crashes takes its containers with it. When a kubelet is back it lists its pods, and looks after each as it
finds it.
"""

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Final

from engine.core.causes import Cause
from engine.core.effects import Resource
from scenarios.quantities import resource_amount
from simulator.agenda import Agenda
from simulator.attribution import Link, extend
from simulator.cluster.apiserver import Client
from simulator.cluster.behaviour import Behaviours
from simulator.cluster.cpu import NodeCpu
from simulator.cluster.events import EventRecorder
from simulator.cluster.fullworker import FullWorker
from simulator.cluster.images import Images
from simulator.cluster.memory import MESSAGE, EvictionSettings, MemoryPressure
from simulator.cluster.node_services import KubeletSettings, NodeServices
from simulator.cluster.objects import has_ended, is_terminating, key_of
from simulator.cluster.podworker import LONG_AGO_NS, PodWorker
from simulator.cluster.reporter import ANY, Reporter, StatusOf, nothing
from simulator.cluster.store import Key, Store
from simulator.stations import Seats
from simulator.streams import entity
from simulator.tasks import Story, Task, Waitable

__all__ = ["Kubelet", "KubeletSettings"]

RELIST_NS: Final = 800_000_000  # client-go tools/cache/reflector.go: the first wait before a list is repeated


class Kubelet:
    """One node's agent. Told of its node's pods by `pod_changed`."""

    def __init__(
        self,
        agenda: Agenda,
        node: str,
        store: Store,
        client: Client,
        settings: KubeletSettings,
        behaviours: Behaviours,
        images: Images,
        timestamp: Callable[[], str],
    ) -> None:
        """Start with no pods; those that exist before time 0 are adopted."""
        self.starts = Seats(f"kubelet.{node}", settings.start_seats)
        self.images = images
        self.is_up = True
        phase = round(settings.pleg_period_ns * settings.stream.uniform(entity(f"pleg/{node}")))
        self._agenda = agenda
        self._node = node
        self._reporter = Reporter(agenda, store, client, (settings.pleg_period_ns, phase), timestamp)
        self._services = NodeServices(node, agenda, settings, behaviours, images, self.starts, self._reporter)
        images.in_use = partial(self._reporter.pods_of, node)
        self._pods: dict[Key, PodWorker] = {}
        self._memory: MemoryPressure | None = None
        self._untold: list[Callable[[Link], None]] = []
        self._returns: Task | None = None

    @property
    def events(self) -> EventRecorder:
        """Where cluster events about its pods go."""
        return self._reporter.events

    @events.setter
    def events(self, events: EventRecorder) -> None:
        self._reporter.events = events

    @property
    def mount(self) -> Callable[[Resource], Any]:
        """Return what is waited for before a pod's volumes are there."""
        return self._services.mount

    @mount.setter
    def mount(self, mount: Callable[[Resource], Any]) -> None:
        self._services.mount = mount

    def measure(self, node: Resource, eviction: EvictionSettings) -> None:
        """Share out the node's CPU and watch its memory, if any workload declares what it uses of them."""
        services = self._services
        behaviours = services.behaviours
        if behaviours.declares_cpu:
            status = node.get("status") or {}
            cpu = (status.get("capacity") or status.get("allocatable") or {}).get("cpu", 0)
            services.cpu = NodeCpu(self._agenda, resource_amount("cpu", cpu), behaviours.cpu_declared)
        if behaviours.declares_memory:
            reporter = self._reporter
            self._memory = MemoryPressure(
                self._agenda,
                node,
                reporter.store,
                reporter.client,
                eviction,
                self._memory_use,
                reporter.timestamp,
            )

    def _memory_use(self, pod: Resource) -> int | None:
        return self._services.behaviours.memory_use(pod, self._agenda.now)

    def _look_after_memory(self) -> None:
        if self._memory is not None:
            self._memory.watch(lambda: self._reporter.pods_of(self._node), self._evict)

    def _evict(self, pod: Resource, link: Link) -> None:
        worker = self._pods.get(key_of(pod))
        if worker is not None and not worker.stopping:
            worker.evict(pod, link, MESSAGE)

    def begun(self, pod: Resource) -> int | None:
        """Return when a pod's container was last started; None if it was not, or before time 0."""
        worker = self._pods.get(key_of(pod))
        return None if worker is None or worker.begun == LONG_AGO_NS else worker.begun

    def adopt(self, pod: Resource) -> None:
        """Take over a pod that runs since before time 0."""
        self._worker(key_of(pod), pod).adopt(pod)

    def _worker(self, key: Key, pod: Resource) -> PodWorker:
        self._services.pods_count = len(self._pods)
        if self._memory is not None:
            self._look_after_memory()
        make = PodWorker if self._services.behaviours.is_plain(pod) else FullWorker
        worker = self._pods[key] = make(self._services, pod["metadata"]["uid"])
        return worker

    def pod_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        """Act on a change of one of the node's pods, as the watch delivered it."""
        if not self.is_up:
            return
        if after is None:
            worker = self._pods.pop(key_of(before or {}), None)
            if worker is not None:
                worker.drop()
                self._reporter.forget(worker.uid)
            return
        key = key_of(after)
        worker = self._pods.get(key)
        if is_terminating(after):
            if worker is None:
                worker = self._worker(key, after)
            if not worker.stopping:
                worker.stop(after, link)
        elif worker is None and not has_ended(after):
            worker = self._worker(key, after)
            worker.begin(after, link)

    def tell(self, pod: Resource, status: StatusOf, what: str, link: Link) -> None:
        """Write a pod's status at the next relist, as `status` makes it of the pod at that instant."""
        if self.is_up:
            Task(self._agenda, self._tell(pod, status, what, link))
        else:
            self._untold.append(partial(self.tell, pod, status, what))

    def _tell(self, pod: Resource, status: StatusOf, what: str, link: Link) -> Story:
        seen = self._reporter.next_relist(self._agenda.now)
        yield seen - self._agenda.now
        link = extend(link, Cause.CONTAINER_START, seen)
        key = self._reporter.client.repeated(f"{what}/{'/'.join(key_of(pod))}")
        yield from self._reporter.write_status(pod, status, key, link, ANY)

    def reconcile(self, pod: Resource, link: Link) -> None:
        """Somebody else has written a pod's status: look whether it is what the kubelet has told."""
        if self.is_up:
            Task(self._agenda, self._reconcile(pod, link))

    def _reconcile(self, pod: Resource, link: Link) -> Story:
        seen = self._reporter.next_look(self._agenda.now)
        yield seen - self._agenda.now
        worker = self._pods.get(key_of(pod))
        if not self.is_up or worker is None or worker.uid != pod["metadata"]["uid"] or worker.stopping:
            return
        link = extend(link, Cause.CONTAINER_START, seen)
        inconsistent = self._reporter.is_inconsistent(pod)
        if inconsistent:
            yield from self._reporter.tell_last(pod, link)
        elif inconsistent is None and self._returns is None and worker.started:
            worker.freeze()
            worker.resume(pod, link)

    def halt(self) -> None:
        """Stop the kubelet's process: its containers run on by themselves."""
        self.is_up = False
        self._reporter.forget()
        if self._returns is not None:
            self._returns.cancel()
            self._returns = None
        if self._memory is not None:
            self._memory.halt()
        for worker in self._pods.values():
            worker.freeze()

    def resume(self, link: Link) -> None:
        """Let the process run again: it lists its pods, and looks after each as it finds it."""
        self.is_up = True
        self._returns = Task(self._agenda, self._come_back(link))

    def crash(self) -> None:
        """Let the machine die, with all its containers."""
        self.halt()
        for worker in self._pods.values():
            worker.lose()

    def look_again(self, pod: Resource, link: Link) -> None:
        """Draw anew what a pod's running container will do: a fault has begun."""
        worker = self._pods.get(key_of(pod))
        if self.is_up and worker is not None:
            worker.look_again(pod, link)

    def boot(self, link: Link) -> None:
        """Start the machine: pods that are still bound to it are started anew."""
        now = self._agenda.now
        self.starts.vacate(now)
        self.images.pulls.vacate(now)
        self.resume(link)

    def _come_back(self, link: Link) -> Generator["int | Waitable", Any, None]:
        while True:
            pods = self._reporter.pods_of(self._node)
            key = self._reporter.client.repeated(f"list/{self._node}")
            listed = self._reporter.client.read(nothing, key, link, len(pods), ("list", "Pod"))
            yield listed
            if listed.error is None:
                break
            link = extend(listed.link, Cause.CONTAINER_START, self._agenda.now + RELIST_NS)
            yield RELIST_NS
        self._returns = None
        found = {key_of(pod): pod for pod in self._reporter.pods_of(self._node)}
        for pod_key, worker in list(self._pods.items()):
            if pod_key not in found or found[pod_key]["metadata"]["uid"] != worker.uid:
                del self._pods[pod_key]  # removed by force meanwhile
        for pod_key, pod in found.items():
            if pod_key in self._pods or is_terminating(pod) or not has_ended(pod):
                (self._pods.get(pod_key) or self._worker(pod_key, pod)).resume(pod, listed.link)
        self._look_after_memory()
        untold, self._untold = self._untold, []
        for tell in untold:
            tell(listed.link)
