"""`scale_deployment`: set the number of replicas and wait until exactly that many are ready."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.actions.deployments import Superseded, by_name, get_deployment, pods_of, replicas_wanted
from engine.actions.pods import is_finished
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import List, Patch, Ref, Remember, Resource, Selection, WaitUntil
from engine.core.errors import TargetMissing, TargetRefused

_BEFORE = "replicas_before"


async def scale_deployment(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Scale a Deployment to `replicas`.

    Target missing: `TargetMissing`. One that an autoscaler owns: `TargetRefused` (Autoscaled), since the
    autoscaler would scale it back within 15 s, unless `autoscaled` is ignore. Already as wanted: nothing
    is written, but its pods are waited for. Pods that never become ready (no capacity, quota, crash
    loop): the step's timeout ends the wait. Scaled to another number by somebody else meanwhile:
    `Superseded`. The number is absolute, so the write needs no precondition: a second start finds it done
    or does it.
    """
    namespace, name, wanted = parameters["namespace"], parameters["deployment"], parameters["replicas"]
    _check(parameters)
    deployment = await get_deployment(namespace, name)
    if parameters["autoscaled"] == "refuse":
        await _refuse_autoscaled(namespace, name)
    before = context.memory.get(_BEFORE, replicas_wanted(deployment))
    version = deployment["metadata"]["resourceVersion"]
    if replicas_wanted(deployment) != wanted:
        await Remember(_BEFORE, before)
        changes = {"spec": {"replicas": wanted}}
        ref = Ref("Deployment", name, namespace)
        written = await Patch(ref, changes, subresource="scale", manager=context.manager)
        version = written["metadata"]["resourceVersion"]
    await _until_scaled(deployment, wanted, int(version), scaled_down=wanted < before)
    return {"deployment": name, "replicas": wanted, "replicas_before": before}


async def _refuse_autoscaled(namespace: str, name: str) -> None:
    for autoscaler in await List(Selection("HorizontalPodAutoscaler", namespace)):
        target = autoscaler["spec"]["scaleTargetRef"]
        if target["kind"] == "Deployment" and target["name"] == name:
            raise TargetRefused(
                f"Deployment {namespace}/{name} is scaled by HorizontalPodAutoscaler "
                f"{autoscaler['metadata']['name']}, which would undo this; set autoscaled: ignore",
                reason="Autoscaled",
            )


async def _until_scaled(deployment: Resource, wanted: int, version: int, *, scaled_down: bool) -> None:
    namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]

    def scaled(deployments: Sequence[Resource], pods: Sequence[Resource]) -> str | None:
        if not deployments:
            return "deleted"
        current = deployments[0]
        if int(current["metadata"]["resourceVersion"]) < version:
            return None  # the cache has not seen the write yet
        if replicas_wanted(current) != wanted:
            return "superseded"
        surplus = scaled_down and sum(not is_finished(pod) for pod in pods) > wanted  # still terminating
        return "done" if _observed(current, wanted) and not surplus else None

    outcome = await WaitUntil(
        (by_name(namespace, name), pods_of(deployment)),
        scaled,
        f"Deployment {namespace}/{name} to have exactly {wanted} pods, all ready",
    )
    if outcome == "deleted":
        raise TargetMissing(f"Deployment {namespace}/{name} was deleted while it was being scaled")
    if outcome == "superseded":
        raise Superseded(f"Deployment {namespace}/{name} was scaled away from {wanted} by somebody else")


def _observed(deployment: Resource, wanted: int) -> bool:
    status = deployment.get("status") or {}
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
        and status.get("replicas", 0) == wanted
        and status.get("readyReplicas", 0) == wanted
    )


def _check(parameters: Mapping[str, Any]) -> None:
    if parameters["replicas"] < 0:
        raise InvalidParameters(
            f"scale_deployment: 'replicas' must not be negative, found {parameters['replicas']}"
        )
    if parameters["autoscaled"] not in ("refuse", "ignore"):
        raise InvalidParameters(
            f"scale_deployment: 'autoscaled' is refuse or ignore, not {parameters['autoscaled']!r}"
        )


SPEC = ActionSpec(
    name="scale_deployment",
    run=scale_deployment,
    parameters={
        "namespace": Parameter("string", required=True, summary="where the target lives"),
        "deployment": Parameter("string", required=True, summary="the Deployment to scale"),
        "replicas": Parameter("integer", required=True, summary="how many replicas it shall have"),
        "autoscaled": Parameter(
            "string", default="refuse", summary="refuse a target that an autoscaler owns, or ignore that"
        ),
    },
    calls_min=2,
    summary="set the number of replicas and wait until exactly that many are ready",
)
