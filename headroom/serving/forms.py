"""The forms in which objects cross the wire: defaults in, merge patches for the model, scales, lists out."""

from collections.abc import Mapping
from typing import Any, Final

from engine.live.resources import Resource
from simulator.cluster.defaults import defaulted, defaulted_pod, defaulted_set

SERVER_OWNED: Final = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "selfLink",
    "managedFields",
)
_GENERATIONLESS: Final = ("metadata", "status")


def with_defaults(body: Mapping[str, Any], resource: Resource) -> dict[str, Any]:
    """Return a sound object with every default in place that the model reads; null is as good as nothing."""
    made: dict[str, Any] = without_nulls(body)
    match resource.kind:
        case "Pod":
            return {**made, "spec": defaulted_pod(made["spec"])}
        case "Deployment":
            return defaulted(made)
        case "ReplicaSet":
            filled = defaulted_set(made)
            return {**filled, "spec": {"replicas": 1, **filled["spec"]}}
        case "StatefulSet" | "DaemonSet":
            return defaulted_set(made)
        case "Job":
            return {**made, "spec": _job_spec(made["spec"])}
    return made


def without_nulls(value: Any) -> Any:
    """Return a value without the keys that are null, which the API takes for keys that are not there."""
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def new_object(body: Mapping[str, Any], resource: Resource) -> dict[str, Any]:
    """Return an object as it is stored when it is created: defaults in, what the server decides out."""
    made = with_defaults(body, resource)
    given = (*SERVER_OWNED, "deletionTimestamp", "deletionGracePeriodSeconds")
    metadata = {key: item for key, item in made["metadata"].items() if key not in given}
    made["metadata"] = metadata
    match resource.kind:
        case "Pod":
            made["status"] = {"phase": "Pending", "qosClass": _quality(made["spec"])}
        case "ReplicaSet":
            made["status"] = {"replicas": 0}
        case "Namespace":
            labels = {
                **(metadata.get("labels") or {}),
                "kubernetes.io/metadata.name": metadata.get("name", ""),
            }
            made["metadata"] = {**metadata, "labels": labels}
            made["spec"] = {"finalizers": ["kubernetes"], **(made.get("spec") or {})}
            made["status"] = {"phase": "Active"}
        case "PodDisruptionBudget":
            made["status"] = dict.fromkeys(
                ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"), 0
            )
        case _ if "status" in resource.subresources and resource.kind != "Node":  # which may bring one along
            made["status"] = {}
    return made


def _job_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Job's spec with its defaults (pkg/apis/batch/v1/defaults.go)."""
    filled = {"backoffLimit": 6, "suspend": False, "completionMode": "NonIndexed", **spec}
    if "parallelism" not in filled and "completions" not in filled:
        filled["completions"] = 1
    filled.setdefault("parallelism", 1)
    template = filled["template"]
    filled["template"] = {
        **template,
        "metadata": template.get("metadata") or {},
        "spec": defaulted_pod(template["spec"]),
    }
    return filled


def _quality(spec: Mapping[str, Any]) -> str:
    """Return a pod's class of quality of service (pkg/apis/core/v1/helper/qos)."""
    wanted = [one.get("resources") or {} for one in spec.get("containers") or ()]
    if not any(one.get("requests") or one.get("limits") for one in wanted):
        return "BestEffort"
    for one in wanted:
        limits = one.get("limits") or {}
        requests = {**limits, **(one.get("requests") or {})}
        if not {"cpu", "memory"} <= limits.keys() or any(
            requests[key] != limits[key] for key in ("cpu", "memory")
        ):
            return "Burstable"
    return "Guaranteed"


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch (RFC 7386) that makes `after` of `before`."""
    changes: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            inner = changes_between(old, value)
            if inner:
                changes[key] = inner
        elif key not in before or old != value:
            changes[key] = value
    return changes


def scale_of(workload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Scale of a workload."""
    metadata = workload["metadata"]
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    wanted = {"replicas": spec["replicas"]} if spec.get("replicas") else {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": wanted,
        "status": {
            "replicas": status.get("replicas", 0),
            "selector": selector_text(spec.get("selector") or {}),
        },
    }


def selector_text(selector: Mapping[str, Any]) -> str:
    """Return a label selector as text."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for one in selector.get("matchExpressions") or ():
        values = ",".join(sorted(one.get("values") or ()))
        match one["operator"]:
            case "In":
                parts.append(f"{one['key']} in ({values})")
            case "NotIn":
                parts.append(f"{one['key']} notin ({values})")
            case "Exists":
                parts.append(one["key"])
            case _:
                parts.append(f"!{one['key']}")
    return ",".join(parts)


def shown(resource: Resource, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object as a client sees it: kind and apiVersion first."""
    head = {"kind": resource.kind, "apiVersion": stored.get("apiVersion", resource.group_version)}
    evicted = (stored.get("status") or {}).get("disruptedPods")
    if evicted:  # the model keeps the pods, the API when that was
        since = stored["metadata"].get("creationTimestamp", "1970-01-01T00:00:00Z")
        status = {**stored["status"], "disruptedPods": dict.fromkeys(evicted, since)}
        stored = {**stored, "status": status}
    return {**head, **{key: item for key, item in stored.items() if key not in head}}


def list_of(
    resource: Resource, items: list[Mapping[str, Any]], version: int, more: str, remaining: int
) -> dict[str, Any]:
    """Return a list as a client sees it; its items leave their kind unsaid."""
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if more:
        metadata |= {"continue": more, "remainingItemCount": remaining}
    bare = [{key: item for key, item in one.items() if key not in ("kind", "apiVersion")} for one in items]
    return {
        "kind": resource.list_kind,
        "apiVersion": resource.group_version,
        "metadata": metadata,
        "items": bare,
    }
