"""`delete_pod`: delete one pod and wait until it is gone."""

from collections.abc import Mapping
from typing import Any

from engine.actions.pods import until_gone
from engine.actions.targets import NAMESPACE, READ, get_target, named, rule
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import Delete, Ref, Remember
from engine.core.errors import Conflict, NotFound, TargetRefused

_VICTIM = "victim"


async def delete_pod(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Delete one pod by name, whoever owns it, and wait until this very pod is gone.

    Target missing: `TargetMissing`. One that nobody would create anew is refused (Unmanaged) unless
    `unmanaged` is true. Gone when an earlier attempt chose it: done. A pod that does not go (its node is
    lost): the step's timeout ends the wait; `grace_s: 0` removes its object at once, which on a lost node
    may leave its containers running. Whether a replacement becomes ready is not waited for: `restart_pod`.
    """
    grace_s = parameters["grace_s"]
    if grace_s is not None and grace_s < 0:
        raise InvalidParameters(f"delete_pod: 'grace_s' must not be negative, found {grace_s}")
    ref = Ref("Pod", parameters["pod"], parameters["namespace"])
    uid = context.memory.get(_VICTIM)
    if uid is None:
        pod = await get_target(ref)
        if not parameters["unmanaged"] and not pod["metadata"].get("ownerReferences"):
            message = f"{ref} has no owner: nobody would create it anew; set unmanaged: true"
            raise TargetRefused(message, reason="Unmanaged")
        uid = pod["metadata"]["uid"]
        await Remember(_VICTIM, uid)
    try:
        await Delete(ref, uid, grace_s)
    except (NotFound, Conflict):
        pass  # gone already, or another of its name
    else:
        await until_gone(((ref, uid),))
    return {"pod": ref.name, "uid": uid}


SPEC = ActionSpec(
    name="delete_pod",
    run=delete_pod,
    parameters={
        "namespace": NAMESPACE,
        "pod": Parameter("string", required=True, summary="the pod to delete"),
        "grace_s": Parameter("integer", summary="its grace period in seconds; null: the pod's own"),
        "unmanaged": Parameter("boolean", default=False, summary="delete it even if it has no owner"),
    },
    calls_min=2,
    summary="delete one pod and wait until it is gone",
    target=named("Pod", "pod"),
    rbac=(rule("pods", *READ, "delete"),),
    coalescible=True,
    precondition="the pod exists, and has an owner unless unmanaged is true",
    post_condition="this very pod is gone",
    irreversible="a pod that is gone does not come back; its owner, if it has one, replaces it",
)
