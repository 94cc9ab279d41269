"""What actions read from Deployments, and how they wait for one to be rolled out."""

from collections.abc import Callable, Sequence

from engine.core.effects import Get, Labels, Ref, Resource, Selection, WaitUntil
from engine.core.errors import ActionError, NotFound, TargetMissing, TargetRefused

POD_TEMPLATE_HASH = "pod-template-hash"


class RolloutFailed(ActionError):
    """The Deployment did not progress within its progressDeadlineSeconds."""

    reason = "ProgressDeadlineExceeded"


class Superseded(ActionError):
    """Somebody else changed what this action had set, before it was carried out."""

    reason = "Superseded"


async def get_deployment(namespace: str, name: str) -> Resource:
    """Read a Deployment; raises `TargetMissing`."""
    try:
        return await Get(Ref("Deployment", name, namespace))
    except NotFound as error:
        raise TargetMissing(f"Deployment {namespace}/{name} does not exist") from error


def pods_of(workload: Resource) -> Selection:
    """Return the pods of a Deployment, or of the Deployment that owns a ReplicaSet, by its selector."""
    metadata, selector = workload["metadata"], workload["spec"]["selector"]
    if selector.get("matchExpressions"):
        raise TargetRefused(
            f"{workload['kind']} {metadata['namespace']}/{metadata['name']} selects its pods by "
            "matchExpressions; only matchLabels is supported",
            reason="UnsupportedSelector",
        )
    return pods_with(metadata["namespace"], selector["matchLabels"])


def pods_with(namespace: str, labels: Labels) -> Selection:
    """Return the pods with `labels`, whatever template they come from."""
    return Selection(
        "Pod", namespace, tuple((key, value) for key, value in labels.items() if key != POD_TEMPLATE_HASH)
    )


def by_name(namespace: str, name: str) -> Selection:
    """Return the Deployment called `name`."""
    return Selection("Deployment", namespace, name=name)


def replicas_wanted(deployment: Resource) -> int:
    """Return spec.replicas, or the API server's default."""
    return int(deployment["spec"].get("replicas", 1))


def refuse_paused(deployment: Resource) -> None:
    """Raise `TargetRefused` if the Deployment is paused: a change of its template would not be rolled out."""
    if deployment["spec"].get("paused"):
        metadata = deployment["metadata"]
        raise TargetRefused(
            f"Deployment {metadata['namespace']}/{metadata['name']} is paused; resume it first",
            reason="Paused",
        )


def _never(_deployment: Resource) -> bool:
    return False


async def until_rolled_out(
    deployment: Resource,
    is_new: Callable[[Resource, Resource], bool],
    is_superseded: Callable[[Resource], bool] = _never,
) -> None:
    """Wait as ``kubectl rollout status`` does, and for the old pods to be gone.

    `deployment` is what the API returned for the change: an older one in the watch cache says nothing
    yet. `is_new(deployment, pod)` tells a pod of the wanted template from one of an older template.
    Raises `RolloutFailed` when the progress deadline passes, `TargetMissing` when the Deployment is
    deleted, `Superseded` when `is_superseded(deployment)` of a later generation.
    """
    metadata = deployment["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    generation = metadata.get("generation", 0)

    def ready(deployments: Sequence[Resource], pods: Sequence[Resource]) -> str | None:
        if not deployments:
            return "deleted"
        current = deployments[0]
        seen = current["metadata"].get("generation", 0)
        if seen > generation and is_superseded(current):
            return "superseded"
        if seen < generation or (current.get("status") or {}).get("observedGeneration", 0) < seen:
            return None
        if deadline_exceeded(current):
            return "stuck"
        return "done" if _status_complete(current) and all(is_new(current, pod) for pod in pods) else None

    outcome = await WaitUntil(
        (by_name(namespace, name), pods_of(deployment)),
        ready,
        f"Deployment {namespace}/{name} to have all its pods updated and available, and the old ones gone",
    )
    if outcome == "deleted":
        raise TargetMissing(f"Deployment {namespace}/{name} was deleted while it was being rolled out")
    if outcome == "superseded":
        raise Superseded(f"Deployment {namespace}/{name} was changed while it was being rolled out")
    if outcome == "stuck":
        raise RolloutFailed(f"Deployment {namespace}/{name} exceeded its progress deadline")


def _status_complete(deployment: Resource) -> bool:
    status = deployment.get("status") or {}
    updated = int(status.get("updatedReplicas", 0))
    return (
        updated >= replicas_wanted(deployment)
        and status.get("replicas", 0) <= updated
        and status.get("availableReplicas", 0) >= updated
    )


def deadline_exceeded(deployment: Resource) -> bool:
    """Say whether the Deployment's last roll-out has failed for want of progress."""
    return any(
        condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded"
        for condition in (deployment.get("status") or {}).get("conditions") or ()
    )
