"""What actions read from pods."""

from collections.abc import Sequence

from engine.actions.targets import by_ref
from engine.core.effects import Ref, Resource, WaitUntil


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


def serves(pod: Resource) -> bool:
    """Say whether the pod is both ready and live, in one call: waits ask it of every pod again and again."""
    if "deletionTimestamp" in pod["metadata"]:
        return False
    status = pod.get("status") or {}
    if status.get("phase") in ("Succeeded", "Failed"):
        return False
    for condition in status.get("conditions") or ():
        if condition["type"] == "Ready":
            return bool(condition["status"] == "True")
    return False


def controller_of(resource: Resource, kind: str) -> str:
    """Return the name of the controlling owner if it is of `kind`, else the empty string."""
    for owner in resource["metadata"].get("ownerReferences") or ():
        if owner.get("controller") and owner["kind"] == kind:
            return str(owner["name"])
    return ""


def owner_of(pod: Resource) -> Ref | None:
    """Return the controlling owner, or None for a pod that nobody would create anew."""
    for owner in pod["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return Ref(owner["kind"], owner["name"], pod["metadata"]["namespace"])
    return None


async def until_gone(pods: Sequence[tuple[Ref, str]]) -> None:
    """Wait until none of these very pods (address and uid) is left."""
    if not pods:
        return
    uids = [uid for _, uid in pods]

    def gone(*found: Sequence[Resource]) -> bool | None:
        for uid, same_name in zip(uids, found, strict=True):
            if any(one["metadata"]["uid"] == uid for one in same_name):
                return None
        return True

    purpose = f"{pods[0][0]} to be gone" if len(pods) == 1 else f"{len(pods)} pods to be gone"
    await WaitUntil(tuple(by_ref(ref) for ref, _ in pods), gone, purpose)
