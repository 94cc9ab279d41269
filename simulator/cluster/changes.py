"""What a write changed of an object, worked out once a delivery for everybody who follows its kind.

Most writes are of a status that says nothing new to most followers: a follower names what concerns it
(`Watch.subscribe`) and is not called for the rest.
"""

from collections.abc import Sequence
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
        changes += _status_changes(before, after)
    return changes


def _status_changes(before: Resource, after: Resource) -> int:
    """Look only into what is another object than before: here too a write shares what it leaves alone."""
    had, has = before.get("status") or {}, after.get("status") or {}
    changes = 0
    if had.get("conditions") is not has.get("conditions") and is_ready(before) != is_ready(after):
        changes += READY
    if had.get("phase") != has.get("phase"):
        if has_ended(before) != has_ended(after):
            changes += ENDED
        elif has.get("phase") == "Running":
            changes += STARTED
    told, tells = had.get("containerStatuses"), has.get("containerStatuses")
    if told is not tells and _granted(told) != _granted(tells):
        changes += GRANTED
    return changes


def controller_kind(resource: Resource) -> str:
    """Return the kind of an object's controlling owner, or an empty text."""
    for owner in resource["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            kind: str = owner["kind"]
            return kind
    return ""


def _granted(statuses: Sequence[Resource] | None) -> list[Any]:
    return [one["resources"] for one in statuses or () if "resources" in one]
