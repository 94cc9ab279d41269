"""`rollout_restart`: replace all pods of a Deployment by its rolling update."""

from collections.abc import Mapping
from typing import Any

from engine.actions.deployments import get_deployment, refuse_paused, until_rolled_out
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.effects import Patch, Ref, Remember, Resource

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
_BEFORE = "restarted_at_before"


async def rollout_restart(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Restart a Deployment as ``kubectl rollout restart`` does, by an annotation of its pod template.

    The annotation's value names execution and step, where kubectl writes the time: an action has no
    clock, and the same value twice is no second restart. Target missing: `TargetMissing`; paused:
    `TargetRefused`. Already restarted since this step first looked (by an earlier attempt or by somebody
    else): nothing is written, the rollout is waited for. Pods that never become available: the
    Deployment's progress deadline fails the step, or else its timeout.
    """
    namespace, name = parameters["namespace"], parameters["deployment"]
    deployment = await get_deployment(namespace, name)
    refuse_paused(deployment)
    restarted_at = _restarted_at(deployment["spec"]["template"])
    if context.memory.get(_BEFORE, restarted_at) == restarted_at:
        await Remember(_BEFORE, restarted_at)
        annotations = {RESTARTED_AT: f"{context.execution_id}/{context.step_id}"}
        deployment = await Patch(
            Ref("Deployment", name, namespace),
            {"spec": {"template": {"metadata": {"annotations": annotations}}}},
            manager=context.manager,
        )
    await until_rolled_out(deployment, _is_new)
    return {"deployment": name, "generation": deployment["metadata"]["generation"]}


def _is_new(deployment: Resource, pod: Resource) -> bool:
    return _restarted_at(pod) == _restarted_at(deployment["spec"]["template"])


def _restarted_at(resource: Resource) -> str:
    annotations = (resource.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(RESTARTED_AT, ""))


SPEC = ActionSpec(
    name="rollout_restart",
    run=rollout_restart,
    parameters={
        "namespace": Parameter("string", required=True, summary="where the target lives"),
        "deployment": Parameter(
            "string", required=True, summary="the Deployment all of whose pods are replaced"
        ),
    },
    calls_min=2,
    summary="replace all pods of a Deployment by its rolling update",
)
