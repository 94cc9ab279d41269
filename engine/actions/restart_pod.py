"""`restart_pod`: delete or evict one pod of a Deployment and wait until the Deployment is whole again."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.actions.deployments import by_name, get_deployment, pods_of, pods_with, replicas_wanted
from engine.actions.pods import controller_of, is_live, serves
from engine.actions.targets import NAMESPACE, READ, named, rule
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.definition import SECOND_NS
from engine.core.effects import Delete, Evict, Get, List, Reads, Ref, Remember, Resource, Sleep, WaitUntil
from engine.core.errors import ActionError, Conflict, NotFound, TargetMissing, TargetRefused, TooManyRequests

EVICTION_RETRY_NS = 5 * SECOND_NS  # kubectl drain's
CHOICES_MAX = 20
_VICTIM = "victim"
_WHOLE = (Reads.SPEC, Reads.READINESS | Reads.LIFE)  # what of the Deployment, and what of its pods
Victim = Mapping[str, Any]
"""What is remembered of the chosen pod: namespace, pod, uid, deployment, labels."""


async def restart_pod(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Restart one pod, chosen by ordinal among a Deployment's pods or named.

    Target missing (no such Deployment or pod, or no replicas wanted): `TargetMissing`. A pod that no
    Deployment owns is refused, since nobody would create it anew. Already gone when it is to be removed:
    somebody else restarted it, so another pod is chosen; a pod that was named, or that an earlier attempt
    chose, counts as restarted. A replacement that never becomes ready: the step's timeout ends the wait.
    An eviction that a budget forbids is tried again every 5 s, as ``kubectl drain`` does, until the
    timeout.
    """
    _check(parameters)
    victim = context.memory.get(_VICTIM)
    if victim is not None:
        await _remove(victim, parameters["method"])
    else:
        victim = await _choose_and_remove(parameters)
    await _until_whole(victim)
    return {"deployment": victim["deployment"], "pod": victim["pod"], "uid": victim["uid"]}


async def _choose_and_remove(parameters: Mapping[str, Any]) -> Victim:
    """Choose, remember, then remove, in this order: a later attempt must find the same pod."""
    if parameters["pod"]:
        victim = await _named(parameters["namespace"], parameters["pod"])
        await Remember(_VICTIM, victim)
        await _remove(victim, parameters["method"])
        return victim
    deployment = await get_deployment(parameters["namespace"], parameters["deployment"])
    for _ in range(CHOICES_MAX):
        victim = await _by_ordinal(deployment, parameters["ordinal"])
        await Remember(_VICTIM, victim)
        if await _remove(victim, parameters["method"]):
            return victim
    raise ActionError(
        f"{CHOICES_MAX} pods in turn were gone before they could be restarted", reason="Contended"
    )


async def _by_ordinal(deployment: Resource, ordinal: int) -> Victim:
    metadata = deployment["metadata"]
    selection = pods_of(deployment)
    pods = _in_order(await List(selection))
    if not pods:
        if replicas_wanted(deployment) == 0:
            raise TargetMissing(f"Deployment {metadata['namespace']}/{metadata['name']} wants no pods")
        pods = await WaitUntil(
            (selection,),
            lambda found: _in_order(found) or None,
            f"Deployment {metadata['namespace']}/{metadata['name']} to have a pod that can be restarted",
        )
    return _victim(pods[ordinal % len(pods)], metadata["name"], selection.labels)


async def _named(namespace: str, name: str) -> Victim:
    try:
        pod = await Get(Ref("Pod", name, namespace))
        owner = controller_of(pod, "ReplicaSet")
        replica_set = await Get(Ref("ReplicaSet", owner, namespace)) if owner else None
    except NotFound as error:
        raise TargetMissing(str(error)) from error
    deployment = controller_of(replica_set, "Deployment") if replica_set is not None else ""
    if replica_set is None or not deployment:
        raise TargetRefused(
            f"Pod {namespace}/{name} belongs to no Deployment: nobody would create it anew",
            reason="Unmanaged",
        )
    return _victim(pod, deployment, pods_of(replica_set).labels)


async def _remove(victim: Victim, method: str) -> bool:
    """Delete or evict this very pod; return False if it is gone already."""
    ref = Ref("Pod", victim["pod"], victim["namespace"])
    while True:
        try:
            await (Evict(ref, victim["uid"]) if method == "evict" else Delete(ref, victim["uid"]))
        except (NotFound, Conflict):
            return False
        except TooManyRequests:
            if method != "evict":
                raise
            await Sleep(EVICTION_RETRY_NS, retry=True)
        else:
            return True


async def _until_whole(victim: Victim) -> None:
    namespace, name, uid = victim["namespace"], victim["deployment"], victim["uid"]

    def whole(deployments: Sequence[Resource], pods: Sequence[Resource]) -> str | None:
        if not deployments:
            return "deleted"
        # Asked at every change of any of the pods: the cheap and frequent answers come first.
        for pod in pods:
            if pod["metadata"]["uid"] == uid:
                return None
        spare = len(pods) - replicas_wanted(deployments[0])
        for pod in pods:
            if spare < 0:
                return None
            if not serves(pod):
                spare -= 1
        return "done" if spare >= 0 else None

    outcome = await WaitUntil(
        (by_name(namespace, name), pods_with(namespace, dict(victim["labels"]))),
        whole,
        f"Pod {namespace}/{victim['pod']} to be gone and Deployment {name} to have all its pods ready",
        reads=_WHOLE,
    )
    if outcome == "deleted":
        raise TargetMissing(f"Deployment {namespace}/{name} was deleted while its pod was being restarted")


def _in_order(pods: Sequence[Resource]) -> list[Resource]:
    """Return the pods that can be restarted, the oldest first."""
    return sorted(filter(is_live, pods), key=lambda pod: (_created(pod), pod["metadata"]["name"]))


def _created(pod: Resource) -> str:
    return str(pod["metadata"].get("creationTimestamp", ""))


def _victim(pod: Resource, deployment: str, labels: Sequence[tuple[str, str]]) -> Victim:
    metadata = pod["metadata"]
    return {
        "namespace": metadata["namespace"],
        "pod": metadata["name"],
        "uid": metadata["uid"],
        "deployment": deployment,
        "labels": [list(label) for label in labels],
    }


def _check(parameters: Mapping[str, Any]) -> None:
    if bool(parameters["deployment"]) == bool(parameters["pod"]):
        raise InvalidParameters("restart_pod: give either 'deployment' or 'pod'")
    if parameters["method"] not in ("delete", "evict"):
        raise InvalidParameters(f"restart_pod: 'method' is delete or evict, not {parameters['method']!r}")


def _target(parameters: Mapping[str, Any]) -> Ref | None:
    return named("Pod", "pod")(parameters) or named("Deployment", "deployment")(parameters)


SPEC = ActionSpec(
    name="restart_pod",
    run=restart_pod,
    parameters={
        "namespace": NAMESPACE,
        "deployment": Parameter(
            "string", default="", summary="the Deployment one of whose pods is restarted"
        ),
        "ordinal": Parameter(
            "integer", default=0, summary="which of its pods, oldest first, modulo their number"
        ),
        "pod": Parameter("string", default="", summary="the pod by name, in place of deployment and ordinal"),
        "method": Parameter(
            "string", default="delete", summary="delete, or evict (respects disruption budgets)"
        ),
    },
    calls_min=3,
    summary="delete or evict one pod and wait until its Deployment is whole again",
    target=_target,
    rbac=(
        rule("deployments", *READ),
        rule("replicasets", "get"),
        rule("pods", *READ, "delete"),
        rule("pods/eviction", "create"),
    ),
    precondition="the Deployment has a pod that is neither terminating nor finished",
    post_condition="that pod is gone, and the Deployment has all its pods ready",
    irreversible="a pod that is gone does not come back; its Deployment has replaced it by an equal one",
)
