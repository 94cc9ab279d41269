"""Questions that the model's components ask of Kubernetes objects."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.core.effects import Resource
from scenarios.selectors import matches
from simulator.cluster.store import Key


def key_of(resource: Resource) -> Key:
    """Return (namespace, name)."""
    metadata = resource["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def owner_of(resource: Resource, kind: str) -> Key | None:
    """Return the controlling owner's (namespace, name) if it is of `kind`."""
    metadata = resource["metadata"]
    for owner in metadata.get("ownerReferences") or ():
        if owner["kind"] == kind and owner.get("controller"):
            return metadata.get("namespace", ""), owner["name"]
    return None


def condition_of(resource: Resource, name: str) -> str:
    """Return the status of a condition (``True``, ``False``, ``Unknown``), or an empty text."""
    for condition in (resource.get("status") or {}).get("conditions") or ():
        if condition["type"] == name:
            status: str = condition["status"]
            return status
    return ""


def condition_named(conditions: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """Return one of the conditions, or None."""
    for condition in conditions:
        if condition["type"] == name:
            return condition
    return None


def is_ready(pod: Resource) -> bool:
    """Say whether the pod's Ready condition is true."""
    return condition_of(pod, "Ready") == "True"


def is_terminating(pod: Resource) -> bool:
    """Say whether the pod has been asked to go."""
    return "deletionTimestamp" in pod["metadata"]


def has_ended(pod: Resource) -> bool:
    """Say whether the pod's containers have ended for good."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def is_active(pod: Resource) -> bool:
    """Say whether a controller counts the pod: neither terminating nor ended."""
    return "deletionTimestamp" not in pod["metadata"] and not has_ended(pod)


def with_condition(
    conditions: list[Mapping[str, Any]], name: str, status: str, since: str, **more: str
) -> list[Mapping[str, Any]]:
    """Return the conditions with one of them set; its transition time moves only when its status does."""
    changed: Mapping[str, Any] = {"type": name, "status": status, "lastTransitionTime": since, **more}
    result = []
    found = False
    for condition in conditions:
        if condition["type"] != name:
            result.append(condition)
            continue
        found = True
        kept = condition["status"] == status and "lastTransitionTime" in condition
        result.append({**changed, "lastTransitionTime": condition["lastTransitionTime"]} if kept else changed)
    if not found:
        result.append(changed)
    return result


__all__ = [
    "condition_named",
    "condition_of",
    "has_ended",
    "is_active",
    "is_ready",
    "is_terminating",
    "key_of",
    "matches",
    "owner_of",
    "with_condition",
]
