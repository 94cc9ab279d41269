"""What actions read from nodes, and how they cordon them."""

from typing import Final

from engine.actions.targets import get_target
from engine.core.action import ActionContext
from engine.core.effects import Patch, Ref, Remember, Resource

_CORDONED: Final = "cordoned"  # whether this step did it


async def get_node(name: str) -> Resource:
    """Read a node; raises `TargetMissing`."""
    return await get_target(Ref("Node", name))


def is_cordoned(node: Resource) -> bool:
    """Say whether no pods are scheduled to the node."""
    return bool((node.get("spec") or {}).get("unschedulable"))


async def set_unschedulable(context: ActionContext, name: str, *, wanted: bool) -> None:
    """Cordon or uncordon."""
    changes = {"spec": {"unschedulable": True if wanted else None}}
    await Patch(Ref("Node", name), changes, manager=context.manager)


async def cordon(context: ActionContext, node: Resource) -> bool:
    """Cordon the node unless it is; say whether it was before this step."""
    if is_cordoned(node):
        return not context.memory.get(_CORDONED, False)
    await Remember(_CORDONED, value=True)
    await set_unschedulable(context, node["metadata"]["name"], wanted=True)
    return False


async def uncordon_if_ours(context: ActionContext, name: str) -> bool:
    """Uncordon the node if this step cordoned it; say whether it did."""
    if not context.memory.get(_CORDONED):
        return False
    if is_cordoned(await get_node(name)):
        await set_unschedulable(context, name, wanted=False)
    return True
