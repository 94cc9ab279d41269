"""`scale_statefulset`: set the number of replicas and wait until exactly that many are ready."""

from collections.abc import Mapping
from typing import Any

from engine.actions.scaling import check, parameters_of, scale, unscale
from engine.actions.targets import FOLLOW, READ, named, rule
from engine.core.action import ActionContext, ActionSpec
from engine.core.effects import Ref


async def scale_statefulset(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Scale a StatefulSet to `replicas`; its pods come and go in order, unless its policy is Parallel.

    Target missing: `TargetMissing`; owned by an autoscaler: `TargetRefused` (Autoscaled) unless that is
    ignored. Already as wanted: nothing is written, its pods are waited for. A pod that never becomes ready
    holds up all after it: the step's timeout ends the wait. Scaled to another number by somebody else
    meanwhile: `Superseded`. Volumes of pods that go are kept, as Kubernetes keeps them by default.
    """
    check("scale_statefulset", parameters)
    return {"statefulset": parameters["statefulset"], **await scale(context, _ref(parameters), parameters)}


async def scale_back(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Set the number that there was before, and wait for it."""
    return await unscale(context, _ref(parameters), parameters)


def _ref(parameters: Mapping[str, Any]) -> Ref:
    return Ref("StatefulSet", parameters["statefulset"], parameters["namespace"])


SPEC = ActionSpec(
    name="scale_statefulset",
    run=scale_statefulset,
    parameters=parameters_of("statefulset", "StatefulSet"),
    calls_min=2,
    summary="set the number of replicas of a StatefulSet and wait until exactly that many are ready",
    rollback=scale_back,
    target=named("StatefulSet", "statefulset"),
    rbac=(
        rule("statefulsets", *READ),
        rule("statefulsets/scale", "patch"),
        rule("pods", *FOLLOW),
        rule("horizontalpodautoscalers", "list"),
    ),
    coalescible=True,
    precondition="the StatefulSet exists, and no autoscaler owns it unless that is ignored",
    post_condition="it has exactly that many pods, and all are ready",
)
