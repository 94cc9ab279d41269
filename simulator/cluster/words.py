"""What the API server says when it refuses, and how it names things (apimachinery/pkg/api/errors)."""

from typing import Final

from engine.core.effects import Ref
from engine.core.errors import Conflict, Forbidden, NotFound

_APPS: Final = "apps"
_GROUPS: Final = {
    "Deployment": _APPS,
    "ReplicaSet": _APPS,
    "StatefulSet": _APPS,
    "DaemonSet": _APPS,
    "ControllerRevision": _APPS,
    "Job": "batch",
    "CronJob": "batch",
    "HorizontalPodAutoscaler": "autoscaling",
    "Scale": "autoscaling",
    "PodDisruptionBudget": "policy",
    "NetworkPolicy": "networking.k8s.io",
    "Ingress": "networking.k8s.io",
    "Lease": "coordination.k8s.io",
    "EndpointSlice": "discovery.k8s.io",
    "StorageClass": "storage.k8s.io",
    "PriorityClass": "scheduling.k8s.io",
}
_PLURALS: Final = {"Endpoints": "endpoints", "NetworkPolicy": "networkpolicies", "Ingress": "ingresses"}


def resource_of(kind: str) -> str:
    """Return the plural of a kind in lower case, such as `deployments`."""
    plural = _PLURALS.get(kind)
    if plural is not None:
        return plural
    name = kind.lower()
    return name + ("es" if name.endswith("s") else "s")


def group_of(kind: str) -> str:
    """Return the API group of a kind; that of pods and the like has no name."""
    return _GROUPS.get(kind, "")


def qualified(kind: str) -> str:
    """Return a resource with its group, such as `deployments.apps`."""
    group = group_of(kind)
    return f"{resource_of(kind)}.{group}" if group else resource_of(kind)


def not_found(ref: Ref) -> NotFound:
    """404: no such object."""
    return NotFound(f'{qualified(ref.kind)} "{ref.name}" not found')


def already_exists(kind: str, name: str) -> Conflict:
    """409: the name is taken."""
    return Conflict(f'{qualified(kind)} "{name}" already exists', reason="AlreadyExists")


def modified(ref: Ref) -> Conflict:
    """409: the object has another resource version than the writer thinks."""
    return Conflict(
        f'Operation cannot be fulfilled on {qualified(ref.kind)} "{ref.name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


def other_uid(ref: Ref, wanted: str, found: str) -> Conflict:
    """409: the name is borne by another object by now."""
    return Conflict(
        f'Operation cannot be fulfilled on {ref.kind} "{ref.name}": the UID in the precondition ({wanted}) '
        f"does not match the UID in record ({found}). The object might have been deleted and then recreated"
    )


def forbidden(kind: str, name: str, why: str) -> Forbidden:
    """403: admission refuses."""
    return Forbidden(f'{qualified(kind)} "{name}" is forbidden: {why}')


def terminating(kind: str, name: str, namespace: str) -> Forbidden:
    """403: the namespace goes away."""
    return forbidden(
        kind, name, f"unable to create new content in namespace {namespace} because it is being terminated"
    )
