"""What a write changed of an object, worked out once a delivery for everybody who follows its kind.

Most writes are of a status that says nothing new to most followers: a follower names what concerns it
(`Watch.subscribe`) and is not called for the rest.
"""

from typing import Any, Final

from engine.core.effects import Resource
from simulator.cluster.objects import has_ended, is_ready

NEW: Final = 1
GONE: Final = 2
SPEC: Final = 4
GOING: Final = 8  # it has been asked to go
READY: Final = 16  # its Ready condition has become true, or no longer is
ENDED: Final = 32  # its phase has become a final one
OWNED: Final = 64  # its labels or its owners
STARTED: Final = 128  # it has become Running
GRANTED: Final = 256  # its kubelet has told other resources of its containers


def changes_of(kind: str, before: Resource | None, after: Resource | None) -> int:
    """Return the sum of what a write changed; 0 if it is nothing that has a name here."""
    if before is None:
        return NEW
    if after is None:
        return GONE
    changes = 0 if before.get("spec") is after.get("spec") else SPEC  # a write shares what it leaves alone
    if kind != "Pod":
        return changes
    was, now = before["metadata"], after["metadata"]
    if ("deletionTimestamp" in was) != ("deletionTimestamp" in now):
        changes += GOING
    if was.get("labels") is not now.get("labels") or was.get("ownerReferences") is not now.get(
        "ownerReferences"
    ):
        changes += OWNED
    if before.get("status") is not after.get("status"):
        if is_ready(before) != is_ready(after):
            changes += READY
        if has_ended(before) != has_ended(after):
            changes += ENDED
        elif _runs(after) and not _runs(before):
            changes += STARTED
        if _granted(before) != _granted(after):
            changes += GRANTED
    return changes


def controller_kind(resource: Resource) -> str:
    """Return the kind of an object's controlling owner, or an empty text."""
    for owner in resource["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            kind: str = owner["kind"]
            return kind
    return ""


def _granted(pod: Resource) -> list[Any]:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return [one["resources"] for one in statuses if "resources" in one]


def _runs(pod: Resource) -> bool:
    return (pod.get("status") or {}).get("phase") == "Running"
