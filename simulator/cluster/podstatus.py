"""The status that a kubelet writes for a pod."""

from collections.abc import Mapping
from typing import Any

from engine.core.effects import Resource
from simulator.cluster.objects import with_condition


def running_status(pod: Resource, now: str, *, ready: bool, restarts: int) -> dict[str, Any]:
    """Return the status of a pod whose containers run; `ready` says whether its probes succeed."""
    status = pod.get("status") or {}
    word = "True" if ready else "False"
    conditions: list[Mapping[str, Any]] = list(status.get("conditions") or ())
    conditions = with_condition(conditions, "PodScheduled", "True", now)
    conditions = with_condition(conditions, "Initialized", "True", now)
    conditions = with_condition(conditions, "ContainersReady", word, now)
    conditions = with_condition(conditions, "Ready", word, now)
    return {
        "phase": "Running",
        "startTime": status.get("startTime", now),
        "conditions": conditions,
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container.get("image", ""),
                "ready": ready,
                "started": True,
                "restartCount": restarts,
                "state": {"running": {"startedAt": now}},
            }
            for container in pod["spec"]["containers"]
        ],
    }


def ended_status(pod: Resource, now: str, phase: str) -> dict[str, Any]:
    """Return the status of a pod whose containers have ended: `phase` is Succeeded or Failed."""
    status = pod.get("status") or {}
    conditions: list[Mapping[str, Any]] = list(status.get("conditions") or ())
    conditions = with_condition(conditions, "ContainersReady", "False", now)
    conditions = with_condition(conditions, "Ready", "False", now)
    code = 0 if phase == "Succeeded" else 143  # 128 + SIGTERM
    return {
        "phase": phase,
        "conditions": conditions,
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container.get("image", ""),
                "ready": False,
                "started": False,
                "restartCount": 0,
                "state": {"terminated": {"exitCode": code, "finishedAt": now}},
            }
            for container in pod["spec"]["containers"]
        ],
    }
