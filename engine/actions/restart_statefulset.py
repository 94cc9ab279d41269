"""`restart_statefulset`: replace all pods of a StatefulSet, the highest ordinal first."""

from collections.abc import Mapping
from typing import Any

from engine.actions.targets import FOLLOW, NAMESPACE, READ, get_target, named, rule
from engine.actions.workloads import partition_of, refuse_unrollable, request_restart, until_restarted
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.effects import Ref
from engine.core.errors import TargetRefused

_BEFORE = "restarted_at_before"


async def restart_statefulset(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Restart a StatefulSet by an annotation of its pod template, one pod after the other.

    Target missing: `TargetMissing`. A strategy of OnDelete, or a partition that keeps pods back:
    `TargetRefused`, since not all would be replaced. Already restarted since this step first looked:
    nothing is written, the rollout is waited for. A pod that never becomes ready holds up the rest: the
    step's timeout ends the wait.
    """
    ref = Ref("StatefulSet", parameters["statefulset"], parameters["namespace"])
    statefulset = await get_target(ref)
    refuse_unrollable(statefulset)
    if partition_of(statefulset):
        message = f"{ref} has a partition of {partition_of(statefulset)}: pods below it would not be replaced"
        raise TargetRefused(message, reason="Partitioned")
    statefulset = await request_restart(context, statefulset, _BEFORE)
    await until_restarted(statefulset)
    return {"statefulset": ref.name, "generation": statefulset["metadata"]["generation"]}


SPEC = ActionSpec(
    name="restart_statefulset",
    run=restart_statefulset,
    parameters={
        "namespace": NAMESPACE,
        "statefulset": Parameter("string", required=True, summary="the StatefulSet to restart"),
    },
    calls_min=2,
    summary="replace all pods of a StatefulSet, the highest ordinal first",
    target=named("StatefulSet", "statefulset"),
    rbac=(rule("statefulsets", *READ, "patch"), rule("pods", *FOLLOW)),
    coalescible=True,
    precondition="the StatefulSet exists, is rolled out by itself and has no partition",
    post_condition="every pod was created after the restart was asked for, and is ready",
    irreversible="the new pods are equal to the old ones: there is nothing to go back to",
)
