"""What a Deployment's status says, its conditions and its progress deadline among it.

The rules are kube-controller-manager's (pkg/controller/deployment: sync.go calculateStatus, progress.go
syncRolloutStatus): progress is more updated, ready or available pods, or fewer old ones, than the last status
said; without any for `progressDeadlineSeconds` a roll-out has failed. One that was complete is not looked at
again, so neither scaling nor a pod that goes down makes a Deployment fail.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.core.effects import Resource
from simulator.cluster.instants import seconds_of, until
from simulator.cluster.objects import condition_named
from simulator.cluster.revisions import Revisions
from simulator.cluster.rolling import recreates, surge_and_unavailable

Condition = Mapping[str, Any]

CREATED: Final = "NewReplicaSetCreated"
TIMED_OUT: Final = "ProgressDeadlineExceeded"
_COMPLETE: Final = "NewReplicaSetAvailable"
_UPDATED: Final = "ReplicaSetUpdated"
_FOUND: Final = "FoundNewReplicaSet"
_PAUSED: Final = "DeploymentPaused"
_RESUMED: Final = "DeploymentResumed"
_NO_DEADLINE: Final = 2**31 - 1
# Status, reason and message of the condition Available, by whether it is met.
_AVAILABLE: Final = (
    ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
    ("True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
)


def status_of(
    deployment: Resource, revisions: Revisions, written: Mapping[str, Any], now: str
) -> dict[str, Any]:
    """Return the status that follows `written`, the last one, at the instant `now`."""
    wanted, available = deployment["spec"]["replicas"], revisions.available
    enough = available >= wanted or available >= wanted - unavailable_max(deployment)
    status = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": revisions.status_replicas,
        "updatedReplicas": revisions.updated,
        "readyReplicas": revisions.ready,
        "availableReplicas": available,
        "unavailableReplicas": max(0, revisions.replicas - available),
    }
    before: Sequence[Condition] = written.get("conditions") or ()
    conditions = before
    met = condition_named(before, "Available")
    status_text, reason, message = _AVAILABLE[enough]
    if met is None or met["status"] != status_text or met.get("reason") != reason:
        conditions = _with(
            conditions, "Available", _told(met, "Available", status_text, reason, message, now)
        )
    current = condition_named(before, "Progressing")
    progress = _progress(deployment, revisions, status, written, current, now)
    if progress is not current:
        conditions = _with(conditions, "Progressing", progress)
    failing = condition_named(before, "ReplicaFailure")
    failure = revisions.failure
    if failure is None or failing is None or failure.get("reason") != failing.get("reason"):
        conditions = _with(conditions, "ReplicaFailure", failure) if failure or failing else conditions
    status["conditions"] = conditions
    return status


def created_condition(written: Mapping[str, Any], replicaset: str, now: str) -> Sequence[Condition]:
    """Return the conditions once a ReplicaSet has been created for a new template."""
    before: Sequence[Condition] = written.get("conditions") or ()
    current = condition_named(before, "Progressing")
    message = f'Created new replica set "{replicaset}"'
    return _with(before, "Progressing", _told(current, "Progressing", "True", CREATED, message, now))


def has_deadline(deployment: Resource) -> bool:
    """Say whether a roll-out may fail for want of progress."""
    return deployment["spec"].get("progressDeadlineSeconds", 600) not in (None, _NO_DEADLINE)


def deadline_ns(deployment: Resource, status: Mapping[str, Any], now: str, now_ns: int) -> int | None:
    """Return after how long a roll-out has to be looked at again (requeueStuckDeployment); None: never.

    A second is added, as timestamps are whole seconds.
    """
    progress = condition_named(status.get("conditions") or (), "Progressing")
    if progress is None or progress.get("reason") in (_COMPLETE, TIMED_OUT, _PAUSED):
        return None
    if not has_deadline(deployment):
        return None
    return max(until(_deadline_s(deployment, progress) + 1, now, now_ns), 0)


def unavailable_max(deployment: Resource) -> int:
    """Return how many pods may be missing while the Deployment counts as available."""
    return 0 if recreates(deployment) else surge_and_unavailable(deployment)[1]


def _deadline_s(deployment: Resource, progress: Condition) -> int:
    since = progress.get("lastUpdateTime") or progress.get("lastTransitionTime") or ""
    allowed: int = deployment["spec"].get("progressDeadlineSeconds", 600)
    return seconds_of(since) + allowed


def _progress(
    deployment: Resource,
    revisions: Revisions,
    status: Mapping[str, Any],
    written: Mapping[str, Any],
    current: Condition | None,
    now: str,
) -> Condition | None:
    """Return the condition Progressing; the very one of before where it says the same."""
    reason = "" if current is None else current.get("reason", "")
    if reason == _COMPLETE and status["replicas"] == status["updatedReplicas"]:
        return current  # by far the most frequent
    if not has_deadline(deployment):
        return None
    if deployment["spec"].get("paused"):
        said = reason in (_PAUSED, TIMED_OUT)
        return (
            current
            if said
            else _told(current, "Progressing", "Unknown", _PAUSED, "Deployment is paused", now)
        )
    return _estimate(deployment, revisions, current, now, progressed=_has_progressed(status, written))


def _estimate(
    deployment: Resource, revisions: Revisions, current: Condition | None, now: str, *, progressed: bool
) -> Condition | None:
    """Say whether a roll-out is complete, goes on, or has failed."""
    reason = "" if current is None else current.get("reason", "")
    name = revisions.new["metadata"]["name"] if revisions.new else ""
    about = f'ReplicaSet "{name}"' if name else f'Deployment "{deployment["metadata"]["name"]}"'
    if revisions.is_complete(deployment["spec"]["replicas"]):
        word, said, message = "True", _COMPLETE, f"{about} has successfully progressed."
    elif progressed:
        word, said, message = "True", _UPDATED, f"{about} is progressing."
    elif reason == _PAUSED:
        word, said, message = "Unknown", _RESUMED, "Deployment is resumed"
    elif current is None:
        if not name:
            return None
        word, said, message = "True", _FOUND, f"Found new replica set {name}"
    elif reason not in (_COMPLETE, TIMED_OUT) and seconds_of(now) > _deadline_s(deployment, current):
        word, said, message = "False", TIMED_OUT, f"{about} has timed out progressing."
    else:
        return current
    if said == reason == _COMPLETE:
        return current  # only progress is told again
    return _told(current, "Progressing", word, said, message, now)


def _has_progressed(status: Mapping[str, Any], written: Mapping[str, Any]) -> bool:
    """Compare with the last status (deployment_util.go DeploymentProgressing)."""
    updated, before = status["updatedReplicas"], written.get("updatedReplicas", 0)
    return bool(
        updated > before
        or status["replicas"] - updated < written.get("replicas", 0) - before
        or status["readyReplicas"] > written.get("readyReplicas", 0)
        or status["availableReplicas"] > written.get("availableReplicas", 0)
    )


def _told(before: Condition | None, name: str, status: str, reason: str, message: str, now: str) -> Condition:
    """Return a condition; its transition time moves only when its status does."""
    since = now
    if before is not None and before["status"] == status:
        since = before.get("lastTransitionTime", now)
    return {
        "type": name,
        "status": status,
        "reason": reason,
        "message": message,
        "lastUpdateTime": now,
        "lastTransitionTime": since,
    }


def _with(conditions: Sequence[Condition], name: str, condition: Condition | None) -> list[Condition]:
    """Return the conditions with one of them put in its place, added, or taken away (None)."""
    result = []
    for one in conditions:
        if one["type"] != name:
            result.append(one)
        elif condition is not None:
            result.append(condition)
            condition = None
    return result if condition is None else [*result, condition]
