"""Setting the number of replicas of a workload, and setting it back."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.actions.deployments import RolloutFailed, Superseded, deadline_exceeded, pods_of, replicas_wanted
from engine.actions.pods import is_finished
from engine.actions.targets import NAMESPACE, by_ref, get_target, ref_of
from engine.core.action import ActionContext, InvalidParameters, Parameter
from engine.core.effects import List, Patch, Ref, Remember, Resource, Selection, WaitUntil
from engine.core.errors import TargetMissing, TargetRefused

_BEFORE: Final = "replicas_before"
_UNDO: Final = "undo_from"


def parameters_of(parameter: str, kind: str) -> dict[str, Parameter]:
    """Return the parameters of an action that scales a workload of `kind`, named by `parameter`."""
    return {
        "namespace": NAMESPACE,
        parameter: Parameter("string", required=True, summary=f"the {kind} to scale"),
        "replicas": Parameter("integer", required=True, summary="how many replicas it shall have"),
        "autoscaled": Parameter(
            "string", default="refuse", summary="refuse a target that an autoscaler owns, or ignore that"
        ),
    }


def check(action: str, parameters: Mapping[str, Any]) -> None:
    """Raise `InvalidParameters` for what no workload can be scaled to."""
    if parameters["replicas"] < 0:
        raise InvalidParameters(f"{action}: 'replicas' must not be negative, found {parameters['replicas']}")
    if parameters["autoscaled"] not in ("refuse", "ignore"):
        raise InvalidParameters(
            f"{action}: 'autoscaled' is refuse or ignore, not {parameters['autoscaled']!r}"
        )


async def scale(context: ActionContext, ref: Ref, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Scale a workload to `replicas` and wait until exactly that many are ready; returns before and after."""
    workload = await get_target(ref)
    if parameters["autoscaled"] == "refuse":
        await refuse_autoscaled(ref)
    return await _scale(context, workload, parameters["replicas"], _BEFORE)


async def unscale(context: ActionContext, ref: Ref, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Scale back to what there was before; what somebody else has scaled since is left alone."""
    before = context.memory.get(_BEFORE)
    if before is None:
        return {"undone": False}  # nothing was written
    workload = await get_target(ref)
    now = replicas_wanted(workload)
    if now not in (parameters["replicas"], before):
        return {"undone": False}
    scaled = await _scale(context, workload, before, _UNDO)
    return {"undone": True, "replicas": scaled["replicas"]}


async def refuse_autoscaled(ref: Ref) -> None:
    """Raise `TargetRefused` if an autoscaler owns the workload."""
    for autoscaler in await List(Selection("HorizontalPodAutoscaler", ref.namespace)):
        target = autoscaler["spec"]["scaleTargetRef"]
        if target["kind"] == ref.kind and target["name"] == ref.name:
            raise TargetRefused(
                f"{ref} is scaled by HorizontalPodAutoscaler "
                f"{autoscaler['metadata']['name']}, which would undo this; set autoscaled: ignore",
                reason="Autoscaled",
            )


async def _scale(context: ActionContext, workload: Resource, wanted: int, key: str) -> Mapping[str, Any]:
    ref = ref_of(workload)
    before = context.memory.get(key, replicas_wanted(workload))
    version = workload["metadata"]["resourceVersion"]
    if replicas_wanted(workload) != wanted:
        await Remember(key, before)
        changes = {"spec": {"replicas": wanted}}
        written = await Patch(ref, changes, subresource="scale", manager=context.manager)
        version = written["metadata"]["resourceVersion"]
    await _until_scaled(workload, wanted, int(version), scaled_down=wanted < before)
    return {"replicas": wanted, "replicas_before": before}


async def _until_scaled(workload: Resource, wanted: int, version: int, *, scaled_down: bool) -> None:
    ref = ref_of(workload)
    failed_before = deadline_exceeded(workload)

    def scaled(workloads: Sequence[Resource], pods: Sequence[Resource]) -> str | None:
        if not workloads:
            return "deleted"
        current = workloads[0]
        if int(current["metadata"]["resourceVersion"]) < version:
            return None  # the cache has not seen the write yet
        if replicas_wanted(current) != wanted:
            return "superseded"
        if deadline_exceeded(current) and not failed_before:
            return "stuck"
        surplus = scaled_down and sum(not is_finished(pod) for pod in pods) > wanted  # still terminating
        return "done" if _observed(current, wanted) and not surplus else None

    outcome = await WaitUntil(
        (by_ref(ref), pods_of(workload)), scaled, f"{ref} to have exactly {wanted} pods, all ready"
    )
    if outcome == "deleted":
        raise TargetMissing(f"{ref} was deleted while it was being scaled")
    if outcome == "superseded":
        raise Superseded(f"{ref} was scaled away from {wanted} by somebody else")
    if outcome == "stuck":
        raise RolloutFailed(f"{ref} exceeded its progress deadline while it was being scaled")


def _observed(workload: Resource, wanted: int) -> bool:
    status = workload.get("status") or {}
    return bool(
        status.get("observedGeneration", 0) >= workload["metadata"].get("generation", 0)
        and status.get("replicas", 0) == wanted
        and status.get("readyReplicas", 0) == wanted
    )
