"""`cordon_node`: let no more pods be scheduled to a node."""

from collections.abc import Mapping
from typing import Any

from engine.actions.nodes import cordon, get_node, uncordon_if_ours
from engine.actions.targets import named, rule
from engine.core.action import ActionContext, ActionSpec, Parameter


async def cordon_node(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Mark a node as unschedulable, as ``kubectl cordon`` does; its pods stay.

    Target missing: `TargetMissing`. Already cordoned: nothing is written.
    """
    node = await get_node(parameters["node"])
    was_cordoned = await cordon(context, node)
    return {"node": parameters["node"], "was_cordoned": was_cordoned}


async def undo(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Uncordon the node, if it was this step that cordoned it."""
    return {"undone": await uncordon_if_ours(context, parameters["node"])}


SPEC = ActionSpec(
    name="cordon_node",
    run=cordon_node,
    parameters={"node": Parameter("string", required=True, summary="the node to cordon")},
    calls_min=2,
    summary="let no more pods be scheduled to a node",
    rollback=undo,
    target=named("Node", "node"),
    rbac=(rule("nodes", "get", "patch"),),
    coalescible=True,
    precondition="the node exists",
    post_condition="the node is unschedulable",
)
