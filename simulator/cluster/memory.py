"""A node's memory: the kubelet looks at it, and evicts pods where too little is left.

As in k/k pkg/kubelet/eviction: every `monitor_ns` what the pods use is added up; below the threshold the node
says MemoryPressure, and one pod is evicted at a time: first those that use more than they request, of these
the lowest priority, of these what uses most above its request. The condition goes a while after the pressure.
Pods whose use is not declared use what they request.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.core.effects import Ref, Resource
from engine.core.errors import NotFound
from scenarios.quantities import resource_amount
from simulator.agenda import Agenda
from simulator.attribution import Link, root
from simulator.cluster.apiserver import Call, Client
from simulator.cluster.objects import has_ended, with_condition
from simulator.cluster.store import Store
from simulator.tasks import Story, Task

CONDITION: Final = "MemoryPressure"
MESSAGE: Final = "The node was low on resource: memory."


@dataclass(frozen=True, slots=True)
class EvictionSettings:
    """When the kubelet looks, how much must be left, and how long a condition stays."""

    monitor_ns: int
    available_b_min: int
    transition_ns: int


Use = Callable[[Resource], "int | None"]
"""What a pod uses of memory now, in bytes; None: not declared."""


class MemoryPressure:
    """The eviction manager of one node."""

    def __init__(
        self,
        agenda: Agenda,
        node: Resource,
        store: Store,
        client: Client,
        settings: EvictionSettings,
        use: Use,
        timestamp: Callable[[], str],
    ) -> None:
        """`node` says how much memory there is."""
        status = node.get("status") or {}
        capacity = (status.get("capacity") or status.get("allocatable") or {}).get("memory", 0)
        self.under_pressure = False
        self._agenda = agenda
        self._name: str = node["metadata"]["name"]
        self._capacity_b = resource_amount("memory", capacity)
        self._store = store
        self._client = client
        self._settings = settings
        self._use = use
        self._timestamp = timestamp
        self._relieved_at = 0
        self._is_told = True
        self._watching: Task | None = None

    def watch(self, pods: Callable[[], Iterable[Resource]], evict: Callable[[Resource, Link], None]) -> None:
        """Look every so often at what `pods` use, for as long as there are any whose use is declared."""
        if self._watching is None or not self._watching.alive:
            self._watching = Task(self._agenda, self._look(pods, evict))

    def halt(self) -> None:
        """Nobody looks any more."""
        if self._watching is not None:
            self._watching.cancel()

    def _look(self, pods: Callable[[], Iterable[Resource]], evict: Callable[[Resource, Link], None]) -> Story:
        while True:
            yield self._settings.monitor_ns
            running = [pod for pod in pods() if not has_ended(pod)]
            link = root(self._agenda.now)
            left = self._capacity_b - sum(self._used_by(pod) for pod in running)
            if left < self._settings.available_b_min:
                self._relieved_at = self._agenda.now
                if not self.under_pressure:
                    self._tell(link, pressed=True)
                if running:
                    evict(min(running, key=self._rank), link)
            elif self.under_pressure and self._agenda.now >= self._relieved_at + self._settings.transition_ns:
                self._tell(link, pressed=False)
            if not self._is_told:
                self._tell(link, pressed=self.under_pressure)
            elif not self.under_pressure and all(self._use(pod) is None for pod in running):
                return

    def _used_by(self, pod: Resource) -> int:
        use = self._use(pod)
        return _requested(pod) if use is None else use

    def _rank(self, pod: Resource) -> tuple[bool, int, int]:
        above = self._used_by(pod) - _requested(pod)
        return above <= 0, pod["spec"].get("priority", 0), -above

    def _tell(self, link: Link, *, pressed: bool) -> None:
        self.under_pressure = pressed
        key = self._client.repeated(f"pressure/{self._name}")
        call = self._client.write(
            lambda link: self._write(link, pressed=pressed), key, link, ("patch", "Node")
        )
        call.done = self._told

    def _told(self, call: Call) -> None:
        """Say it again at the next look where it was refused."""
        self._is_told = call.error is None

    def _write(self, link: Link, *, pressed: bool) -> None:
        ref = Ref("Node", self._name)
        try:
            node = self._store.get(ref)
        except NotFound:
            return
        conditions = list((node.get("status") or {}).get("conditions") or ())
        changed = with_condition(conditions, CONDITION, str(pressed), self._timestamp())
        self._store.set_status(ref, {"conditions": changed}, link)


def _requested(pod: Resource) -> int:
    return sum(_request(container) for container in pod["spec"]["containers"])


def _request(container: Mapping[str, Any]) -> int:
    resources = container.get("resources") or {}
    stated = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return resource_amount("memory", stated["memory"]) if "memory" in stated else 0
