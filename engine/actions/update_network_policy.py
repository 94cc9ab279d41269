"""`update_network_policy`: give a NetworkPolicy a spec, creating it if need be."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from engine.actions.identity import DOMAIN, writer_of
from engine.actions.patching import difference, patch_guarded
from engine.actions.targets import NAMESPACE, named, rule
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import Create, Delete, Get, Ref, Remember, Resource
from engine.core.errors import Conflict, NotFound, TargetMissing

CREATED_BY: Final = f"{DOMAIN}/created-by"
_BEFORE: Final = "spec_before"  # null: there was none


async def update_network_policy(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make the spec of a NetworkPolicy exactly `spec`.

    Missing: created, or `TargetMissing` if `create` is false. Already as wanted: nothing is written. Changed
    by somebody else between reading and writing: read again, at most 20 times. Whether the network plug-in
    enforces it is for the cluster to say.
    """
    spec = parameters["spec"]
    if not isinstance(spec.get("podSelector"), Mapping):
        raise InvalidParameters("update_network_policy: 'spec' must hold a podSelector ({} selects all pods)")
    ref = Ref("NetworkPolicy", parameters["policy"], parameters["namespace"])
    policy = await _find(ref)
    if policy is None and not parameters["create"]:
        raise TargetMissing(f"{ref} does not exist")
    if _BEFORE not in context.memory:
        await Remember(_BEFORE, None if policy is None else policy["spec"])
    if policy is None:
        policy = await _create(context, ref, spec)
    await patch_guarded(context, ref, lambda found: _changes(found, spec), policy)
    return {"policy": ref.name, "created": context.memory[_BEFORE] is None}


async def undo(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Restore the spec, or remove a policy that was created; what others changed since is left alone."""
    if _BEFORE not in context.memory:
        return {"undone": False}
    before = context.memory[_BEFORE]
    ref = Ref("NetworkPolicy", parameters["policy"], parameters["namespace"])
    policy = await _find(ref)
    if policy is None or policy["spec"] not in (before, parameters["spec"]):
        return {"undone": policy is None and before is None}
    if before is not None:
        await patch_guarded(context, ref, lambda found: _changes(found, before), policy)
    elif (policy["metadata"].get("annotations") or {}).get(CREATED_BY) == writer_of(context):
        with suppress(NotFound, Conflict):  # gone already, or another by now
            await Delete(ref, policy["metadata"]["uid"])
    return {"undone": True}


async def _find(ref: Ref) -> Resource | None:
    try:
        return await Get(ref)
    except NotFound:
        return None


async def _create(context: ActionContext, ref: Ref, spec: Mapping[str, Any]) -> Resource:
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": ref.name,
            "namespace": ref.namespace,
            "annotations": {CREATED_BY: writer_of(context)},
        },
        "spec": dict(spec),
    }
    try:
        return await Create(policy)
    except NotFound as error:
        raise TargetMissing(f"namespace {ref.namespace} does not exist") from error


def _changes(policy: Resource, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    changes = difference(policy["spec"], spec)
    return {"spec": changes} if changes else {}


SPEC = ActionSpec(
    name="update_network_policy",
    run=update_network_policy,
    parameters={
        "namespace": NAMESPACE,
        "policy": Parameter("string", required=True, summary="the NetworkPolicy"),
        "spec": Parameter("object", required=True, summary="its whole spec, as the API writes it"),
        "create": Parameter("boolean", default=True, summary="create it if it does not exist"),
    },
    calls_min=2,
    summary="give a NetworkPolicy a spec, creating it if need be",
    rollback=undo,
    target=named("NetworkPolicy", "policy"),
    rbac=(rule("networkpolicies", "get", "create", "patch", "delete"),),
    precondition="the NetworkPolicy exists, or may be created",
    post_condition="its spec is exactly what was asked for",
)
