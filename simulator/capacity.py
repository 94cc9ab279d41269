"""What the cluster has free, as the engine is told of it: from the watch cache, when it has changed.

Free is what the nodes that take any pod can allocate, less what the pods on them hold and what pods that have
no node yet have asked for, unless no node could ever hold them: such a pod takes no room, however long it is
pending. It is a sum over nodes: a pod that fits the sum may still fit no single node, and then waits at the
scheduler as it would without capacity-aware admission.
"""

from collections.abc import Callable, Mapping
from itertools import repeat
from typing import Any, Final

from engine.core.effects import Resource
from engine.core.events import CapacityReported, Event
from simulator.agenda import Agenda
from simulator.attribution import Link
from simulator.cluster.demands import Demands
from simulator.cluster.objects import has_ended, key_of
from simulator.cluster.placement import NodeFree
from simulator.cluster.podstatus import held
from simulator.cluster.store import Key
from simulator.cluster.watch import Watch

_NAMES: Final = ("cpu_m", "memory_b", "pods")
_Amounts = tuple[int, int, int]
_NOTHING: Final[_Amounts] = (0, 0, 0)


class CapacityReports:
    """Tells the engine of free capacity, at most once an instant."""

    def __init__(self, agenda: Agenda, watch: Watch, feed: Callable[[Event], None]) -> None:
        """Read what there is, and follow what changes."""
        self._agenda = agenda
        self._watch = watch
        self._feed = feed
        self._demands = Demands()
        self._nodes: dict[str, _Amounts] = {}  # those that take any pod, and what they can allocate
        self._pods: dict[Key, tuple[str, _Amounts]] = {}  # its node, and what it holds of it
        self._held: dict[str, list[int]] = {}  # by node
        self._pending: dict[Key, _Amounts] = {}  # pods that have no node yet, and what they ask for
        self._told: _Amounts | None = None
        self._told_ns = -1
        self._is_due = False
        for node in watch.cache.get("Node", {}).values():
            self._node_seen(node)
        for pod in watch.cache.get("Pod", {}).values():
            self._pod_seen(key_of(pod), pod)
        watch.subscribe(("Node", "Pod"), self._delivered)

    def start(self) -> None:
        """Tell of what is free at the start."""
        self._tell(None)

    def free(self) -> _Amounts:
        """Return millicores, bytes and pods; negative where more is asked for than there is."""
        total = [0, 0, 0]
        for amounts in self._pending.values():
            if any(map(_holds, self._nodes.values(), repeat(amounts))):
                total = [so_far - amount for so_far, amount in zip(total, amounts, strict=True)]
        for name, allocatable in self._nodes.items():
            taken = self._held.get(name, _NOTHING)
            for position in range(3):
                total[position] += allocatable[position] - taken[position]
        return (total[0], total[1], total[2])

    def _delivered(self, before: Resource | None, after: Resource | None, _link: Link) -> None:
        one: Mapping[str, Any] = after or before or {}
        if one["kind"] == "Pod":
            self._pod_seen(key_of(one), after)
        elif after is not None:
            self._node_seen(after)
        else:
            self._nodes.pop(one["metadata"]["name"], None)
        if not self._is_due and self.free() != self._told:
            self._is_due = True
            # Behind everything that is due now; one nanosecond later where this instant has been told of.
            self._agenda.after(int(self._told_ns == self._agenda.now), self._tell)

    def _tell(self, _entry: object) -> None:
        self._is_due = False
        free = self.free()
        if free != self._told:
            self._told, self._told_ns = free, self._agenda.now
            self._feed(CapacityReported(dict(zip(_NAMES, free, strict=True))))

    def _node_seen(self, node: Resource) -> None:
        free = NodeFree.of(node)
        if free.taints:
            self._nodes.pop(free.name, None)
        else:
            self._nodes[free.name] = (free.cpu_m, free.memory_b, free.pods)

    def _pod_seen(self, key: Key, pod: Resource | None) -> None:
        self._pending.pop(key, None)
        known = self._pods.pop(key, None)
        if known is not None:
            self._count(*known, sign=-1)
        if pod is None or has_ended(pod):
            return
        demand = self._demands.of({**pod, "spec": held(pod)})
        amounts = (demand.cpu_m, demand.memory_b, 1)
        node = pod["spec"].get("nodeName", "")
        if node:
            self._pods[key] = (node, amounts)
            self._count(node, amounts, sign=1)
        else:
            self._pending[key] = amounts

    def _count(self, node: str, amounts: _Amounts, *, sign: int) -> None:
        total = self._held.setdefault(node, [0, 0, 0])
        for position in range(3):
            total[position] += sign * amounts[position]


def _holds(node: _Amounts, pod: _Amounts) -> bool:
    """Say whether a node could hold a pod if it held nothing else."""
    return all(has >= asked for has, asked in zip(node, pod, strict=True))
