"""`scale_deployment`: set the number of replicas and wait until exactly that many are ready."""

from collections.abc import Mapping
from typing import Any

from engine.actions.scaling import check, parameters_of, scale, unscale
from engine.actions.targets import FOLLOW, READ, named, rule
from engine.core.action import ActionContext, ActionSpec
from engine.core.effects import Ref


async def scale_deployment(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Scale a Deployment to `replicas`.

    Target missing: `TargetMissing`. One that an autoscaler owns: `TargetRefused` (Autoscaled), since the
    autoscaler would scale it back within 15 s, unless `autoscaled` is ignore. Already as wanted: nothing
    is written, but its pods are waited for. Pods that never become ready (no capacity, quota, crash
    loop): the step's timeout ends the wait, or, in the midst of a roll-out, the Deployment's progress
    deadline. Scaled to another number by somebody else meanwhile:
    `Superseded`. The number is absolute, so the write needs no precondition: a second start finds it done
    or does it.
    """
    check("scale_deployment", parameters)
    return {"deployment": parameters["deployment"], **await scale(context, _ref(parameters), parameters)}


async def scale_back(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Set the number that there was before, and wait for it."""
    return await unscale(context, _ref(parameters), parameters)


def _ref(parameters: Mapping[str, Any]) -> Ref:
    return Ref("Deployment", parameters["deployment"], parameters["namespace"])


SPEC = ActionSpec(
    name="scale_deployment",
    run=scale_deployment,
    parameters=parameters_of("deployment", "Deployment"),
    calls_min=2,
    summary="set the number of replicas and wait until exactly that many are ready",
    rollback=scale_back,
    target=named("Deployment", "deployment"),
    rbac=(
        rule("deployments", *READ),
        rule("deployments/scale", "patch"),
        rule("pods", *FOLLOW),
        rule("horizontalpodautoscalers", "list"),
    ),
    coalescible=True,
    precondition="the Deployment exists, and no autoscaler owns it unless that is ignored",
    post_condition="it has exactly that many pods, and all are ready",
)
