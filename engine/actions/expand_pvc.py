"""`expand_pvc`: ask for more storage for a PersistentVolumeClaim and wait until it has it."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.actions.quantities import milli
from engine.actions.targets import NAMESPACE, READ, by_ref, get_target, named, rule
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import Patch, Ref, Resource, WaitUntil
from engine.core.errors import ActionError, Forbidden, TargetMissing, TargetRefused


async def expand_pvc(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Expand a claim to at least `size`.

    Target missing: `TargetMissing`. As large already, or larger: nothing is written, what is under way is
    waited for. A claim that is not bound: `TargetRefused` (NotBound); a storage class that does not allow it:
    `TargetRefused` (NotExpandable), in the API's words. The storage system failing: ResizeFailed, which may
    be tried again. A file system grows when a pod has the volume mounted; where none has, the step's timeout
    ends the wait, unless `offline` says that the volume alone is enough. The size is absolute, so a second
    start finds it asked for, or asks.
    """
    ref = Ref("PersistentVolumeClaim", parameters["pvc"], parameters["namespace"])
    wanted = milli(parameters["size"])
    if wanted <= 0:
        raise InvalidParameters(f"expand_pvc: 'size' must be more than 0, found {parameters['size']!r}")
    claim = await get_target(ref)
    if (claim.get("status") or {}).get("phase") != "Bound":
        raise TargetRefused(f"{ref} is not bound to a volume yet", reason="NotBound")
    before = claim["spec"]["resources"]["requests"]["storage"]
    if milli(before) < wanted:
        changes = {"spec": {"resources": {"requests": {"storage": parameters["size"]}}}}
        try:
            await Patch(ref, changes, manager=context.manager)
        except Forbidden as error:
            raise TargetRefused(str(error), reason="NotExpandable") from error
    capacity = await _until_expanded(ref, wanted, offline=parameters["offline"])
    return {"pvc": ref.name, "capacity": capacity}


async def _until_expanded(ref: Ref, wanted: int, *, offline: bool) -> str:
    def expanded(claims: Sequence[Resource]) -> tuple[str, str] | None:
        if not claims:
            return "deleted", ""
        status = claims[0].get("status") or {}
        capacity = str((status.get("capacity") or {}).get("storage", "0"))
        conditions = {one["type"]: one for one in status.get("conditions") or () if one["status"] == "True"}
        if milli(capacity) >= wanted:
            return "expanded", capacity
        for name in ("ControllerResizeError", "NodeResizeError"):
            if name in conditions:
                return "failed", str(conditions[name].get("message", name))
        return ("expanded", capacity) if offline and "FileSystemResizePending" in conditions else None

    answer: tuple[str, str] = await WaitUntil(
        (by_ref(ref),), expanded, f"{ref} to have the capacity asked for"
    )
    outcome, told = answer
    if outcome == "deleted":
        raise TargetMissing(f"{ref} was deleted while it was being expanded")
    if outcome == "failed":
        raise ActionError(f"{ref} could not be expanded: {told}", reason="ResizeFailed")
    return told


SPEC = ActionSpec(
    name="expand_pvc",
    run=expand_pvc,
    parameters={
        "namespace": NAMESPACE,
        "pvc": Parameter("string", required=True, summary="the PersistentVolumeClaim"),
        "size": Parameter("string", required=True, summary="how large it shall be at least, such as 20Gi"),
        "offline": Parameter(
            "boolean", default=False, summary="content with the volume; its file system grows when mounted"
        ),
    },
    calls_min=2,
    summary="ask for more storage for a claim and wait until it has it",
    target=named("PersistentVolumeClaim", "pvc"),
    rbac=(rule("persistentvolumeclaims", *READ, "patch"),),
    coalescible=True,
    precondition="the claim is bound, and its storage class allows expansion",
    post_condition="the claim's capacity is at least the size; offline: its volume is",
    irreversible="Kubernetes does not shrink volumes",
)
