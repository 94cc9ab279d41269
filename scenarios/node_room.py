"""Whether the pods of a snapshot fit on the nodes that they are bound to, as the kubelets saw to it."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from scenarios.pod_requests import pod_requests
from scenarios.quantities import CPU, format_bytes, format_cpu, resource_amount

MEMORY: Final = "memory"
PODS: Final = "pods"
PODS_MAX_DEFAULT: Final = 110  # of a node that tells none: the kubelet's own default
_ENDED: Final = ("Succeeded", "Failed")

Object = Mapping[str, Any]


def room_of(node: Object) -> tuple[str, dict[str, int]]:
    """Return the field that tells what a node gives to pods, and how much; what it does not tell is none."""
    status = node.get("status") or {}
    field = "allocatable" if status.get("allocatable") or not status.get("capacity") else "capacity"
    told = {PODS: PODS_MAX_DEFAULT, **(status.get(field) or {})}
    return field, {name: resource_amount(name, told.get(name, 0)) for name in (CPU, MEMORY, PODS)}


def taken_by(pod: Object) -> dict[str, int]:
    """Return what a pod takes of its node: what its kubelet has granted, where a resize is under way."""
    if (pod.get("status") or {}).get("phase") in _ENDED:
        return {}
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    granted = {one["name"]: one["resources"] for one in statuses if "resources" in one}
    spec = pod["spec"]
    containers = [
        {**one, "resources": granted.get(one["name"], one.get("resources") or {})}
        for one in spec["containers"]
    ]
    return {**pod_requests({**spec, "containers": containers}), PODS: 1}


def total(taken: Iterable[Mapping[str, int]], resource: str) -> int:
    """Return the sum of one resource."""
    return sum(one.get(resource, 0) for one in taken)


def written(resource: str, size: int) -> str:
    """Return a quantity as Kubernetes writes it."""
    if resource == CPU:
        return format_cpu(size)
    return format_bytes(size) if resource == MEMORY else str(size)
