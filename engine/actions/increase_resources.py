"""`increase_resources`: give a Deployment's pods more CPU or memory, in place where the cluster can."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.actions import resizing
from engine.actions.deployments import pods_of, refuse_paused, until_rolled_out
from engine.actions.patching import patch_guarded
from engine.actions.targets import FOLLOW, NAMESPACE, READ, get_target, named, rule
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import List, Ref, Remember, Resource, Selection
from engine.core.errors import TargetRefused

_PLAN: Final = "plan"
_METHODS: Final = ("auto", "in-place", "rolling")
Plan = Mapping[str, Any]
"""What is remembered: container, its resources before and after, and the method."""


async def increase_resources(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raise the requests and limits of one container of a Deployment's pods.

    In place, by the resize subresource of each pod, where every node that holds one runs Kubernetes
    `in_place_since` or later; the Deployment's template stays, so a pod that is replaced later has its old
    resources: a change that shall last is made with `method: rolling`, which changes the template. A pod
    whose node can never hold it (Infeasible) is rolled under auto, else `TargetRefused`; one whose node
    cannot hold it now (Deferred) is waited for until the step's timeout. Target missing: `TargetMissing`;
    paused, for rolling: `TargetRefused`; less than now: InvalidParameters. As much already: nothing is
    written. A second start resizes what is left.
    """
    _check(parameters)
    ref = Ref("Deployment", parameters["deployment"], parameters["namespace"])
    deployment = await get_target(ref)
    plan = context.memory.get(_PLAN)
    if plan is None:
        container = resizing.container_of(deployment["spec"]["template"], parameters["container"], str(ref))
        before = container.get("resources") or {}
        after = resizing.increased(before, parameters)
        plan = {"container": container["name"], "before": before, "after": after, "method": "rolling"}
        if parameters["method"] != "rolling" and await _can_resize(deployment, parameters):
            plan["method"] = "in-place"
        await Remember(_PLAN, plan)
    if plan["method"] == "in-place":
        infeasible = await resizing.resize(context, pods_of(deployment), plan["container"], plan["after"])
        if infeasible:
            if parameters["method"] == "in-place":
                raise TargetRefused(f"{infeasible} cannot be resized on its node", reason="Infeasible")
            plan = {**plan, "method": "rolling"}
            await Remember(_PLAN, plan)
    if plan["method"] == "rolling":
        await _roll(context, ref, plan["container"], plan["after"])
    return {"deployment": ref.name, "method": plan["method"], "resources": plan["after"]}


async def undo(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the resources back in the way they were given; what somebody else has set since is left alone."""
    plan = context.memory.get(_PLAN)
    if plan is None:
        return {"undone": False}
    ref = Ref("Deployment", parameters["deployment"], parameters["namespace"])
    deployment = await get_target(ref)
    if plan["method"] == "in-place":
        await resizing.resize(
            context, pods_of(deployment), plan["container"], plan["before"], only_from=plan["after"]
        )
        return {"undone": True}
    container = resizing.container_of(deployment["spec"]["template"], plan["container"], str(ref))
    if container.get("resources") not in (plan["after"], plan["before"]):
        return {"undone": False}
    await _roll(context, ref, plan["container"], plan["before"])
    return {"undone": True}


async def _can_resize(deployment: Resource, parameters: Mapping[str, Any]) -> bool:
    pods = await List(pods_of(deployment))
    versions = {
        node["metadata"]["name"]: str(
            ((node.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion", "")
        )
        for node in await List(Selection("Node"))
    }
    nodes = dict.fromkeys(pod["spec"]["nodeName"] for pod in pods if pod["spec"].get("nodeName"))
    since = parameters["in_place_since"]
    old = [node for node in nodes if not resizing.at_least(versions.get(node, ""), since)]  # or gone by now
    if old and parameters["method"] == "in-place":
        message = (
            f"Node {old[0]} runs Kubernetes {versions.get(old[0]) or 'of an unknown version'}: "
            f"resizing in place needs {since}"
        )
        raise TargetRefused(message, reason="NotSupported")
    return not old


async def _roll(context: ActionContext, ref: Ref, container: str, resources: Mapping[str, Any]) -> None:
    def changes(deployment: Resource) -> Mapping[str, Any]:
        refuse_paused(deployment)
        changed = resizing.with_resources(deployment["spec"]["template"], container, resources)
        return {"spec": {"template": {"spec": changed}}} if changed else {}

    deployment = await patch_guarded(context, ref, changes)
    await until_rolled_out(deployment, lambda _deployment, pod: _has(pod, container, resources))


def _has(pod: Resource, container: str, resources: Mapping[str, Any]) -> bool:
    containers: Sequence[Mapping[str, Any]] = pod["spec"]["containers"]
    return any(one["name"] == container and one.get("resources") == resources for one in containers)


def _check(parameters: Mapping[str, Any]) -> None:
    if parameters["method"] not in _METHODS:
        raise InvalidParameters(
            f"increase_resources: 'method' is {', '.join(_METHODS)}, not {parameters['method']!r}"
        )
    given = any(parameters[name] for name in resizing.AMOUNTS)
    if given == bool(parameters["percent"]):
        raise InvalidParameters(
            f"increase_resources: give either 'percent' or some of {', '.join(resizing.AMOUNTS)}"
        )
    if parameters["percent"] < 0:
        raise InvalidParameters(
            f"increase_resources: 'percent' must not be negative, found {parameters['percent']}"
        )


SPEC = ActionSpec(
    name="increase_resources",
    run=increase_resources,
    parameters={
        "namespace": NAMESPACE,
        "deployment": Parameter("string", required=True, summary="the Deployment whose pods get more"),
        "container": Parameter("string", default="", summary="which container; empty: the first"),
        "cpu": Parameter("string", default="", summary="the CPU request, such as 500m; empty: as it is"),
        "memory": Parameter("string", default="", summary="the memory request, such as 1Gi"),
        "cpu_limit": Parameter("string", default="", summary="the CPU limit"),
        "memory_limit": Parameter("string", default="", summary="the memory limit"),
        "percent": Parameter(
            "integer", default=0, summary="instead: how much more of every CPU and memory amount there is"
        ),
        "method": Parameter(
            "string", default="auto", summary="in-place, rolling, or auto: in place where possible"
        ),
        "in_place_since": Parameter(
            "string", default="1.33", summary="the Kubernetes version from which pods are resized in place"
        ),
    },
    calls_min=3,
    summary="give a Deployment's pods more CPU or memory, in place where the cluster can",
    rollback=undo,
    target=named("Deployment", "deployment"),
    rbac=(
        rule("deployments", *READ, "patch"),
        rule("pods", *FOLLOW),
        rule("pods/resize", "patch"),
        rule("nodes", "list"),
    ),
    precondition="the Deployment exists and has the container; it is not paused if it is to be rolled",
    post_condition="every pod of it has the resources; rolling: those that come later have them too",
)
