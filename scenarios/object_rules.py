"""What the fields of one Kubernetes object must be to each other, as the API server sees to it.

The types of the fields are checked before, by `scenarios.object_checks`: what is no object of its type has
no rules.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from scenarios.errors import Path
from scenarios.problems import describe
from scenarios.selectors import matches

Finding = tuple[Path, str, str]
"""Where in an object, what was found, what was expected."""

_TEMPLATED: Final = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job")
_ROLLING: Final = {  # where a rolling update is said, and its defaults: (maxSurge, maxUnavailable)
    "Deployment": ("strategy", ("25%", "25%")),
    "DaemonSet": ("updateStrategy", (0, 1)),
}
_RESTARTS: Final = {**dict.fromkeys(_TEMPLATED, ("Always",)), "Job": ("OnFailure", "Never")}
_NOTHING: Final = (0, "0%", "00%", "000%")


def contradictions(resource: Mapping[str, Any]) -> Iterator[Finding]:
    """Return where the sound fields of one object contradict each other."""
    kind, spec = resource["kind"], resource.get("spec") or {}
    if kind in _TEMPLATED:
        yield from _selector(kind, spec)
        yield from _restart(kind, spec)
    if kind in _ROLLING:
        yield from _rolling(kind, spec)
    elif kind == "HorizontalPodAutoscaler":
        least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
        if least > most:
            message = f"found {least}, more than the maxReplicas of {most}"
            yield ("spec", "minReplicas"), message, f"at most {most}"
    elif kind == "PodDisruptionBudget" and {"minAvailable", "maxUnavailable"} <= spec.keys():
        least, most = spec["minAvailable"], spec["maxUnavailable"]
        message = f"found {describe(most)} beside a minAvailable of {describe(least)}"
        yield ("spec", "maxUnavailable"), message, "one of them"


def labels_of(workload: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the labels of a workload's template."""
    found: Mapping[str, str] = (workload["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return found


def are_rivals(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two workloads would each take the other's pods for its own."""
    return matches(one["spec"]["selector"], labels_of(other)) and matches(
        other["spec"]["selector"], labels_of(one)
    )


def _selector(kind: str, spec: Mapping[str, Any]) -> Iterator[Finding]:
    selector, path = spec.get("selector"), ("spec", "selector")
    if selector is None:  # of a Job: the API server makes one
        return
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield (
            path,
            "found no label",
            f"labels of the {kind}'s own template: an empty selector takes every pod",
        )
        return
    for index, entry in enumerate(selector.get("matchExpressions") or ()):
        takes, given = entry["operator"] in ("In", "NotIn"), entry.get("values") or ()
        if takes != bool(given):
            expected = f"{'at least one value' if takes else 'no values'} with {entry['operator']}"
            yield (*path, "matchExpressions", index, "values"), f"found {len(given)} values", expected
            return
    labels = labels_of({"spec": spec})
    if not matches(selector, labels):
        told = ", ".join(f"{name}={value}" for name, value in labels.items()) or "none"
        yield (
            path,
            f"does not match the labels of its own template: {told}",
            "labels of spec.template.metadata",
        )


def _restart(kind: str, spec: Mapping[str, Any]) -> Iterator[Finding]:
    found = spec["template"]["spec"].get("restartPolicy")
    if found is not None and found not in _RESTARTS[kind]:
        path = ("spec", "template", "spec", "restartPolicy")
        yield path, f"found {found!r}", f"{' or '.join(_RESTARTS[kind])} in the pods of a {kind}"


def _rolling(kind: str, spec: Mapping[str, Any]) -> Iterator[Finding]:
    key, (surge, unavailable) = _ROLLING[kind]
    strategy = spec.get(key) or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return
    said = strategy.get("rollingUpdate") or {}
    if said.get("maxSurge", surge) in _NOTHING and said.get("maxUnavailable", unavailable) in _NOTHING:
        path = ("spec", key, "rollingUpdate")
        yield path, "maxSurge and maxUnavailable are both 0: no pod could ever be replaced", "one above 0"
