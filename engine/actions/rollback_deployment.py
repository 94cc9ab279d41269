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
from engine.actions.patching import TRIES_MAX, difference
from engine.actions.targets import FOLLOW, NAMESPACE, READ, named, rule
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.effects import Get, List, Patch, Ref, Remember, Resource
from engine.core.errors import Conflict, NotFound, TargetMissing

REVISION = "deployment.kubernetes.io/revision"
_REPLICA_SET = "replica_set"
_BEFORE = "replica_set_before"


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
    deployment = await get_deployment(namespace, name)
    refuse_paused(deployment)
    target = await _target(context, deployment, parameters["revision"])
    await _go_to(context, deployment, target)
    return {"deployment": name, "replica_set": target["metadata"]["name"]}


async def go_forward(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the Deployment the template that it had before, if its ReplicaSet is still there.

    A template that somebody else has given it since is left alone.
    """
    namespace, name = parameters["namespace"], parameters["deployment"]
    before, target = context.memory.get(_BEFORE), context.memory.get(_REPLICA_SET)
    if not before or not target:
        return {"undone": False}  # nothing was written, or nobody knows what was there
    deployment = await get_deployment(namespace, name)
    refuse_paused(deployment)
    now = deployment["spec"]["template"]
    known = [await _get_revision(namespace, one) for one in (before, target)]
    if all(difference(now, template_of(one)) for one in known):
        return {"undone": False}
    await _go_to(context, deployment, known[0])
    return {"undone": True, "replica_set": before}


async def _go_to(context: ActionContext, deployment: Resource, target: Resource) -> None:
    """Write the template of a ReplicaSet and wait until it is rolled out."""
    namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
    template = template_of(target)
    for _ in range(TRIES_MAX):
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
                deployment = await get_deployment(namespace, name)
                refuse_paused(deployment)
                continue
        await _until_back(deployment, target, template)
        return
    raise Conflict(f"Deployment {namespace}/{name} changed {TRIES_MAX} times while it was to be rolled back")


async def _target(context: ActionContext, deployment: Resource, revision: int) -> Resource:
    namespace = deployment["metadata"]["namespace"]
    remembered = context.memory.get(_REPLICA_SET)
    if remembered is not None:
        return await _get_revision(namespace, remembered)
    target, before = await _find(deployment, revision)
    await Remember(_BEFORE, before)
    await Remember(_REPLICA_SET, target["metadata"]["name"])
    return target


async def _get_revision(namespace: str, name: str) -> Resource:
    try:
        return await Get(Ref("ReplicaSet", name, namespace))
    except NotFound as error:
        message = f"ReplicaSet {namespace}/{name} was removed"
        raise TargetMissing(message, reason="RevisionMissing") from error


async def _find(deployment: Resource, revision: int) -> tuple[Resource, str]:
    """Return the ReplicaSet to go back to, and the name of the one of today's template."""
    metadata = deployment["metadata"]
    selection = pods_of(deployment)._replace(kind="ReplicaSet")
    owned = [
        candidate
        for candidate in await List(selection)
        if any(
            owner["uid"] == metadata["uid"] for owner in candidate["metadata"].get("ownerReferences") or ()
        )
    ]
    now = deployment["spec"]["template"]
    current = [candidate for candidate in owned if not difference(now, template_of(candidate))]
    if revision:
        found = [candidate for candidate in owned if _revision(candidate) == revision]
    else:
        found = [candidate for candidate in owned if candidate not in current]
    if not found:
        wanted = f"revision {revision}" if revision else "earlier revision"
        raise TargetMissing(
            f"Deployment {metadata['namespace']}/{metadata['name']} has no {wanted}", reason="RevisionMissing"
        )
    return max(found, key=_revision), current[0]["metadata"]["name"] if current else ""


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


def _revision(replica_set: Resource) -> int:
    text = str((replica_set["metadata"].get("annotations") or {}).get(REVISION, ""))
    return int(text) if text.isdecimal() else 0


SPEC = ActionSpec(
    name="rollback_deployment",
    run=rollback_deployment,
    parameters={
        "namespace": NAMESPACE,
        "deployment": Parameter("string", required=True, summary="the Deployment to roll back"),
        "revision": Parameter(
            "integer", default=0, summary="the revision to go back to; 0: the previous one"
        ),
    },
    calls_min=3,
    summary="go back to an earlier revision of a Deployment's pod template",
    rollback=go_forward,
    target=named("Deployment", "deployment"),
    rbac=(rule("deployments", *READ, "patch"), rule("replicasets", "get", "list"), rule("pods", *FOLLOW)),
    coalescible=True,
    precondition="the Deployment exists, is not paused, and a ReplicaSet still holds the revision",
    post_condition="all pods are of that revision's template and available; the others are gone",
)
