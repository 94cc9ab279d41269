"""`quarantine_pod`: take one pod out of service for inspection, while its owner replaces it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from engine.actions.identity import DOMAIN, writer_of
from engine.actions.pods import owner_of
from engine.actions.targets import NAMESPACE, READ, by_ref, get_target, named, rule
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.effects import Create, Delete, Get, Patch, Ref, Remember, Resource, WaitUntil
from engine.core.errors import Conflict, NotFound, TargetMissing, TargetRefused

QUARANTINE: Final = f"{DOMAIN}/quarantine"
_POD: Final = "pod"
# A StatefulSet cannot replace a pod whose name is still taken; a Job would count it as failed.
_OWNERS: Final = ("ReplicaSet", "DaemonSet")


async def quarantine_pod(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take all labels off a pod but one of our own, and deny it all traffic by a NetworkPolicy.

    Without its labels no Service sends it traffic and its owner lets go of it and creates another; it keeps
    running, to be looked into. Target missing: `TargetMissing`; unmanaged, a StatefulSet's or Job's, or
    terminating: `TargetRefused`. Already quarantined by an earlier attempt: what is missing is done. A pod
    of that name which is another by now (uid): `TargetMissing`. An owner that does not let go: the step's
    timeout ends the wait. Whether the network plug-in enforces the policy is for the cluster to say.
    """
    ref = Ref("Pod", parameters["pod"], parameters["namespace"])
    mark = writer_of(context)
    known = context.memory.get(_POD)
    pod = await get_target(ref)
    if known is None:
        _refuse_irreplaceable(ref, pod)
        metadata = pod["metadata"]
        known = {"uid": metadata["uid"], "labels": dict(metadata.get("labels") or {})}
        await Remember(_POD, known)
    _same(ref, pod, known["uid"])
    await _create_policy(ref, mark)
    labels = pod["metadata"].get("labels") or {}
    if labels != {QUARANTINE: mark}:
        without: dict[str, str | None] = dict.fromkeys(label for label in labels if label != QUARANTINE)
        changes = {"metadata": {"labels": {**without, QUARANTINE: mark}}}
        await Patch(ref, changes, manager=context.manager)
    await _until(ref, known["uid"], owned=False)
    return {"pod": ref.name, "uid": known["uid"], "network_policy": _policy(ref, mark).name}


async def release_pod(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the pod its labels back, so that its owner adopts it again, and remove the NetworkPolicy.

    The owner then has one pod too many and stops one, by its own order. A pod that is gone by now needs no
    label.
    """
    ref = Ref("Pod", parameters["pod"], parameters["namespace"])
    known = context.memory.get(_POD)
    if known is None:
        return {"undone": False}
    try:
        pod = await Get(ref)
    except NotFound:
        pod = None
    is_there = pod is not None and pod["metadata"]["uid"] == known["uid"]
    if pod is not None and is_there:
        labels = pod["metadata"].get("labels") or {}
        if QUARANTINE in labels:
            changes = {"metadata": {"labels": {**known["labels"], QUARANTINE: None}}}
            await Patch(ref, changes, manager=context.manager)
    with suppress(NotFound):
        await Delete(_policy(ref, writer_of(context)))
    if is_there:
        await _until(ref, known["uid"], owned=True)
    return {"undone": True, "pod": ref.name}


def _refuse_irreplaceable(ref: Ref, pod: Resource) -> None:
    owner = owner_of(pod)
    if owner is None or owner.kind not in _OWNERS:
        what = f"belongs to {owner}" if owner else "has no owner"
        raise TargetRefused(f"{ref} {what}: nobody would replace it", reason="Unmanaged")
    if "deletionTimestamp" in pod["metadata"]:
        raise TargetRefused(f"{ref} is being deleted", reason="Terminating")


def _same(ref: Ref, pod: Resource, uid: str) -> None:
    if pod["metadata"]["uid"] != uid:
        raise TargetMissing(f"{ref} was replaced by another of its name before it could be quarantined")


def _policy(pod: Ref, mark: str) -> Ref:
    return Ref("NetworkPolicy", f"quarantine-{mark}", pod.namespace)


async def _create_policy(pod: Ref, mark: str) -> None:
    ref = _policy(pod, mark)
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": ref.name, "namespace": ref.namespace, "labels": {QUARANTINE: mark}},
        "spec": {
            "podSelector": {"matchLabels": {QUARANTINE: mark}},
            "policyTypes": ["Ingress", "Egress"],
        },
    }
    try:
        await Create(policy)
    except Conflict:
        found = await Get(ref)  # the name is this step's alone, so an earlier attempt created it
        if (found["metadata"].get("labels") or {}).get(QUARANTINE) != mark:
            raise TargetRefused(f"{ref} exists and is somebody else's", reason="NameTaken") from None


async def _until(ref: Ref, uid: str, *, owned: bool) -> None:
    def so(pods: Sequence[Resource]) -> bool | None:
        if not pods or pods[0]["metadata"]["uid"] != uid or "deletionTimestamp" in pods[0]["metadata"]:
            return True
        return True if (owner_of(pods[0]) is not None) == owned else None

    done = "be adopted again" if owned else "be let go by its owner"
    await WaitUntil((by_ref(ref),), so, f"{ref} to {done}")


SPEC = ActionSpec(
    name="quarantine_pod",
    run=quarantine_pod,
    parameters={
        "namespace": NAMESPACE,
        "pod": Parameter("string", required=True, summary="the pod to isolate"),
    },
    calls_min=3,
    summary="take one pod out of service and off the network, while its owner replaces it",
    rollback=release_pod,
    target=named("Pod", "pod"),
    rbac=(
        rule("pods", *READ, "patch"),
        rule("networkpolicies", "get", "create", "delete"),
    ),
    precondition="the pod exists, is not terminating, and a ReplicaSet or DaemonSet owns it",
    post_condition="the pod runs on without owner, labels and traffic; its owner creates another",
)
