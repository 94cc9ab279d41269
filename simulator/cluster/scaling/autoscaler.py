"""The cluster autoscaler: pools grow for pods that fit nowhere, and shrink when nodes are not needed.

Source: kubernetes/autoscaler cluster-autoscaler/FAQ.md, core/static_autoscaler.go, core/scaledown.
"""

from functools import partial
from typing import Any, Final

from engine.core.causes import Cause
from engine.core.effects import Resource
from simulator.attribution import root
from simulator.cluster.access import Access
from simulator.cluster.demands import Demands
from simulator.cluster.objects import condition_of, has_ended, is_terminating
from simulator.cluster.placement import Demand, NodeFree, fits
from simulator.cluster.scaling.groups import NodeGroup
from simulator.cluster.scaling.growth import choose, free_of, option_of
from simulator.cluster.scaling.removal import Removals
from simulator.cluster.store import Store
from simulator.cluster.watch import Watch
from simulator.streams import Sampler, entity

UNREADY_OK: Final = 3  # --ok-total-unready-count
QPS: Final = 5.0  # kube-client-qps and kube-client-burst, cluster-autoscaler/main.go
BURST: Final = 10


class ClusterAutoscaler:
    """One scan every so often, while there is a pool that may change."""

    def __init__(
        self, access: Access, store: Store, watch: Watch, demands: Demands, groups: list[NodeGroup]
    ) -> None:
        """Look after the autoscaled ones of `groups`."""
        self._agenda = access.agenda
        self._store = store
        self._watch = watch
        self._demands = demands
        self._groups = groups
        self._client = access.client(
            "cluster-autoscaler", "workload-high", QPS, BURST, Cause.CONTROLLER_THROTTLE
        )
        self._scan_ns = access.constant_ns("cluster_autoscaler.scan_interval")
        self._expander: str = access.parameters["cluster_autoscaler.expander"]
        self._provision: Sampler = access.sampler("cluster_autoscaler.provision")
        self._provision_ns_max = access.constant_ns("cluster_autoscaler.max_node_provision")
        self._backoff_ns = access.constant_ns("cluster_autoscaler.group_backoff")
        self._unready_share = access.number("cluster_autoscaler.max_unready_share")
        self._stream = access.streams.stream("cluster-autoscaler")
        self._scans = 0
        self._added_at = -(1 << 62)
        self.removals = Removals(access, store, watch, demands, self._client, groups)

    def start(self) -> None:
        """Begin to scan, if any pool is autoscaled."""
        if any(group.is_autoscaled for group in self._groups):
            phase = round(self._scan_ns * self._stream.uniform(entity("scan")))
            self._agenda.after(phase, self._scan)

    def _scan(self, _entry: Any) -> None:
        self._scans += 1
        self._agenda.after(self._scan_ns, self._scan)
        # Its state goes into a ConfigMap each time.
        self._client.unattended(self._client.repeated("autoscaler-status"), _whenever)
        nodes = self._watch.cache.get("Node", {})
        unready = sum(condition_of(node, "Ready") not in ("True", "") for node in nodes.values())
        if unready > UNREADY_OK and unready > self._unready_share * len(nodes):
            return
        free = self._free()
        grown = self._grow(free)
        if grown:
            self._added_at = self._agenda.now
        self.removals.consider(free, self._added_at, growing=grown)

    def _free(self) -> dict[str, NodeFree]:
        """Return what the ready nodes have left, as the API has their pods."""
        free = {
            name: free_of(node)
            for (_, name), node in self._watch.cache.get("Node", {}).items()
            if condition_of(node, "Ready") in ("True", "")
        }
        for pod in self._watch.cache.get("Pod", {}).values():
            node = free.get(pod["spec"].get("nodeName", ""))
            if node is not None and not has_ended(pod):
                node.take(self._demands.reserved(pod))
        return free

    def _grow(self, free: dict[str, NodeFree]) -> bool:
        """Order nodes for the pods that neither the nodes nor those on their way can hold."""
        pending = self._pending()
        if not pending:
            return False
        upcoming = [free_of(node) for group in self._groups for node in group.ordered.values()]
        left = _unplaced(pending, [*free.values(), *upcoming])
        now = self._agenda.now
        able = [one for one in self._groups if one.is_autoscaled and one.room and one.backoff_until <= now]
        options = [option for group in able if (option := option_of(group, left)) is not None] if left else []
        if not options:
            return False
        best = choose(options, self._expander, (self._stream, self._scans))
        for _ in range(best.nodes):
            self._order(best.group)
        return True

    def _pending(self) -> list[tuple[str, Demand]]:
        pods = self._watch.cache.get("Pod", {})
        return [
            ("/".join(key), self._demands.of(pods[key]))
            for key in sorted(pods)
            if not pods[key]["spec"].get("nodeName")
            and condition_of(pods[key], "PodScheduled") == "False"
            and not is_terminating(pods[key])
        ]

    def _order(self, group: NodeGroup) -> None:
        now = self._agenda.now
        node = group.order(now)
        name = node["metadata"]["name"]
        takes = self._provision(self._stream.uniform(entity(f"provision/{name}")))
        if takes > self._provision_ns_max:
            self._agenda.after(self._provision_ns_max, partial(self._give_up, group, name))
        else:
            self._agenda.after(takes, partial(self._register, group, node))

    def _give_up(self, group: NodeGroup, name: str, _entry: Any) -> None:
        now = self._agenda.now
        group.leave(name, now)
        group.backoff_until = now + self._backoff_ns

    def _register(self, group: NodeGroup, node: Resource, _entry: Any) -> None:
        """Let the new node's kubelet register it."""
        name = node["metadata"]["name"]
        call = self._client.write(
            partial(self._store.create, node), entity(f"register/{name}"), root(self._agenda.now),
            ("create", "Node"),
        )  # fmt: skip
        call.done = partial(self._registered, group, node)

    def _registered(self, group: NodeGroup, node: Resource, call: Any) -> None:
        if call.error is None:
            group.ordered.pop(node["metadata"]["name"], None)
            self._added_at = self._agenda.now
        else:  # a kubelet tries again
            self._agenda.after(self._scan_ns, partial(self._register, group, node))


def _unplaced(pending: list[tuple[str, Demand]], nodes: list[NodeFree]) -> list[tuple[str, Demand]]:
    """Return the pods that fit on none of the nodes, which take those that do."""
    left = []
    for name, demand in pending:
        node = next((node for node in nodes if fits(node, demand)), None)
        if node is None:
            left.append((name, demand))
        else:
            node.take(demand)
    return left


def _whenever(_end_ns: int) -> None:
    """Nothing waits for it."""
