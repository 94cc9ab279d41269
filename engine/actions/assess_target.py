"""`assess_target`: look whether a target is healthy, so that what was done to it counts as helpful or not."""

from collections.abc import Mapping
from typing import Any

from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter, Rule
from engine.core.effects import Get, Ref, Resource
from engine.core.errors import NotFound

KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Pod", "Node", "Job")


async def assess_target(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Say whether an object is healthy now; one that does not exist is not. Nothing is changed.

    Healthy is: a workload whose latest generation is observed and that has all the pods it wants, ready; a
    pod or node whose Ready condition is true, the node being open to pods; a Job that has not failed.
    """
    del context
    kind, name, namespace = parameters["kind"], parameters["name"], parameters["namespace"]
    if kind not in KINDS:
        raise InvalidParameters(f"assess_target: 'kind' is one of {', '.join(KINDS)}, not {kind!r}")
    try:
        problem = _problem(await Get(Ref(kind, name, namespace)))
    except NotFound:
        problem = "it does not exist"
    return {"healthy": not problem, "problem": problem}


def _problem(one: Resource) -> str:
    status, spec = one.get("status") or {}, one.get("spec") or {}
    if one["kind"] in ("Pod", "Node"):
        if one["kind"] == "Node" and spec.get("unschedulable"):
            return "it is closed to pods"
        return "" if _condition(status, "Ready") else "its condition Ready is not True"
    if one["kind"] == "Job":
        return "it has failed" if _condition(status, "Failed") else ""
    if status.get("observedGeneration", 0) < one["metadata"].get("generation", 0):
        return "its controller has not seen its latest generation"
    if one["kind"] == "DaemonSet":
        wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
    else:
        wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    return "" if ready == wanted else f"{ready} of its pods are ready, and it wants {wanted}"


def _condition(status: Mapping[str, Any], name: str) -> bool:
    return any(one["type"] == name and one["status"] == "True" for one in status.get("conditions") or ())


def _target(parameters: Mapping[str, Any]) -> Ref | None:
    kind, name = parameters.get("kind"), parameters.get("name")
    return Ref(kind, name, parameters.get("namespace") or "") if kind and name else None


SPEC = ActionSpec(
    name="assess_target",
    run=assess_target,
    target=_target,
    coalescible=True,
    parameters={
        "kind": Parameter("string", required=True, summary=", ".join(KINDS)),
        "name": Parameter("string", required=True, summary="the object's name"),
        "namespace": Parameter("string", default="", summary="where it lives; empty for a node"),
    },
    calls_min=1,
    summary="look whether a target is healthy",
    precondition="the target exists",
    post_condition="the outputs hold what was found; nothing is changed",
    irreversible="nothing is changed",
    rbac=(
        Rule("", ("nodes",), ("get",), cluster_scoped=True),
        Rule("", ("pods",), ("get",)),
        Rule("apps", ("deployments", "statefulsets", "daemonsets"), ("get",)),
        Rule("batch", ("jobs",), ("get",)),
    ),
)
