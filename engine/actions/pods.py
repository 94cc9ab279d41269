"""What actions read from pods."""

from engine.core.effects import Resource


def is_finished(pod: Resource) -> bool:
    """Say whether the pod has succeeded or failed, and only its record is left."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def is_live(pod: Resource) -> bool:
    """Say whether the pod is neither being deleted nor finished."""
    return "deletionTimestamp" not in pod["metadata"] and not is_finished(pod)


def is_ready(pod: Resource) -> bool:
    """Say whether the pod's Ready condition is true."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready":
            return bool(condition["status"] == "True")
    return False


def controller_of(resource: Resource, kind: str) -> str:
    """Return the name of the controlling owner if it is of `kind`, else the empty string."""
    for owner in resource["metadata"].get("ownerReferences") or ():
        if owner.get("controller") and owner["kind"] == kind:
            return str(owner["name"])
    return ""
