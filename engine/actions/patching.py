"""Merge patches (RFC 7386), and writing what was computed from what was read."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.actions.targets import get_target
from engine.core.action import ActionContext
from engine.core.effects import Patch, Ref, Resource
from engine.core.errors import Conflict

TRIES_MAX = 20


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON merge patch (RFC 7386) that makes `after` of `before`; empty if they are equal."""
    changes: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            inner = difference(old, value)
            if inner:
                changes[key] = inner
        elif old != value:
            changes[key] = value
    return changes


async def patch_guarded(
    context: ActionContext,
    ref: Ref,
    changes_of: Callable[[Resource], Mapping[str, Any]],
    found: Resource | None = None,
    subresource: str = "",
) -> Resource:
    """Write what `changes_of` makes of the object, only onto the version that it was made of.

    `found` is what was read already. Nothing to change writes nothing; a conflict reads again, at most 20
    times. Returns the object as it then is; raises `TargetMissing`.
    """
    for _ in range(TRIES_MAX):
        current = await get_target(ref) if found is None else found
        found = None
        changes = changes_of(current)
        if not changes:
            return current
        try:
            return await Patch(
                ref,
                changes,
                resource_version=current["metadata"]["resourceVersion"],
                subresource=subresource,
                manager=context.manager,
            )
        except Conflict:
            continue
    raise Conflict(f"{ref} changed {TRIES_MAX} times between reading and writing")
