"""`uncordon_node`: let pods be scheduled to a node again."""

from collections.abc import Mapping
from typing import Any

from engine.actions.nodes import get_node, is_cordoned, set_unschedulable
from engine.actions.targets import named, rule
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.effects import Remember

_WAS_CORDONED = "was_cordoned"


async def uncordon_node(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Mark a node as schedulable, as ``kubectl uncordon`` does.

    Target missing: `TargetMissing`. Schedulable already: nothing is written.
    """
    node = await get_node(parameters["node"])
    was_cordoned = context.memory.get(_WAS_CORDONED, is_cordoned(node))
    if is_cordoned(node):
        await Remember(_WAS_CORDONED, value=True)
        await set_unschedulable(context, parameters["node"], wanted=False)
    return {"node": parameters["node"], "was_cordoned": was_cordoned}


async def undo(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Cordon the node again, if it was this step that uncordoned it."""
    if not context.memory.get(_WAS_CORDONED):
        return {"undone": False}
    if not is_cordoned(await get_node(parameters["node"])):
        await set_unschedulable(context, parameters["node"], wanted=True)
    return {"undone": True}


SPEC = ActionSpec(
    name="uncordon_node",
    run=uncordon_node,
    parameters={"node": Parameter("string", required=True, summary="the node to uncordon")},
    calls_min=2,
    summary="let pods be scheduled to a node again",
    rollback=undo,
    target=named("Node", "node"),
    rbac=(rule("nodes", "get", "patch"),),
    coalescible=True,
    precondition="the node exists",
    post_condition="the node is schedulable",
)
