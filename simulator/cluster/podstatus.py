"""The status that a kubelet writes for a pod."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.core.effects import Resource
from simulator.cluster.container import INIT, MAIN, SIDECAR, Container

ORDER = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
"""As a kubelet writes them."""
TERMINATED = 143
"""The exit code of a container that SIGTERM ends: 128 + 15."""
KILLED = 137
"""That of one that SIGKILL ends, as where there is no memory left for it: 128 + 9."""


def _conditions(
    status: Mapping[str, Any], now: str, *, initialized: str, ready: str
) -> list[Mapping[str, Any]]:
    """Return the conditions of a pod that has a node; a transition time moves only when its status does."""
    before = {condition["type"]: condition for condition in status.get("conditions") or ()}
    wanted = (initialized, ready, ready, "True")
    result = []
    for name, word in zip(ORDER, wanted, strict=True):
        known = before.get(name)
        if known is not None and known["status"] == word:
            result.append(known)
        else:
            result.append({"type": name, "status": word, "lastTransitionTime": now})
    return result


def running_status(pod: Resource, now: str, *, ready: bool, restarts: int) -> dict[str, Any]:
    """Return the status of a pod whose containers run; `ready` says whether its probes succeed."""
    status = pod.get("status") or {}
    before = {known["name"]: known for known in status.get("containerStatuses") or ()}
    return {
        "phase": "Running",
        "startTime": status.get("startTime", now),
        "conditions": _conditions(status, now, initialized="True", ready="True" if ready else "False"),
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container.get("image", ""),
                "ready": ready,
                "started": True,
                "restartCount": restarts,
                "resources": _granted(before.get(container["name"]) or {}, container),
                "state": _running_state(before.get(container["name"]) or {}, now, restarts),
            }
            for container in pod["spec"]["containers"]
        ],
    }


def _granted(known: Mapping[str, Any], container: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the resources that the node gives a container: those it started with, until it is resized."""
    granted: Mapping[str, Any] = (
        known["resources"] if "resources" in known else container.get("resources", {})
    )
    return granted


def _running_state(known: Mapping[str, Any], now: str, restarts: int) -> Mapping[str, Any]:
    """Return a container's state, which says since when; that moves only when the container restarts."""
    state: Mapping[str, Any] = known.get("state") or {}
    return (
        state if "running" in state and known["restartCount"] == restarts else {"running": {"startedAt": now}}
    )


def waiting_status(pod: Resource, now: str, reason: str, admitted: Resource) -> dict[str, Any]:
    """Return the status of a pod whose containers have not been started yet, and why not.

    What the node gives them is what they asked for when it took the pod in (`admitted`), until it is resized.
    """
    status = pod.get("status") or {}
    before = {known["name"]: known for known in status.get("containerStatuses") or ()}
    initialized = "False" if pod["spec"].get("initContainers") else "True"
    return {
        "phase": "Pending",
        "startTime": status.get("startTime", now),
        "conditions": _conditions(status, now, initialized=initialized, ready="False"),
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container.get("image", ""),
                "ready": False,
                "started": False,
                "restartCount": 0,
                "resources": _granted(before.get(container["name"]) or {}, container),
                "state": {"waiting": {"reason": reason}},
            }
            for container in admitted["spec"]["containers"]
        ],
    }


def crashed_status(pod: Resource, now: str, restarts: int) -> dict[str, Any]:
    """Return the status of a pod whose container has crashed, and waits until it is started again."""
    told = running_status(pod, now, ready=False, restarts=restarts)
    told["containerStatuses"] = [
        {
            **known,
            "started": False,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": now}},
        }
        for known in told["containerStatuses"]
    ]
    return told


def ended_status(
    pod: Resource, now: str, phase: str, code: int = TERMINATED, message: str = ""
) -> dict[str, Any]:
    """Return the status of a pod whose containers have ended: `phase` is Succeeded or Failed."""
    left = {"message": message} if message else {}
    status = pod.get("status") or {}
    code = 0 if phase == "Succeeded" else code
    return {
        "phase": phase,
        "conditions": _conditions(status, now, initialized="True", ready="False"),
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container.get("image", ""),
                "ready": False,
                "started": False,
                "restartCount": 0,
                "state": {"terminated": {"exitCode": code, "finishedAt": now, **left}},
            }
            for container in pod["spec"]["containers"]
        ],
    }


def evicted_status(pod: Resource, now: str, message: str) -> dict[str, Any]:
    """Return the status of a pod whose node had no more room for it."""
    told = ended_status(pod, now, phase="Failed", code=KILLED)
    return {**told, "reason": "Evicted", "message": message}


def full_status(
    pod: Resource,
    containers: Sequence[Container],
    now: str,
    *,
    initialized: bool,
    over: bool,
) -> dict[str, Any]:
    """Return the status of a pod with several containers, from how each of them stands."""
    status = pod.get("status") or {}
    told = {one["name"]: one for one in status.get("containerStatuses") or ()}
    main = [one for one in containers if one.kind == MAIN]
    before = [one for one in containers if one.kind != MAIN]
    failed = any(one.code for one in main) or any(one.kind == INIT and one.code for one in before)
    begun = any(one.running or one.ended or one.restarts for one in main)
    ready = initialized and not over and all(one.ready for one in main)
    ready = ready and all(one.ready for one in before if one.kind == SIDECAR)
    result: dict[str, Any] = {
        "phase": ("Failed" if failed else "Succeeded") if over else "Running" if begun else "Pending",
        "startTime": status.get("startTime", now),
        "conditions": _conditions(
            status, now, initialized="True" if initialized else "False", ready="True" if ready else "False"
        ),
        "containerStatuses": [one.status(_granted(told.get(one.name) or {}, one.spec)) for one in main],
    }
    if before:
        result["initContainerStatuses"] = [one.status(one.spec.get("resources", {})) for one in before]
    return result


def held(pod: Resource) -> Resource:
    """Return the pod's spec with the resources that its kubelet has granted, where it has told any."""
    told = {
        one["name"]: one["resources"]
        for one in (pod.get("status") or {}).get("containerStatuses") or ()
        if "resources" in one
    }
    spec: Resource = pod["spec"]
    if not told or all(
        told.get(one["name"], one.get("resources", {})) == one.get("resources", {})
        for one in spec["containers"]
    ):
        return spec
    containers = [
        {**one, "resources": told[one["name"]]} if one["name"] in told else one for one in spec["containers"]
    ]
    return {**spec, "containers": containers}
