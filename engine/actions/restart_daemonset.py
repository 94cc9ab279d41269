"""`restart_daemonset`: replace the pod of a DaemonSet on every node, by its rolling update."""

from collections.abc import Mapping
from typing import Any

from engine.actions.targets import FOLLOW, NAMESPACE, READ, get_target, named, rule
from engine.actions.workloads import refuse_unrollable, request_restart, until_restarted
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.effects import Ref

_BEFORE = "restarted_at_before"


async def restart_daemonset(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Restart a DaemonSet by an annotation of its pod template.

    Target missing: `TargetMissing`; a strategy of OnDelete: `TargetRefused`. Already restarted since this
    step first looked: nothing is written, the rollout is waited for. A node whose pod never becomes ready
    holds up the rest: the step's timeout ends the wait.
    """
    ref = Ref("DaemonSet", parameters["daemonset"], parameters["namespace"])
    daemonset = await get_target(ref)
    refuse_unrollable(daemonset)
    daemonset = await request_restart(context, daemonset, _BEFORE)
    await until_restarted(daemonset)
    return {"daemonset": ref.name, "generation": daemonset["metadata"]["generation"]}


SPEC = ActionSpec(
    name="restart_daemonset",
    run=restart_daemonset,
    parameters={
        "namespace": NAMESPACE,
        "daemonset": Parameter("string", required=True, summary="the DaemonSet to restart"),
    },
    calls_min=2,
    summary="replace the pod of a DaemonSet on every node",
    target=named("DaemonSet", "daemonset"),
    rbac=(rule("daemonsets", *READ, "patch"), rule("pods", *FOLLOW)),
    coalescible=True,
    precondition="the DaemonSet exists and is rolled out by itself",
    post_condition="every pod was created after the restart was asked for, and is available",
    irreversible="the new pods are equal to the old ones: there is nothing to go back to",
)
