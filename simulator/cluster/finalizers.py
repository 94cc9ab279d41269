"""What holds an object back while it is being deleted: finalizers that a controller of the model takes off.

Finalizers that nobody here would take off (of storage, of cloud providers) hold nothing.
"""

from typing import Final

from engine.core.effects import Resource

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"
NAMESPACE: Final = "kubernetes"
_ASKED: Final = {"Foreground": FOREGROUND, "Orphan": ORPHAN}
_KNOWN: Final = (FOREGROUND, ORPHAN)


def finalizers_of(resource: Resource, propagation: str) -> list[str]:
    """Return what will hold an object that is deleted now; `propagation` is what its dependents shall do."""
    if resource["kind"] == "Namespace":
        return [NAMESPACE]
    held = [one for one in resource["metadata"].get("finalizers") or () if one in _KNOWN]
    asked = _ASKED.get(propagation)
    return [*held, asked] if asked and asked not in held else held


def is_held(resource: Resource, finalizer: str) -> bool:
    """Say whether an object is going and waits for a finalizer."""
    metadata = resource["metadata"]
    return "deletionTimestamp" in metadata and finalizer in (metadata.get("finalizers") or ())
