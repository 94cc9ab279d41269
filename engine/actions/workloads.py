"""Rolling out and restarting workloads of every kind: Deployments, StatefulSets and DaemonSets."""

from collections.abc import Sequence
from typing import Final

from engine.actions.deployments import pods_of, refuse_paused, replicas_wanted, until_rolled_out
from engine.actions.targets import by_ref, ref_of
from engine.core.action import ActionContext
from engine.core.effects import Patch, Remember, Resource, WaitUntil
from engine.core.errors import TargetMissing, TargetRefused

RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"


def restarted_at(resource: Resource) -> str:
    """Return the mark of the last restart that a pod or a pod template bears."""
    annotations = (resource.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(RESTARTED_AT, ""))


def refuse_unrollable(workload: Resource) -> None:
    """Raise `TargetRefused` where a change of the template would not be rolled out."""
    if workload["kind"] == "Deployment":
        refuse_paused(workload)
        return
    strategy = workload["spec"].get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        raise TargetRefused(
            f"{ref_of(workload)} has the update strategy {strategy['type']}: "
            "its pods are only replaced when somebody deletes them",
            reason="NotRolledOut",
        )


async def request_restart(context: ActionContext, workload: Resource, key: str, suffix: str = "") -> Resource:
    """Mark the pod template as ``kubectl rollout restart`` does, unless it was since first looked at.

    The mark names execution and step, where kubectl writes the time: an action has no clock, and the same
    mark twice is no second restart. What stood there before is remembered under `key`.
    """
    mark = restarted_at(workload["spec"]["template"])
    if context.memory.get(key, mark) != mark:
        return workload
    await Remember(key, mark)
    annotations = {RESTARTED_AT: f"{context.execution_id}/{context.step_id}{suffix}"}
    return await Patch(
        ref_of(workload),
        {"spec": {"template": {"metadata": {"annotations": annotations}}}},
        manager=context.manager,
    )


async def until_restarted(workload: Resource) -> None:
    """Wait until every pod bears its template's mark and is ready; `workload` is as the API returned it."""
    if workload["kind"] == "Deployment":
        await until_rolled_out(workload, _is_new)
        return
    ref = ref_of(workload)
    generation = workload["metadata"].get("generation", 0)
    complete = _statefulset_complete if workload["kind"] == "StatefulSet" else _daemonset_complete

    def ready(workloads: Sequence[Resource], pods: Sequence[Resource]) -> str | None:
        if not workloads:
            return "deleted"
        current = workloads[0]
        seen = current["metadata"].get("generation", 0)
        if seen < generation or (current.get("status") or {}).get("observedGeneration", 0) < seen:
            return None
        return "done" if complete(current, pods) else None

    outcome = await WaitUntil(
        (by_ref(ref), pods_of(workload)), ready, f"{ref} to have all its pods restarted and ready"
    )
    if outcome == "deleted":
        raise TargetMissing(f"{ref} was deleted while it was being restarted")


def _is_new(workload: Resource, pod: Resource) -> bool:
    return restarted_at(pod) == restarted_at(workload["spec"]["template"])


def partition_of(statefulset: Resource) -> int:
    """Return the lowest ordinal that a rolling update replaces."""
    rolling = (statefulset["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    return int(rolling.get("partition", 0))


def _statefulset_complete(statefulset: Resource, pods: Sequence[Resource]) -> bool:
    status, wanted = statefulset.get("status") or {}, replicas_wanted(statefulset)
    updated = [pod for pod in pods if _is_new(statefulset, pod)]
    return (
        status.get("readyReplicas", 0) >= wanted
        and status.get("replicas", 0) == wanted
        and len(updated) >= max(0, wanted - partition_of(statefulset))
    )


def _daemonset_complete(daemonset: Resource, pods: Sequence[Resource]) -> bool:
    status = daemonset.get("status") or {}
    wanted = status.get("desiredNumberScheduled", 0)
    return (
        status.get("updatedNumberScheduled", 0) >= wanted
        and status.get("numberAvailable", 0) >= wanted
        and all(_is_new(daemonset, pod) for pod in pods)
    )
