"""`drain_node`: cordon a node and evict its pods, as ``kubectl drain`` does."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.actions.nodes import cordon, get_node, uncordon_if_ours
from engine.actions.pods import is_finished, owner_of, until_gone
from engine.actions.targets import FOLLOW, named, ref_of, rule
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.definition import SECOND_NS
from engine.core.effects import Delete, Evict, List, Ref, Remember, Resource, Selection, Sleep
from engine.core.errors import Conflict, NotFound, TargetRefused, TooManyRequests

EVICTION_RETRY_NS: Final = 5 * SECOND_NS  # kubectl/pkg/drain/drain.go
MIRROR: Final = "kubernetes.io/config.mirror"
TOLD_MAX: Final = 10
_PODS: Final = "pods"
Victim = tuple[Ref, str]
"""A pod to be evicted: its address and uid."""


async def drain_node(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Cordon a node, evict every pod that has to go, and wait until they are gone.

    kubectl's rules: mirror pods are left alone, and so are those of DaemonSets with `ignore_daemonsets`;
    without it, or where a pod has no owner (`force`) or keeps data in an emptyDir (`delete_emptydir_data`),
    nothing is evicted: `TargetRefused` (Undrainable) names the pods, and the node stays cordoned. An
    eviction that a budget forbids is tried again every 5 s; ``--timeout`` is the step's timeout. Target
    missing: `TargetMissing`. Nothing to evict: done at once. A pod that does not go (its node is lost):
    the step's timeout ends the wait. The pods are chosen once; a second start evicts those still there.
    """
    node = await get_node(parameters["node"])
    was_cordoned = await cordon(context, node)
    chosen = context.memory.get(_PODS)
    if chosen is None:
        chosen = await _choose(parameters)
        await Remember(_PODS, chosen)
    pods = [(Ref("Pod", name, namespace), uid) for namespace, name, uid in chosen]
    left, evicted = pods, list[Victim]()
    while left:
        refused = []
        for victim in left:
            if await _remove(victim, evict=not parameters["disable_eviction"]):
                evicted.append(victim)
            else:
                refused.append(victim)
        left = refused
        if left:
            await Sleep(EVICTION_RETRY_NS, retry=True)
    await until_gone(evicted)
    return {"node": parameters["node"], "was_cordoned": was_cordoned, "pods_count": len(pods)}


async def undo(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Uncordon the node if it was this step that cordoned it; pods come back as they are scheduled."""
    return {"undone": await uncordon_if_ours(context, parameters["node"])}


async def _remove(victim: Victim, *, evict: bool) -> bool:
    """Evict or delete this very pod; return False where a budget forbids it."""
    ref, uid = victim
    try:
        await (Evict(ref, uid) if evict else Delete(ref, uid))
    except (NotFound, Conflict):
        return True  # gone, or another of its name on another node
    except TooManyRequests:
        if not evict:
            raise
        return False
    return True


async def _choose(parameters: Mapping[str, Any]) -> list[list[str]]:
    """Return (namespace, name, uid) of the pods that have to go; raises `TargetRefused` if any may not."""
    pods = [
        pod
        for pod in await List(Selection("Pod"))
        if pod["spec"].get("nodeName") == parameters["node"]
        and MIRROR not in (pod["metadata"].get("annotations") or {})
    ]
    chosen, refusals = list[list[str]](), list[str]()
    for pod in pods:
        owner = owner_of(pod)
        is_daemon = owner is not None and owner.kind == "DaemonSet" and not is_finished(pod)
        if is_daemon and parameters["ignore_daemonsets"]:
            continue
        refusal = _refusal(pod, parameters, is_daemon=is_daemon)
        if refusal:
            refusals.append(f"{ref_of({'kind': 'Pod', **pod})} {refusal}")
        metadata = pod["metadata"]
        chosen.append([metadata["namespace"], metadata["name"], metadata["uid"]])
    _refuse(parameters["node"], refusals)
    return chosen


def _refusal(pod: Resource, parameters: Mapping[str, Any], *, is_daemon: bool) -> str:
    """Say why a pod may not be evicted and what would allow it, in kubectl's order; empty if it may."""
    if is_daemon:
        return "is managed by a DaemonSet (ignore_daemonsets)"
    if is_finished(pod):
        return ""
    volumes: Sequence[Mapping[str, Any]] = pod["spec"].get("volumes") or ()
    if any("emptyDir" in volume for volume in volumes) and not parameters["delete_emptydir_data"]:
        return "keeps data in an emptyDir (delete_emptydir_data)"
    if owner_of(pod) is None and not parameters["force"]:
        return "has no owner and would not be created anew (force)"
    return ""


def _refuse(node: str, refusals: Sequence[str]) -> None:
    if not refusals:
        return
    more = f" and {len(refusals) - TOLD_MAX} more" if len(refusals) > TOLD_MAX else ""
    raise TargetRefused(
        f"Node {node} is cordoned but was not drained: {'; '.join(refusals[:TOLD_MAX])}{more}",
        reason="Undrainable",
    )


SPEC = ActionSpec(
    name="drain_node",
    run=drain_node,
    parameters={
        "node": Parameter("string", required=True, summary="the node to drain"),
        "ignore_daemonsets": Parameter(
            "boolean", default=False, summary="leave pods of DaemonSets alone instead of refusing"
        ),
        "force": Parameter("boolean", default=False, summary="evict pods that nobody would create anew"),
        "delete_emptydir_data": Parameter(
            "boolean", default=False, summary="evict pods that keep data in an emptyDir"
        ),
        "disable_eviction": Parameter(
            "boolean", default=False, summary="delete pods, which asks no disruption budget"
        ),
    },
    calls_min=3,
    summary="cordon a node and evict its pods, respecting disruption budgets",
    rollback=undo,
    target=named("Node", "node"),
    rbac=(
        rule("nodes", "get", "patch"),
        rule("pods", *FOLLOW, "delete", everywhere=True),
        rule("pods/eviction", "create", everywhere=True),
    ),
    coalescible=True,
    precondition="the node exists, and every pod on it may go by the parameters",
    post_condition="the node is unschedulable, and the pods that were to go are gone",
)
