"""Resources of containers: how much more, and resizing pods in place."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.actions.pods import is_live
from engine.actions.quantities import enlarged, milli
from engine.actions.targets import by_ref, ref_of
from engine.core.action import ActionContext, InvalidParameters
from engine.core.effects import List, Patch, Ref, Resource, Selection, WaitUntil
from engine.core.errors import NotFound, TargetMissing

AMOUNTS: Final = ("cpu", "memory", "cpu_limit", "memory_limit")
_PENDING: Final = ("PodResizePending", "PodResizeInProgress")


def container_of(template: Resource, name: str, where: str) -> Mapping[str, Any]:
    """Return a container of a pod template by name, or the first; raises `TargetMissing`."""
    containers: Sequence[Mapping[str, Any]] = template["spec"]["containers"]
    for container in containers:
        if not name or container["name"] == name:
            return container
    known = ", ".join(one["name"] for one in containers)
    raise TargetMissing(f"{where} has no container {name!r}; it has {known}", reason="ContainerMissing")


def increased(before: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return a container's resources with what the parameters raise; raises `InvalidParameters` for less."""
    amounts: dict[str, dict[str, str]] = {
        field: dict(before.get(field) or {}) for field in ("requests", "limits")
    }
    if parameters["percent"]:
        for field in amounts.values():
            field.update(
                {name: enlarged(str(field[name]), parameters["percent"]) for name in field if name in AMOUNTS}
            )
    for amount in AMOUNTS:
        if parameters[amount]:
            name, _, limit = amount.partition("_")
            field = amounts["limits" if limit else "requests"]
            if milli(parameters[amount]) < milli(field.get(name, "0")):
                message = f"{amount!r} would be lowered from {field[name]} to {parameters[amount]}"
                raise InvalidParameters(f"increase_resources: {message}")
            field[name] = parameters[amount]
    for name, request in amounts["requests"].items():
        limit_amount = amounts["limits"].get(name)
        if limit_amount is not None and milli(request) > milli(limit_amount):
            message = f"the {name} request {request} would be above its limit {limit_amount}"
            raise InvalidParameters(f"increase_resources: {message}; raise the limit too")
    return {**before, **{field: wanted for field, wanted in amounts.items() if wanted}}


def at_least(version: str, least: str) -> bool:
    """Say whether a version such as ``v1.34.1+k3s1`` is `least` (``1.33``) or later."""
    return _numbers(version) >= _numbers(least) > ()


def _numbers(version: str) -> tuple[int, ...]:
    matched = re.match(r"v?(\d+)\.(\d+)", version)
    return tuple(map(int, matched.groups())) if matched else ()


def with_resources(template: Resource, container: str, resources: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the patch of a pod's spec that gives a container these resources; empty if it has them."""
    containers: Sequence[Mapping[str, Any]] = template["spec"]["containers"]
    changed = [
        {**one, "resources": dict(resources)} if one["name"] == container else one for one in containers
    ]
    return {"containers": changed} if changed != list(containers) else {}


async def resize(
    context: ActionContext,
    selection: Selection,
    container: str,
    resources: Mapping[str, Any],
    only_from: Mapping[str, Any] | None = None,
) -> Ref | None:
    """Resize every live pod of a selection in place and wait until its kubelet has.

    With `only_from`, only pods that have exactly those resources. Returns a pod that its node can never
    hold, if there is one.
    """
    resized = []
    for pod in await List(selection):
        if not is_live(pod):
            continue
        ref = ref_of({**pod, "kind": "Pod"})
        had = container_of(pod, container, str(ref)).get("resources")
        if only_from is not None and had not in (only_from, resources):
            continue
        changes = with_resources(pod, container, resources)
        if changes:
            try:
                await Patch(ref, {"spec": changes}, subresource="resize", manager=context.manager)
            except NotFound:
                continue  # gone meanwhile
        resized.append(ref)
    return await _until_resized(resized, container, resources) if resized else None


async def _until_resized(refs: Sequence[Ref], container: str, resources: Mapping[str, Any]) -> Ref | None:
    wanted = {"requests": {}, "limits": {}, **resources}

    def resized(*found: Sequence[Resource]) -> tuple[Ref | None] | None:
        left = False
        for ref, pods in zip(refs, found, strict=True):
            if not pods or not is_live(pods[0]):
                continue  # whatever replaces it has its template's resources
            if not pods[0]["spec"].get("nodeName"):
                continue  # it will start with what it now asks for
            if _is_infeasible(pods[0]):
                return (ref,)
            left = left or not _has(pods[0], container, wanted)
        return None if left else (None,)

    purpose = f"{len(refs)} pods of {refs[0].namespace} ({refs[0].name}, ...) to be resized by their kubelets"
    answer: tuple[Ref | None] = await WaitUntil(tuple(map(by_ref, refs)), resized, purpose)
    return answer[0]


def _is_infeasible(pod: Resource) -> bool:
    return any(
        one["type"] == "PodResizePending" and one.get("reason") == "Infeasible"
        for one in (pod.get("status") or {}).get("conditions") or ()
    )


def _has(pod: Resource, container: str, wanted: Mapping[str, Any]) -> bool:
    status = pod.get("status") or {}
    if any(one["type"] in _PENDING and one["status"] == "True" for one in status.get("conditions") or ()):
        return False
    for one in status.get("containerStatuses") or ():
        if one["name"] == container:
            actual = {"requests": {}, "limits": {}, **(one.get("resources") or {})}
            return all(_same(actual[field], wanted[field]) for field in ("requests", "limits"))
    return False


def _same(actual: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Compare amounts, however they are written."""
    return all(name in actual and milli(actual[name]) == milli(amount) for name, amount in wanted.items())
