"""What `kubectl get` shows: objects as rows (`meta.k8s.io/v1 Table`), printed by the server.

Source: pkg/printers/internalversion/printers.go.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from engine.live.resources import Resource
from headroom.serving.forms import selector_text

Object = Mapping[str, Any]
Column = tuple[str, str, int]
"""Name, type, priority: 0 is always shown, 1 with `-o wide`."""
Cells = Callable[[Object, str], list[Any]]
NONE: Final = "<none>"
_NAME: Final[Column] = ("Name", "string", 0)
_AGE: Final[Column] = ("Age", "string", 0)

MINUTE, HOUR, DAY = 60, 3600, 86400
# Up to so many seconds: the unit of the span, and the unit of what is left over.
_SPANS: Final = (
    (2 * MINUTE, (1, "s"), None),
    (10 * MINUTE, (MINUTE, "m"), (1, "s")),
    (3 * HOUR, (MINUTE, "m"), None),
    (8 * HOUR, (HOUR, "h"), (MINUTE, "m")),
    (2 * DAY, (HOUR, "h"), None),
    (8 * DAY, (DAY, "d"), (HOUR, "h")),
)


def table(
    resource: Resource, items: Sequence[Object], metadata: Mapping[str, Any], now: str
) -> dict[str, Any]:
    """Return objects as a Table; `now` is the server's time, against which ages are told."""
    columns, cells = _KINDS.get(resource.kind, ((_NAME, _AGE), _plain))
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": dict(metadata),
        "columnDefinitions": [
            {
                "name": name,
                "type": kind,
                "format": "name" if name == "Name" else "",
                "description": "",
                "priority": priority,
            }
            for name, kind, priority in columns
        ],
        "rows": [{"cells": cells(one, now), "object": _partial(one)} for one in items],
    }


def _partial(one: Object) -> dict[str, Any]:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": one["metadata"]}


def age(since: str | None, now: str) -> str:
    """Return a time span as kubectl tells it (apimachinery/pkg/util/duration HumanDuration)."""
    if not since:
        return "<unknown>"
    seconds = int((datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds())
    if seconds < 0:
        return "0s"
    for limit, unit, rest in _SPANS:
        if seconds < limit:
            return _span(max(seconds, 0), unit, rest)
    return f"{seconds // DAY}d"


def _span(seconds: int, unit: tuple[int, str], rest: tuple[int, str] | None) -> str:
    size, letter = unit
    left = seconds % size // rest[0] if rest is not None else 0
    return f"{seconds // size}{letter}" + (f"{left}{rest[1]}" if rest is not None and left else "")


def _created(one: Object, now: str) -> str:
    return age(one["metadata"].get("creationTimestamp"), now)


def _plain(one: Object, now: str) -> list[Any]:
    return [one["metadata"]["name"], _created(one, now)]


def _parts(one: Object) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return one.get("spec") or {}, one.get("status") or {}


def _pod(one: Object, now: str) -> list[Any]:
    spec, status = _parts(one)
    containers = status.get("containerStatuses") or []
    ready = sum(bool(each.get("ready")) for each in containers)
    restarts = sum(each.get("restartCount", 0) for each in containers)
    return [
        one["metadata"]["name"],
        f"{ready}/{len(spec.get('containers') or ())}",
        _pod_state(one, containers),
        str(restarts),
        _created(one, now),
        status.get("podIP") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        NONE,
    ]


def _pod_state(one: Object, containers: Sequence[Mapping[str, Any]]) -> str:
    status = one.get("status") or {}
    if "deletionTimestamp" in one["metadata"]:
        return "Terminating"
    state = str(status.get("reason") or status.get("phase") or "Unknown")
    for each in containers:
        said = each.get("state") or {}
        waiting, ended = said.get("waiting") or {}, said.get("terminated") or {}
        if waiting.get("reason"):
            return str(waiting["reason"])
        if ended.get("reason"):
            state = str(ended["reason"])
    return state


def _templated(one: Object) -> tuple[str, str, str]:
    spec = one.get("spec") or {}
    containers = ((spec.get("template") or {}).get("spec") or {}).get("containers") or []
    names = ",".join(each.get("name", "") for each in containers)
    images = ",".join(each.get("image", "") for each in containers)
    return names, images, selector_text(spec.get("selector") or {})


def _deployment(one: Object, now: str) -> list[Any]:
    spec, status = _parts(one)
    return [
        one["metadata"]["name"],
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}",
        str(status.get("updatedReplicas", 0)),
        str(status.get("availableReplicas", 0)),
        _created(one, now),
        *_templated(one),
    ]


def _replicaset(one: Object, now: str) -> list[Any]:
    spec, status = _parts(one)
    counts = [spec.get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [one["metadata"]["name"], *map(str, counts), _created(one, now), *_templated(one)]


def _statefulset(one: Object, now: str) -> list[Any]:
    spec, status = _parts(one)
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    return [one["metadata"]["name"], ready, _created(one, now), *_templated(one)[:2]]


def _daemonset(one: Object, now: str) -> list[Any]:
    spec, status = _parts(one)
    fields = (
        "desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled",
        "numberAvailable",
    )  # fmt: skip
    node = (((spec.get("template") or {}).get("spec") or {}).get("nodeSelector")) or {}
    counts = [str(status.get(field, 0)) for field in fields]
    chosen = ",".join(f"{key}={value}" for key, value in sorted(node.items())) or NONE
    return [one["metadata"]["name"], *counts, chosen, _created(one, now), *_templated(one)]


def _node(one: Object, now: str) -> list[Any]:
    spec, status = _parts(one)
    conditions = {each["type"]: each.get("status") for each in status.get("conditions") or ()}
    state = {"True": "Ready", "False": "NotReady"}.get(str(conditions.get("Ready")), "Unknown")
    if spec.get("unschedulable"):
        state += ",SchedulingDisabled"
    marks = "node-role.kubernetes.io/"
    labels = one["metadata"].get("labels") or {}
    roles = ",".join(sorted(key.removeprefix(marks) for key in labels if key.startswith(marks)))
    about = status.get("nodeInfo") or {}
    return [
        one["metadata"]["name"],
        state,
        roles or NONE,
        _created(one, now),
        about.get("kubeletVersion", ""),
        *(
            next((each["address"] for each in status.get("addresses") or () if each["type"] == kind), NONE)
            for kind in ("InternalIP", "ExternalIP")
        ),
        about.get("osImage") or "<unknown>",
        about.get("kernelVersion") or "<unknown>",
        about.get("containerRuntimeVersion") or "<unknown>",
    ]


def _namespace(one: Object, now: str) -> list[Any]:
    return [one["metadata"]["name"], (one.get("status") or {}).get("phase", "Active"), _created(one, now)]


def _job(one: Object, now: str) -> list[Any]:
    spec, status = _parts(one)
    conditions = {each["type"]: each.get("status") for each in status.get("conditions") or ()}
    state = next((name for name in ("Complete", "Failed") if conditions.get(name) == "True"), "Running")
    took = ""
    if status.get("startTime"):
        took = age(status["startTime"], status.get("completionTime") or now)
    done = f"{status.get('succeeded', 0)}/{spec.get('completions') or 1}"
    return [one["metadata"]["name"], state, done, took, _created(one, now), *_templated(one)]


def _budget(one: Object, now: str) -> list[Any]:
    spec, status = _parts(one)
    return [
        one["metadata"]["name"],
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        status.get("disruptionsAllowed", 0),
        _created(one, now),
    ]


def _autoscaler(one: Object, now: str) -> list[Any]:
    spec, status = _parts(one)
    target = spec.get("scaleTargetRef") or {}
    return [
        one["metadata"]["name"],
        f"{target.get('kind', '')}/{target.get('name', '')}",
        _metrics(spec, status),
        str(spec.get("minReplicas", 1)),
        str(spec.get("maxReplicas", "")),
        status.get("currentReplicas", 0),
        _created(one, now),
    ]


def _metrics(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    said = []
    current = {
        (each.get("resource") or {}).get("name"): (each.get("resource") or {}).get("current") or {}
        for each in status.get("currentMetrics") or ()
    }
    for each in spec.get("metrics") or ():
        resource = each.get("resource") or {}
        wanted = (resource.get("target") or {}).get("averageUtilization")
        found = current.get(resource.get("name"), {}).get("averageUtilization")
        share = "<unknown>" if found is None else f"{found}%"
        said.append(f"{resource.get('name', '')}: {share}/{wanted}%")
    return ", ".join(said) or NONE


def _event(one: Object, now: str) -> list[Any]:
    about = one.get("involvedObject") or one.get("regarding") or {}
    last = one.get("lastTimestamp") or one.get("eventTime") or one["metadata"].get("creationTimestamp")
    where = f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"
    message = str(one.get("message") or one.get("note") or "").strip()
    return [
        age(last, now),
        one.get("type", ""),
        one.get("reason", ""),
        where,
        message,
        one["metadata"]["name"],
    ]


_WIDE: Final[tuple[Column, ...]] = (
    ("Containers", "string", 1), ("Images", "string", 1), ("Selector", "string", 1),
)  # fmt: skip


def _texts(*names: str) -> tuple[Column, ...]:
    return tuple((name, "string", 0) for name in names)


_KINDS: Final[Mapping[str, tuple[tuple[Column, ...], Cells]]] = {
    "Pod": (
        (
            *_texts("Name", "Ready", "Status", "Restarts", "Age"),
            ("IP", "string", 1), ("Node", "string", 1), ("Nominated Node", "string", 1),
            ("Readiness Gates", "string", 1),
        ),
        _pod,
    ),
    "Deployment": ((*_texts("Name", "Ready", "Up-to-date", "Available", "Age"), *_WIDE), _deployment),
    "ReplicaSet": ((*_texts("Name", "Desired", "Current", "Ready", "Age"), *_WIDE), _replicaset),
    "StatefulSet": ((*_texts("Name", "Ready", "Age"), *_WIDE[:2]), _statefulset),
    "DaemonSet": (
        (
            *_texts("Name", "Desired", "Current", "Ready", "Up-to-date", "Available", "Node Selector", "Age"),
            *_WIDE,
        ),
        _daemonset,
    ),
    "Node": (
        (
            *_texts("Name", "Status", "Roles", "Age", "Version"),
            *((name, "string", 1) for name in (
                "Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime",
            )),
        ),
        _node,
    ),
    "Namespace": (_texts("Name", "Status", "Age"), _namespace),
    "Job": ((*_texts("Name", "Status", "Completions", "Duration", "Age"), *_WIDE), _job),
    "PodDisruptionBudget": (
        (
            *_texts("Name", "Min Available", "Max Unavailable"), ("Allowed Disruptions", "integer", 0), _AGE,
        ),
        _budget,
    ),
    "HorizontalPodAutoscaler": (
        (
            *_texts("Name", "Reference", "Targets", "MinPods", "MaxPods"), ("Replicas", "integer", 0), _AGE,
        ),
        _autoscaler,
    ),
    "Event": (
        (*_texts("Last Seen", "Type", "Reason", "Object", "Message"), ("Name", "string", 1)), _event,
    ),
}  # fmt: skip
