"""Resizing pods in place: the API's resize subresource, and the kubelet that carries it out.

KEP-1287, as in Kubernetes 1.33 and later. A request that the node can never hold is Infeasible; one that it
cannot hold now is Deferred until something leaves the node. What can be held is granted, and told in the
pod's status at the next relist. Granting is reckoned against what the store holds at that instant.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from engine.core.effects import Ref, Resource
from engine.core.errors import Invalid, NotFound
from scenarios.quantities import resource_amount
from scenarios.versions import IN_PLACE_RESIZE, minor_of
from simulator.attribution import Link
from simulator.cluster.changes import ENDED, GONE, SPEC
from simulator.cluster.kubelet import Kubelet
from simulator.cluster.objects import has_ended, is_active, key_of
from simulator.cluster.placement import Demand, NodeFree
from simulator.cluster.podstatus import held, waiting_status
from simulator.cluster.quota import Quotas
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch

RESIZABLE = ("cpu", "memory")
SINCE = (1, minor_of(IN_PLACE_RESIZE.since))
_PENDING = "PodResizePending"


def resize(
    store: Store, quotas: Quotas, ref: Ref, changes: Mapping[str, Any], link: Link, version: str | None
) -> Resource:
    """Carry out a patch of the resize subresource; raises `NotFound`, `Invalid` or `Forbidden` (quota)."""
    pod = store.get(ref)
    if not _supported(store, pod):
        message = f"{ref}: the server could not find the requested resource"
        raise NotFound(message)
    wanted = (changes.get("spec") or {}).get("containers")
    containers = pod["spec"]["containers"]
    if wanted is None or [_fixed(one) for one in wanted] != [_fixed(one) for one in containers]:
        message = f"{ref}: only cpu and memory of the containers' resources are mutable"
        raise Invalid(message)
    after = {**pod, "spec": {**pod["spec"], "containers": wanted}}
    if quality_of(after) != quality_of(pod):
        message = f"{ref}: spec: Pod QOS Class may not change as a result of resizing"
        raise Invalid(message)
    quotas.admit_resize(pod, after)
    return store.patch(ref, {"spec": {"containers": wanted}}, link, version)


def _supported(store: Store, pod: Resource) -> bool:
    """Say whether the pod's node knows how, or all nodes where it has none yet."""
    nodes, name = store.objects.get("Node", {}), pod["spec"].get("nodeName", "")
    asked = [nodes.get(("", name))] if name else list(nodes.values())
    return bool(asked) and all(map(_knows_how, asked))


def _knows_how(node: Resource | None) -> bool:
    text = str((((node or {}).get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion", ""))
    numbers = text.lstrip("v").split(".")[:2]
    return len(numbers) == len(SINCE) and tuple(int(one) for one in numbers if one.isdecimal()) >= SINCE


def _fixed(container: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a container a resize may not change."""
    resources = container.get("resources") or {}
    kept = {
        field: {name: value for name, value in (resources.get(field) or {}).items() if name not in RESIZABLE}
        for field in ("requests", "limits")
    }
    return {**container, "resources": kept}


def quality_of(pod: Resource) -> str:
    """Return the pod's quality-of-service class, by pkg/apis/core/v1/helper/qos."""
    amounts = []
    for container in pod["spec"]["containers"]:
        resources = container.get("resources") or {}
        limits = resources.get("limits") or {}
        requests = {**limits, **(resources.get("requests") or {})}
        amounts += [
            (resource_amount(name, requests[name]) if name in requests else 0,
             resource_amount(name, limits[name]) if name in limits else 0)
            for name in RESIZABLE
        ]  # fmt: skip
    if not any(request or limit for request, limit in amounts):
        return "BestEffort"
    return "Guaranteed" if all(request == limit > 0 for request, limit in amounts) else "Burstable"


class Resizes:
    """What the kubelets do about pods whose resources were changed."""

    def __init__(self, store: Store, watch: Watch, kubelets: Mapping[str, Kubelet]) -> None:
        """Follow the pods of all nodes."""
        self._store = store
        self._kubelets = kubelets
        self._deferred: dict[str, dict[Key, Resource]] = {}  # by node
        watch.subscribe(("Pod",), self._pod_changed, SPEC + GONE + ENDED)

    def _pod_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        pod = after or before or {}
        node = pod["spec"].get("nodeName", "")
        if after is None or has_ended(after):
            deferred = self._deferred.get(node)
            if deferred:
                deferred.pop(key_of(pod), None)
                for waiting in list(deferred.values()):
                    self._try(node, waiting, link)
            return
        if before is None or before["spec"]["containers"] is after["spec"]["containers"]:
            return  # a write shares what it did not change
        if node in self._kubelets and is_active(after):
            self._try(node, after, link)

    def _try(self, node: str, pod: Resource, link: Link) -> None:
        self._kubelets[node].tell(pod, partial(self._status, node), "resized", link)

    def _status(self, node: str, pod: Resource) -> Mapping[str, Any]:
        """Return the status that grants the pod's resources, or says why not."""
        key = key_of(pod)
        status = pod.get("status") or {}
        conditions = [one for one in status.get("conditions") or () if one["type"] != _PENDING]
        reason = self._refusal(node, pod)
        waiting = self._deferred.setdefault(node, {})
        if reason == "Deferred":
            waiting[key] = pod
        else:
            waiting.pop(key, None)
        if reason:
            refused = {"type": _PENDING, "status": "True", "reason": reason}
            return {"conditions": [*conditions, refused]}
        resources = {one["name"]: one.get("resources") or {} for one in pod["spec"]["containers"]}
        known = status.get("containerStatuses")
        if not known:  # the kubelet has told nothing of the pod yet
            known = waiting_status(pod, "", "ContainerCreating", pod)["containerStatuses"]
        told = [{**one, "resources": resources.get(one["name"], {})} for one in known]
        return {"conditions": conditions, "containerStatuses": told}

    def _refusal(self, node: str, pod: Resource) -> str:
        free = NodeFree.of(self._store.objects["Node"]["", node])
        wanted = Demand.of(pod["spec"])
        if wanted.cpu_m > free.cpu_m or wanted.memory_b > free.memory_b:
            return "Infeasible"
        cpu_m, memory_b = wanted.cpu_m, wanted.memory_b
        for key, other in self._store.objects["Pod"].items():
            if key != key_of(pod) and other["spec"].get("nodeName") == node and not has_ended(other):
                demand = Demand.of(held(other))
                cpu_m += demand.cpu_m
                memory_b += demand.memory_b
        return "Deferred" if cpu_m > free.cpu_m or memory_b > free.memory_b else ""
