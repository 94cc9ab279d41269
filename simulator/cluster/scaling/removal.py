"""Nodes that are not needed: found when their pods fit elsewhere for long enough, emptied, then removed."""

from copy import copy
from functools import partial
from typing import Any, Final

from engine.core.effects import Ref, Resource
from engine.core.errors import ActionError
from simulator.attribution import Link, root
from simulator.cluster.access import Access
from simulator.cluster.apiserver import Client
from simulator.cluster.changes import controller_kind
from simulator.cluster.demands import Demands
from simulator.cluster.disruption import budget_of, evict
from simulator.cluster.objects import condition_of, has_ended, is_terminating, key_of
from simulator.cluster.placement import NodeFree, fits
from simulator.cluster.scaling.groups import NodeGroup
from simulator.cluster.store import Store
from simulator.cluster.watch import Watch
from simulator.tasks import Story, Task

TAINT: Final = {"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}
EVICTION_RETRY_NS: Final = 10_000_000_000  # --pod-eviction-timeout's look, core/scaledown/actuation
MIRROR: Final = "kubernetes.io/config.mirror"
_SAFE: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict"


class Removals:
    """Remembers since when which node is not needed."""

    def __init__(
        self,
        access: Access,
        store: Store,
        watch: Watch,
        demands: Demands,
        client: Client,
        groups: list[NodeGroup],
    ) -> None:
        """Remove nodes of autoscaled groups only."""
        self._agenda = access.agenda
        self._store = store
        self._watch = watch
        self._demands = demands
        self._client = client
        self._groups = [group for group in groups if group.is_autoscaled]
        self._unneeded_ns = access.constant_ns("cluster_autoscaler.unneeded_time")
        self._unready_ns = access.constant_ns("cluster_autoscaler.unready_time")
        self._delay_ns = access.constant_ns("cluster_autoscaler.delay_after_add")
        self._share = access.number("cluster_autoscaler.utilization_threshold")
        self._bulk_max = int(access.number("cluster_autoscaler.max_empty_bulk_delete"))
        self._grace_ns = access.constant_ns("cluster_autoscaler.max_graceful_termination")
        self._since: dict[str, int] = {}

    def consider(self, free: dict[str, NodeFree], added_at: int, *, growing: bool) -> None:
        """Look which nodes are not needed, and remove those that were not for long enough."""
        now = self._agenda.now
        unneeded = self._unneeded(free)
        self._since = {name: self._since.get(name, now) for name in unneeded}
        if growing or now < added_at + self._delay_ns:
            return
        due = [
            (group, name)
            for group in self._groups
            for name in group.members
            if name in self._since and now - self._since[name] >= self._needed_for(name)
        ]
        empty = [(group, name) for group, name in due if not unneeded[name]]
        removed = 0
        for group, name in empty[: self._bulk_max]:
            removed += self._remove(group, name, [])
        if not removed and not any(group.going for group in self._groups):
            for group, name in due:
                if self._remove(group, name, unneeded[name]):
                    return

    def _needed_for(self, name: str) -> int:
        node = self._watch.cache["Node"]["", name]
        return self._unneeded_ns if condition_of(node, "Ready") in ("True", "") else self._unready_ns

    def _unneeded(self, free: dict[str, NodeFree]) -> dict[str, list[Resource]]:
        """Return the nodes that could go, with the pods that would have to move: they fit on the others."""
        others = {name: copy(node) for name, node in free.items()}
        for copied in others.values():
            copied.extended_taken = dict(copied.extended_taken)
        pods = self._pods()
        unneeded: dict[str, list[Resource]] = {}
        for group in self._groups:
            spare = group.spare
            for name in group.members:
                if spare <= 0 or name in group.ordered or name in group.going:
                    continue
                node = others.get(name)
                moving = [pod for pod in pods.get(name, []) if controller_kind(pod) != "DaemonSet"]
                if node is not None and not self._may_go(node, moving, others):
                    continue
                others.pop(name, None)
                unneeded[name] = moving
                spare -= 1
        return unneeded

    def _may_go(self, node: NodeFree, moving: list[Resource], others: dict[str, NodeFree]) -> bool:
        used = max(_share(node.cpu_m_taken, node.cpu_m), _share(node.memory_b_taken, node.memory_b))
        if used >= self._share or not all(self._is_movable(pod) for pod in moving):
            return False
        placed: list[tuple[NodeFree, Any]] = []
        for pod in moving:
            demand = self._demands.of(pod)
            target = next((one for one in others.values() if one is not node and fits(one, demand)), None)
            if target is None:
                for one, taken in placed:
                    one.give_back(taken)
                return False
            target.take(demand)
            placed.append((target, demand))
        return True

    def _is_movable(self, pod: Resource) -> bool:
        """A pod that nobody would make again stays, and one that its budgets hold (utils/drain/drain.go)."""
        annotations = pod["metadata"].get("annotations") or {}
        if annotations.get(_SAFE) == "false":
            return False
        if not controller_kind(pod) and annotations.get(_SAFE) != "true":
            return False
        namespace, name = key_of(pod)
        try:
            budget = budget_of(self._store, Ref("Pod", name, namespace), pod)
        except ActionError:
            return False  # two of them hold it, which no eviction can satisfy
        return budget is None or (budget.get("status") or {}).get("disruptionsAllowed", 0) > 0

    def _pods(self) -> dict[str, list[Resource]]:
        """Return the pods by node; those that were told to go and whose node is not heard of do not count."""
        found: dict[str, list[Resource]] = {}
        nodes, pods = self._watch.cache.get("Node", {}), self._watch.cache.get("Pod", {})
        silent = {name: None for (_, name), node in nodes.items() if condition_of(node, "Ready") == "Unknown"}
        for key in sorted(pods):
            pod = pods[key]
            node = pod["spec"].get("nodeName")
            mirrored = MIRROR in (pod["metadata"].get("annotations") or {})
            stuck = node in silent and is_terminating(pod)
            if node and not has_ended(pod) and not mirrored and not stuck:
                found.setdefault(node, []).append(pod)
        return found

    def _remove(self, group: NodeGroup, name: str, moving: list[Resource]) -> bool:
        if not group.spare:
            return False
        group.going[name] = None
        Task(self._agenda, self._empty_and_delete(group, name, moving))
        return True

    def _empty_and_delete(self, group: NodeGroup, name: str, moving: list[Resource]) -> Story:
        link = root(self._agenda.now)
        call = self._client.write(
            partial(self._taint, name, present=True), self._client.repeated(f"remove/{name}"), link,
            ("patch", "Node"),
        )  # fmt: skip
        yield call
        if call.error is not None:  # the node stays, until it is looked at anew
            self._leave(group, name)
            return
        until = self._agenda.now + self._grace_ns
        left = moving
        while left and self._agenda.now < until:
            for pod in left:
                if not is_terminating(pod):
                    call = self._client.write(
                        partial(self._evict, pod), self._client.repeated(f"evict/{name}"), call.link,
                        ("create", "Eviction"),
                    )  # fmt: skip
                    yield call
            yield EVICTION_RETRY_NS
            pods = self._watch.cache.get("Pod", {})
            left = [
                pods[key]
                for pod in left
                if (key := key_of(pod)) in pods and pods[key]["metadata"]["uid"] == pod["metadata"]["uid"]
            ]
        delete = self._delete if not left else partial(self._taint, present=False)
        while True:
            call = self._client.write(
                partial(delete, name), self._client.repeated(f"remove/{name}"), root(self._agenda.now),
                ("delete", "Node"),
            )  # fmt: skip
            yield call
            if call.error is None:
                break
            yield EVICTION_RETRY_NS
        self._leave(group, name)

    def _leave(self, group: NodeGroup, name: str) -> None:
        group.going.pop(name, None)
        self._since.pop(name, None)

    def _taint(self, name: str, link: Link, *, present: bool) -> None:
        found = self._store.objects.get("Node", {}).get(("", name))
        if found is not None:
            kept = [one for one in found["spec"].get("taints") or () if one["key"] != TAINT["key"]]
            taints = [*kept, dict(TAINT)] if present else kept
            self._store.patch(Ref("Node", name), {"spec": {"taints": taints}}, link)

    def _evict(self, pod: Resource, link: Link) -> None:
        namespace, name = key_of(pod)
        try:
            evict(self._store, Ref("Pod", name, namespace), pod["metadata"]["uid"], link)
        except ActionError:
            return  # a budget forbids it, or it is gone: the next look shows which

    def _delete(self, name: str, link: Link) -> None:
        if ("", name) in self._store.objects.get("Node", {}):
            self._store.remove(Ref("Node", name), link)


def _share(taken: int, capacity: int) -> float:
    return taken / capacity if capacity else 0.0
