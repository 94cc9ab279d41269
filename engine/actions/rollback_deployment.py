"""`rollback_deployment`: go back to an earlier revision of a Deployment's pod template."""

from collections.abc import Mapping
from typing import Any

from engine.actions.deployments import (
    POD_TEMPLATE_HASH,
    get_deployment,
    pods_of,
    refuse_paused,
    until_rolled_out,
)
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.effects import Get, List, Patch, Ref, Remember, Resource
from engine.core.errors import Conflict, NotFound, TargetMissing

REVISION = "deployment.kubernetes.io/revision"
TRIES_MAX = 20
_REPLICA_SET = "replica_set"


async def rollback_deployment(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give a Deployment the pod template of `revision` (0: the latest that differs from its own).

    The ReplicaSet that is gone back to is remembered before anything is written: afterwards, "the
    previous" is another. Target missing: `TargetMissing`, and so for a revision that no ReplicaSet holds
    (RevisionMissing); paused: `TargetRefused`. Already there: nothing is written, the rollout is waited
    for. Pods that never become available: the Deployment's progress deadline fails the step, or else its
    timeout. Changed by somebody else between reading and writing: read again, at most 20 times; changed
    afterwards: `Superseded`.
    """
    namespace, name = parameters["namespace"], parameters["deployment"]
    target: Resource | None = None
    for _ in range(TRIES_MAX):
        deployment = await get_deployment(namespace, name)
        refuse_paused(deployment)
        if target is None:
            target = await _target(context, deployment, parameters["revision"])
        template = template_of(target)
        changes = difference(deployment["spec"]["template"], template)
        if changes:
            try:
                deployment = await Patch(
                    Ref("Deployment", name, namespace),
                    {"spec": {"template": changes}},
                    resource_version=deployment["metadata"]["resourceVersion"],
                    manager=context.manager,
                )
            except Conflict:
                continue
        await _until_back(deployment, target, template)
        return {"deployment": name, "replica_set": target["metadata"]["name"]}
    raise Conflict(f"Deployment {namespace}/{name} changed {TRIES_MAX} times while it was to be rolled back")


async def _target(context: ActionContext, deployment: Resource, revision: int) -> Resource:
    namespace = deployment["metadata"]["namespace"]
    remembered = context.memory.get(_REPLICA_SET)
    if remembered is not None:
        try:
            return await Get(Ref("ReplicaSet", remembered, namespace))
        except NotFound as error:
            message = f"ReplicaSet {namespace}/{remembered} was removed"
            raise TargetMissing(message, reason="RevisionMissing") from error
    target = await _find(deployment, revision)
    await Remember(_REPLICA_SET, target["metadata"]["name"])
    return target


async def _find(deployment: Resource, revision: int) -> Resource:
    metadata = deployment["metadata"]
    selection = pods_of(deployment)._replace(kind="ReplicaSet")
    owned = [
        candidate
        for candidate in await List(selection)
        if any(
            owner["uid"] == metadata["uid"] for owner in candidate["metadata"].get("ownerReferences") or ()
        )
    ]
    if revision:
        found = [candidate for candidate in owned if _revision(candidate) == revision]
    else:
        now = deployment["spec"]["template"]
        found = [candidate for candidate in owned if difference(now, template_of(candidate))]
    if not found:
        wanted = f"revision {revision}" if revision else "earlier revision"
        raise TargetMissing(
            f"Deployment {metadata['namespace']}/{metadata['name']} has no {wanted}", reason="RevisionMissing"
        )
    return max(found, key=_revision)


async def _until_back(deployment: Resource, target: Resource, template: Mapping[str, Any]) -> None:
    template_hash = target["metadata"]["labels"][POD_TEMPLATE_HASH]
    await until_rolled_out(
        deployment,
        lambda _deployment, pod: pod["metadata"]["labels"].get(POD_TEMPLATE_HASH) == template_hash,
        lambda current: bool(difference(current["spec"]["template"], template)),
    )


def template_of(replica_set: Resource) -> Mapping[str, Any]:
    """Return a ReplicaSet's pod template as its Deployment had it, without the hash label."""
    template = replica_set["spec"]["template"]
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in metadata.get("labels", {}).items() if key != POD_TEMPLATE_HASH}
    return {**template, "metadata": {**metadata, "labels": labels}}


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


def _revision(replica_set: Resource) -> int:
    text = str((replica_set["metadata"].get("annotations") or {}).get(REVISION, ""))
    return int(text) if text.isdecimal() else 0


SPEC = ActionSpec(
    name="rollback_deployment",
    run=rollback_deployment,
    parameters={
        "namespace": Parameter("string", required=True, summary="where the target lives"),
        "deployment": Parameter("string", required=True, summary="the Deployment to roll back"),
        "revision": Parameter(
            "integer", default=0, summary="the revision to go back to; 0: the previous one"
        ),
    },
    calls_min=3,
    summary="go back to an earlier revision of a Deployment's pod template",
)
