"""The node lifecycle controller: whose lease is old is Unknown, tainted, and emptied at a pace by zone.

Nothing is looked at while every node is well: it wakes when a kubelet falls silent and rests when all are
back. Its ticks, the renewals of leases and what it saw of them are reckoned for the time between.
Source: k/k pkg/controller/nodelifecycle/node_lifecycle_controller.go.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from engine.core.effects import Ref, Resource
from simulator.agenda import Agenda
from simulator.attribution import Link, root
from simulator.cluster.access import Access
from simulator.cluster.apiserver import Call
from simulator.cluster.leases import NodeLeases
from simulator.cluster.nodetaints import (
    NO_EXECUTE,
    NO_SCHEDULE,
    health_taints,
    lifecycle_taints,
    tainted_of,
    unready_pods,
)
from simulator.cluster.objects import condition_of, with_condition
from simulator.cluster.store import Store
from simulator.cluster.watch import Watch
from simulator.cluster.zones import ZONE, Pace, Rates, ZoneState
from simulator.streams import entity
from simulator.tasks import Story, Task

UNKNOWN: Final = "Unknown"
_SILENT: Final = {"reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}


class _Health:
    """What the controller knows of a node that is not, or was not, well."""

    __slots__ = ("probed", "renewed", "silent", "unknown", "unmarked")

    def __init__(self, renewed: int, probed: int, *, silent: bool) -> None:
        self.renewed = renewed  # the last renewal that it saw
        self.probed = probed  # when it saw it
        self.silent = silent
        self.unknown = False  # it has said so
        self.unmarked = False  # some of its pods could not be marked not ready


class NodeLifecycle:
    """Marks nodes and their pods, taints nodes. `nodetaints.TaintEviction` deletes the pods."""

    def __init__(
        self, access: Access, store: Store, watch: Watch, leases: NodeLeases, timestamp: Callable[[], str]
    ) -> None:
        """Start with every node well."""
        self._agenda: Agenda = access.agenda
        self._store = store
        self._watch = watch
        self._leases = leases
        self._timestamp = timestamp
        self._client = access.controller_client("node-controller")
        self._period_ns = access.constant_ns("node_lifecycle.monitor_period")
        self._grace_ns = access.constant_ns("node_lifecycle.monitor_grace")
        stream = access.streams.stream("node-lifecycle")
        self._phase_ns = round(self._period_ns * stream.uniform(entity("monitor")))
        self._rates = Rates(
            access.number("node_lifecycle.eviction_rate"),
            access.number("node_lifecycle.secondary_eviction_rate"),
            access.number("node_lifecycle.unhealthy_zone_threshold"),
            int(access.number("node_lifecycle.large_cluster_size")),
        )
        self._health: dict[str, _Health] = {}
        self._states: dict[str, ZoneState] = {}
        self._paces: dict[str, Pace] = {}
        self._queues: dict[str, dict[str, None]] = {}  # nodes to taint NoExecute, by zone
        self._waking: dict[str, int] = {}  # zone -> when its queue is looked at next
        self._ticking = False
        self.is_halted = False
        self.on_mark: Callable[[], None]
        """Called before the status of a pod is written that is its kubelet's to write."""
        watch.subscribe(("Node",), self._node_changed)

    @property
    def is_stopped(self) -> bool:
        """Whether every zone is fully disrupted, so that nothing is evicted."""
        return bool(self._states) and all(state is ZoneState.FULL for state in self._states.values())

    def zone_state(self, zone: str) -> ZoneState:
        """Return the state of a zone as it was seen last."""
        return self._states.get(zone, ZoneState.NORMAL)

    def lost(self, node: str) -> None:
        """Note that a node's kubelet renews its lease no more."""
        now = self._agenda.now
        renewed = self._leases.renewed(node, now)
        self._health[node] = _Health(renewed, self._tick_from(renewed), silent=True)
        self._arm()

    def returned(self, node: str) -> None:
        """Note that its kubelet renews the lease again, from now on."""
        health = self._health.get(node)
        if health is not None:
            health.silent = False

    def load(self, unwell: list[tuple[str, bool]]) -> None:
        """Take in the nodes that are not ready before time 0, each with whether it is silent too."""
        for name, silent in unwell:
            self._health[name] = health = _Health(-self._grace_ns, -self._grace_ns, silent=silent)
            health.unknown = silent
            self._node_changed(None, self._watch.cache["Node"]["", name], root(self._agenda.now))
        if unwell:
            self._arm()

    def halt(self) -> None:
        """Stop, as when the controller manager is down."""
        self.is_halted = True

    def resume(self) -> None:
        """Start again with nothing in mind: every node has its whole grace."""
        self.is_halted = False
        for health in self._health.values():
            health.probed = self._tick_from(self._agenda.now)
        for node in self._watch.cache.get("Node", {}).values():
            self._node_changed(None, node, root(self._agenda.now))

    def _tick_from(self, at: int) -> int:
        return at + (self._phase_ns - at) % self._period_ns

    def _arm(self) -> None:
        if not self._ticking:
            self._ticking = True
            self._agenda.after(self._tick_from(self._agenda.now) - self._agenda.now, self._tick)

    def _tick(self, _entry: Any) -> None:
        """Look at every node that is not known to be well (monitorNodeHealth)."""
        if not self._health:
            self._ticking = False
            return
        if not self.is_halted:
            nodes = self._watch.cache.get("Node", {})
            for name in list(self._health):
                node = nodes.get(("", name))
                if node is None:
                    del self._health[name]
                else:
                    self._monitor(name, node, self._health[name])
            self._handle_disruption(nodes)
        self._agenda.after(self._period_ns, self._tick)

    def _monitor(self, name: str, node: Resource, health: _Health) -> None:
        now = self._agenda.now
        observed = condition_of(node, "Ready") or "True"
        if not health.silent:
            renewed = self._leases.renewed(name, now)
            if renewed > health.renewed:
                health.renewed, health.probed = renewed, now
        if now > health.probed + self._grace_ns and observed != UNKNOWN and not health.unknown:
            health.unknown = True
            Task(self._agenda, self._mark_unknown(name, was_ready=observed == "True"))
        elif health.unmarked and observed != "True":
            health.unmarked = False
            Task(self._agenda, self._mark_pods(name, root(now)))
        elif observed == "True" and health.unknown and now <= health.probed + self._grace_ns:
            health.unknown = False
        # What was observed before this look decides: the taint comes one look after the status.
        if observed != "True":
            self._queues.setdefault(_zone(node), {})[name] = None
            return
        self._queues.get(_zone(node), {}).pop(name, None)
        if tainted_of(node, NO_EXECUTE):
            self._write_taints(name, NO_EXECUTE, [])
        elif not health.silent and not health.unknown:
            del self._health[name]

    def _mark_unknown(self, name: str, *, was_ready: bool) -> Story:
        """Write the node's status, then those of its pods (MarkPodsNotReady)."""
        key = self._client.repeated(f"node-status/{name}")
        call = self._client.write(
            partial(self._set_unknown, name), key, root(self._agenda.now), ("update", "Node")
        )
        yield call
        if call.error is not None or not was_ready:
            if call.error is not None and name in self._health:
                self._health[name].unknown = False  # the next look tries again
            return
        yield from self._mark_pods(name, call.link)

    def _mark_pods(self, name: str, link: Link) -> Story:
        for pod in unready_pods(self._watch.cache.get("Pod", {}), name):
            namespace, pod_name = pod["metadata"].get("namespace", ""), pod["metadata"]["name"]
            key = self._client.repeated(f"not-ready/{namespace}/{pod_name}")
            ref = Ref("Pod", pod_name, namespace)
            call = self._client.write(partial(self._set_not_ready, ref), key, link, ("update", "Pod"))
            yield call
            link = call.link
            if call.error is not None and name in self._health:
                self._health[name].unmarked = True

    def _set_unknown(self, name: str, link: Link) -> None:
        found = self._store.objects.get("Node", {}).get(("", name))
        if found is None or name not in self._health or not self._health[name].silent:
            return  # it has been heard of meanwhile
        conditions = list((found.get("status") or {}).get("conditions") or ())
        told = with_condition(conditions, "Ready", UNKNOWN, self._timestamp(), **_SILENT)
        self._store.set_status(Ref("Node", name), {"conditions": told}, link)

    def _set_not_ready(self, ref: Ref, link: Link) -> None:
        found = self._store.objects.get("Pod", {}).get((ref.namespace, ref.name))
        if found is None or condition_of(found, "Ready") != "True":
            return
        self.on_mark()
        now = self._timestamp()
        conditions = with_condition(list(found["status"]["conditions"]), "Ready", "False", now)
        self._store.set_status(ref, {"conditions": conditions}, link)

    def _node_changed(self, _before: Resource | None, after: Resource | None, _link: Link) -> None:
        """Keep the NoSchedule taints in step with the node's conditions (doNoScheduleTaintingPass)."""
        if after is None or self.is_halted:
            return
        name = after["metadata"]["name"]
        if name not in self._health and tainted_of(after, NO_EXECUTE):
            # Written of what has been outdated since: it is shown only now that the node is well.
            renewed = self._leases.renewed(name, self._agenda.now)
            self._health[name] = _Health(renewed, self._tick_from(renewed), silent=False)
            self._arm()
        wanted = health_taints(condition_of(after, "Ready") or "True", NO_SCHEDULE)
        if lifecycle_taints(after, NO_SCHEDULE) != wanted:
            self._write_taints(name, NO_SCHEDULE, wanted)

    def _write_taints(self, name: str, effect: str, wanted: list[dict[str, str]]) -> None:
        key = self._client.repeated(f"taint/{effect}/{name}")
        call = self._client.write(
            partial(self._set_taints, name, effect, wanted),
            key,
            root(self._agenda.now),
            ("patch", "Node"),
        )
        call.done = partial(self._tainted, name, effect)

    def _set_taints(self, name: str, effect: str, wanted: list[dict[str, str]], link: Link) -> None:
        found = self._store.objects.get("Node", {}).get(("", name))
        if found is None:
            return
        own = lifecycle_taints(found, effect)
        kept = [
            taint
            for taint in (found.get("spec") or {}).get("taints") or ()
            if {"key": taint["key"], "effect": taint["effect"]} not in own
        ]
        dated = [{**taint, "timeAdded": self._timestamp()} for taint in wanted]
        if own != wanted:
            self._store.patch(Ref("Node", name), {"spec": {"taints": kept + dated}}, link)

    def _tainted(self, name: str, effect: str, call: Call) -> None:
        """Look again where a write was refused; the monitor comes by itself for the other effect."""
        if call.error is not None and effect == NO_SCHEDULE:
            self._agenda.after(self._period_ns, partial(self._look_again, name))

    def _look_again(self, name: str, _entry: Any) -> None:
        node = self._watch.cache.get("Node", {}).get(("", name))
        if node is not None:
            self._node_changed(None, node, root(self._agenda.now))

    def _process(self, zone: str) -> None:
        """Taint as many nodes of the zone's queue as its pace allows (doNoExecuteTaintingPass)."""
        now = self._agenda.now
        pace = self._pace(zone)
        queue = self._queues.get(zone, {})
        while queue:
            at = pace.next_ns(now)
            if at is None or self.is_halted:
                return
            if at > now:
                if self._waking.get(zone, -1) != at:
                    self._waking[zone] = at
                    self._agenda.after(at - now, lambda _entry: self._process(zone))
                return
            name = next(iter(queue))
            del queue[name]
            node = self._watch.cache.get("Node", {}).get(("", name))
            ready = condition_of(node, "Ready") if node is not None else "True"
            if node is None or ready == "True" or tainted_of(node, NO_EXECUTE):
                continue
            pace.take(now)
            self._write_taints(name, NO_EXECUTE, health_taints(ready, NO_EXECUTE))

    def _pace(self, zone: str) -> Pace:
        return self._paces.setdefault(zone, Pace(self._rates.normal))

    def _handle_disruption(self, nodes: Any) -> None:
        """Set the pace of every zone by its state; stop everything where no zone has a ready node."""
        ready: dict[str, list[bool]] = {}
        for (_, name), node in nodes.items():
            health = self._health.get(name)
            well = condition_of(node, "Ready") in ("True", "") and not (health is not None and health.unknown)
            ready.setdefault(_zone(node), []).append(well)
        was_stopped = self.is_stopped
        states = {zone: self._rates.state(flags) for zone, flags in ready.items()}
        self._states = states
        if self.is_stopped:
            if not was_stopped:
                self._stop(nodes)
            return
        if was_stopped:
            for health in self._health.values():
                health.probed = self._agenda.now
        for zone, state in states.items():
            self._pace(zone).swap(self._rates.of(state, len(ready[zone])))
            self._process(zone)

    def _stop(self, nodes: Any) -> None:
        """Nobody can say whether the nodes or the control plane are cut off: take the taints back."""
        for (_, name), node in nodes.items():
            if tainted_of(node, NO_EXECUTE):
                self._write_taints(name, NO_EXECUTE, [])
        for zone in self._states:
            self._pace(zone).swap(0.0)
            self._queues.get(zone, {}).clear()


def _zone(node: Resource) -> str:
    zone: str = (node["metadata"].get("labels") or {}).get(ZONE, "")
    return zone
