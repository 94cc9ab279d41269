"""The health of nodes put together: leases, controllers that act on them, machines that fail and return."""

from collections.abc import Callable
from functools import partial
from typing import Any

from engine.core.effects import Ref, Resource
from simulator.attribution import Link, root
from simulator.cluster.access import Access
from simulator.cluster.apiserver import Client
from simulator.cluster.changes import READY
from simulator.cluster.heartbeats import Heartbeats
from simulator.cluster.kubelet import Kubelet
from simulator.cluster.leases import NodeLeases
from simulator.cluster.nodelifecycle import NodeLifecycle
from simulator.cluster.objects import condition_of, is_ready, with_condition
from simulator.cluster.podgc import PodGarbage
from simulator.cluster.store import Store
from simulator.cluster.tainteviction import TaintEviction
from simulator.cluster.watch import Watch
from simulator.streams import entity
from simulator.tasks import Story, Task


class NodeHealth:
    """Takes kubelets and machines away and brings them back, as the control plane sees it."""

    def __init__(
        self,
        access: Access,
        store: Store,
        watch: Watch,
        kubelets: dict[str, Kubelet],
        heartbeats: Heartbeats,
        timestamp: Callable[[], str],
    ) -> None:
        """Start with every node well."""
        self._agenda = access.agenda
        self._store = store
        self._watch = watch
        self._kubelets = kubelets
        self._timestamp = timestamp
        self._hearts: dict[str, Client] = {}
        # Faults overlap: what several of them hold down comes back with the end of the last.
        self._deaths: dict[str, int] = {}
        self._halts: dict[str, int] = {}
        self._cuts: dict[str, int] = {}  # the halts in which the containers are not reached either
        self._status_ns = access.constant_ns("kubelet.node_status_update_period")
        self._stream = access.streams.stream("node-status")
        self.leases = NodeLeases(access, heartbeats)
        self.lifecycle = NodeLifecycle(access, store, watch, self.leases, timestamp)
        self.lifecycle.on_mark = self._follow_pods
        self.eviction = TaintEviction(access, store, watch, timestamp)
        self.garbage = PodGarbage(access, store, watch, timestamp)

    def add(self, node: str, kubelet: Kubelet) -> None:
        """Begin with a node."""
        self._hearts[node] = self.leases.add(node, lambda: kubelet.is_up)

    def remove(self, node: str) -> None:
        """Let a node that has been deleted go, with its machine."""
        self._kubelets.pop(node).crash()
        self._hearts.pop(node)
        self.leases.remove(node)
        for held in (self._deaths, self._halts, self._cuts):
            held.pop(node, None)

    def load(self, link: Link) -> None:
        """Take in the nodes that are not ready before time 0: of those Unknown the kubelet is silent."""
        unwell = []
        for (_, name), node in self._watch.cache.get("Node", {}).items():
            ready = condition_of(node, "Ready")
            if ready not in ("True", ""):
                unwell.append((name, ready == "Unknown"))
                if ready == "Unknown":
                    self._kubelets[name].halt()
        self.lifecycle.load(unwell)
        self.eviction.load(link)
        self.garbage.load()

    def _follow_pods(self) -> None:
        """Let kubelets see what becomes of their pods' status, from the first that another has written on."""
        self.lifecycle.on_mark = _nobody
        self._watch.subscribe(("Pod",), self._pod_changed, READY)

    def _pod_changed(self, _before: Resource | None, after: Resource | None, link: Link) -> None:
        kubelet = self._kubelets.get(after["spec"].get("nodeName", "")) if after is not None else None
        if after is not None and kubelet is not None and not is_ready(after):
            kubelet.reconcile(after, link)

    def halt_controllers(self) -> None:
        """Stop those parts of the controller manager that look after nodes."""
        for part in (self.lifecycle, self.eviction, self.garbage):
            part.is_halted = True

    def resume_controllers(self) -> None:
        """Start them again, with nothing in mind."""
        self.lifecycle.resume()
        self.garbage.is_halted = False
        self.eviction.resume(root(self._agenda.now))

    def is_up(self, node: str) -> bool:
        """Whether the node is there and its kubelet at work."""
        kubelet = self._kubelets.get(node)
        return kubelet is not None and kubelet.is_up

    def is_there(self, node: str) -> bool:
        """Whether the machine runs, even if nobody hears of it."""
        return node in self._kubelets and node not in self._deaths

    def is_reached(self, node: str) -> bool:
        """Whether no fault keeps clients from its containers: the machine neither dead nor cut off."""
        return node not in self._deaths and node not in self._cuts

    def halt(self, node: str, *, reachable: bool = True) -> None:
        """Stop the kubelet; not `reachable`: cut the node off, its containers too."""
        was_up = self.is_up(node)
        _hold(self._halts, node)
        if not reachable:
            _hold(self._cuts, node)
        if was_up:
            self._kubelets[node].halt()
            self.lifecycle.lost(node)

    def crash(self, node: str) -> None:
        """Let the machine die, whatever its kubelet was about."""
        was_up, was_there = self.is_up(node), self.is_there(node)
        _hold(self._deaths, node)
        if was_there:
            self._kubelets[node].crash()
        if was_up:
            self.lifecycle.lost(node)

    def resume(self, node: str, link: Link, *, reachable: bool = True, restarted: bool = False) -> None:
        """End a halt. A kubelet that was started anew reports at once, another at its next look."""
        if not reachable:
            _release(self._cuts, node)
        _release(self._halts, node)
        if node in self._kubelets and node not in self._halts and node not in self._deaths:
            self._kubelets[node].resume(link)
            self._back(node, link, restarted=restarted)

    def boot(self, node: str, link: Link) -> None:
        """Let the machine boot; it is there from now on, its kubelet too unless that is halted."""
        _release(self._deaths, node)
        if node not in self._kubelets or node in self._deaths:
            return
        self._kubelets[node].boot(link)
        if node in self._halts:
            self._kubelets[node].halt()
        else:
            self._back(node, link, restarted=True)

    def _back(self, node: str, link: Link, *, restarted: bool) -> None:
        self.lifecycle.returned(node)
        phase = round(self._status_ns * self._stream.uniform(entity(node)))
        wait = 0 if restarted else (phase - self._agenda.now) % self._status_ns
        Task(self._agenda, self._report(node, wait, link))

    def _report(self, node: str, wait: int, link: Link) -> Story:
        """Say that the node is ready, again and again until it is heard."""
        kubelet = self._kubelets[node]
        heart = self._hearts[node]
        while True:
            yield wait
            if not kubelet.is_up or self._kubelets.get(node) is not kubelet:
                return
            call = heart.write(
                partial(self._set_ready, node), heart.repeated(f"ready/{node}"), link, ("patch", "Node")
            )
            yield call
            if call.error is None:
                return
            wait, link = self._status_ns, call.link

    def _set_ready(self, node: str, link: Link) -> None:
        found: Resource | None = self._store.objects.get("Node", {}).get(("", node))
        if found is None:
            return
        conditions: list[Any] = list((found.get("status") or {}).get("conditions") or ())
        if condition_of(found, "Ready") in ("True", "") or not self.is_up(node):
            return
        told = with_condition(conditions, "Ready", "True", self._timestamp(), reason="KubeletReady")
        self._store.set_status(Ref("Node", node), {"conditions": told}, link)


def _hold(held: dict[str, int], node: str) -> None:
    held[node] = held.get(node, 0) + 1


def _release(held: dict[str, int], node: str) -> None:
    count = held.pop(node, 1) - 1
    if count:
        held[node] = count


def _nobody() -> None:
    """Whoever is to follow them does."""
