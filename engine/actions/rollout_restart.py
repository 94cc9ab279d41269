"""`rollout_restart`: replace all pods of a Deployment by its rolling update."""

from collections.abc import Mapping
from typing import Any

from engine.actions.targets import FOLLOW, NAMESPACE, READ, get_target, named, rule
from engine.actions.workloads import refuse_unrollable, request_restart, until_restarted
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.effects import Ref

_BEFORE = "restarted_at_before"


async def rollout_restart(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Restart a Deployment as ``kubectl rollout restart`` does, by an annotation of its pod template.

    Target missing: `TargetMissing`; paused: `TargetRefused`. Already restarted since this step first looked
    (by an earlier attempt or by somebody else): nothing is written, the rollout is waited for. Pods that
    never become available: the Deployment's progress deadline fails the step, or else its timeout.
    """
    deployment = await get_target(Ref("Deployment", parameters["deployment"], parameters["namespace"]))
    refuse_unrollable(deployment)
    deployment = await request_restart(context, deployment, _BEFORE)
    await until_restarted(deployment)
    return {"deployment": parameters["deployment"], "generation": deployment["metadata"]["generation"]}


SPEC = ActionSpec(
    name="rollout_restart",
    run=rollout_restart,
    parameters={
        "namespace": NAMESPACE,
        "deployment": Parameter(
            "string", required=True, summary="the Deployment all of whose pods are replaced"
        ),
    },
    calls_min=2,
    summary="replace all pods of a Deployment by its rolling update",
    target=named("Deployment", "deployment"),
    rbac=(rule("deployments", *READ, "patch"), rule("pods", *FOLLOW)),
    coalescible=True,
    precondition="the Deployment exists and is not paused",
    post_condition="every pod was created after the restart was asked for, and is available",
    irreversible="the new pods are equal to the old ones: there is nothing to go back to",
)
