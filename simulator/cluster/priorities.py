"""Priorities: what a pod states, or its PriorityClass says, or the class that is everybody's default."""

from collections.abc import Mapping
from typing import Final

from engine.core.effects import Resource
from simulator.cluster.store import Key

CLASS: Final = "PriorityClass"
# Those that every cluster has: pkg/apis/scheduling/v1/helpers.go SystemPriorityClasses.
SYSTEM: Final = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}


def priority_of(pod: Resource, objects: Mapping[str, Mapping[Key, Resource]]) -> int:
    """Return a pod's priority, as the API server's Priority admission would have filled it in."""
    spec = pod["spec"]
    stated: int | None = spec.get("priority")
    if stated is not None:
        return stated
    name = spec.get("priorityClassName", "")
    classes = objects.get(CLASS)
    if name:
        found = (classes or {}).get(("", name))
        return SYSTEM.get(name, 0) if found is None else int(found["value"])
    if not classes:
        return 0
    return max((int(one["value"]) for one in classes.values() if one.get("globalDefault")), default=0)
