"""The taints by which Kubernetes says that a node is not well, and whom they concern."""

from collections.abc import Mapping
from typing import Any, Final

from engine.core.effects import Resource
from simulator.cluster.objects import condition_of
from simulator.cluster.store import Key

NO_SCHEDULE: Final = "NoSchedule"
NO_EXECUTE: Final = "NoExecute"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
NOT_READY: Final = "node.kubernetes.io/not-ready"
_KEYS: Final = (UNREACHABLE, NOT_READY)

Json = Mapping[str, Any]


def health_taints(ready: str, effect: str) -> list[dict[str, str]]:
    """Return the taints that belong to the status of a Ready condition."""
    if ready == "True":
        return []
    return [{"key": UNREACHABLE if ready == "Unknown" else NOT_READY, "effect": effect}]


def lifecycle_taints(node: Resource, effect: str) -> list[dict[str, str]]:
    """Return the node's taints of that kind and effect, without when they were added."""
    return [
        {"key": taint["key"], "effect": taint["effect"]}
        for taint in (node.get("spec") or {}).get("taints") or ()
        if taint["key"] in _KEYS and taint["effect"] == effect
    ]


def tainted_of(node: Resource, effect: str) -> bool:
    """Say whether the node carries a taint of its health with that effect."""
    return bool(lifecycle_taints(node, effect))


def executing(node: Resource) -> list[Json]:
    """Return the node's taints that drive pods away."""
    return [taint for taint in (node.get("spec") or {}).get("taints") or () if taint["effect"] == NO_EXECUTE]


def unready_pods(pods: Mapping[Key, Resource], node: str) -> list[Resource]:
    """Return the node's pods that are still taken for ready, in order of name."""
    return [
        pods[key]
        for key in sorted(pods)
        if pods[key]["spec"].get("nodeName") == node and condition_of(pods[key], "Ready") == "True"
    ]


def stays_s(pod: Resource, taints: list[Json]) -> float | None:
    """Return how long a pod stays on a node with these taints: 0 is not at all, None is for ever.

    Source: k/k pkg/controller/tainteviction getMatchingTolerations, getMinTolerationTime.
    """
    shortest: float | None = None
    for taint in taints:
        covering = [one for one in pod["spec"].get("tolerations") or () if _covers(one, taint)]
        if not covering:
            return 0
        for toleration in covering:
            seconds = toleration.get("tolerationSeconds")
            if seconds is not None:
                shortest = max(0, seconds) if shortest is None else min(shortest, max(0, seconds))
    return shortest


def _covers(toleration: Json, taint: Json) -> bool:
    effect, key = toleration.get("effect") or "", toleration.get("key") or ""
    if (effect and effect != taint["effect"]) or (key and key != taint["key"]):
        return False
    operator = toleration.get("operator") or "Equal"
    return operator == "Exists" or (toleration.get("value") or "") == (taint.get("value") or "")
